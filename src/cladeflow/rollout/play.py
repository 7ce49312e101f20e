"""One chain of turns: the agent writes, the environment answers, until it is done."""

from typing import NamedTuple

from cladeflow.models.context import Context
from cladeflow.models.engine import Completion, Sampling
from cladeflow.records import Task
from cladeflow.rollout.episode import EpisodeContext

OBSERVER = "tool"
"""Role of the steps in which an environment answers."""


class Played(NamedTuple):
    """A context continued to its end; ``truncated`` where a limit ended it."""

    context: Context
    truncated: bool


def respond(context: Context, completion: Completion) -> Played:
    """The context of a single-turn task with its one turn."""
    context.accept(completion)
    return Played(context, completion.finish == "length")


async def play(
    task: Task, context: Context, ctx: EpisodeContext, *, sampling: Sampling, key: str
) -> Played:
    """Continue ``context`` with the actor's and the environment's turns (one where it has one)."""
    model = ctx.model()
    session = ctx.env.session(task)
    for turn in range(ctx.env.max_turns):
        if turn and not model.room(context):
            break
        completion = (await model.generate(context, sampling=sampling, key=f"{key}/{turn}"))[0]
        if ctx.env.max_turns == 1:
            return respond(context, completion)
        seen = session.step(completion.text)
        context.accept(completion, seen.call)
        if seen.done:
            return Played(context, truncated=False)
        context.append(OBSERVER, seen.text)
    return Played(context, truncated=True)
