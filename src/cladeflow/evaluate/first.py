"""The first evaluation: can the answers of the agent that an evolution starts from be read?"""

from collections.abc import Callable
from statistics import fmean
from typing import NamedTuple

from cladeflow.errors import CladeflowError
from cladeflow.evaluate.stage import evaluated, held_out_suites, read_result
from cladeflow.graph import Node, StageCall, plan_call
from cladeflow.records import Task, Trajectory, Verdict
from cladeflow.session import Session
from cladeflow.stage import StageContext
from cladeflow.store import Commit
from cladeflow.visit import Visit

LEAST = 0.2
"""Share of answers that must be readable for scores to say something of the model."""
_SHOWN = 300
"""Characters of a text in a message."""


class FirstReport(NamedTuple):
    """What the initial agent made of the held-out suites."""

    tasks: int
    answers: int
    right: float
    parse_rate: float
    commits: tuple[Commit, ...]


def require_readable(session: Session, say: Callable[[str], None]) -> None:
    """Evaluate the initial agent before the first generation does, and say what was found.

    The evaluations are those of the first generation, which finds them done. Raises
    `CladeflowError` with one answer as a sample where fewer than `LEAST` can be read: the model
    does not follow its prompt, and a generation would learn from chance. A recipe that does not
    begin with sampling, but with learning from given traces, is exempt: they teach the format.
    """
    plan = plan_call(1)
    node = Node(StageCall(generation=1, child=0, stage="evaluate"), (plan,))
    ctx = StageContext(session, node, {plan: Visit(session).commit(Node(plan, ()))})
    if not held_out_suites(ctx):
        return
    report = _report(ctx)
    say(
        f"the initial agent: {report.right:.1%} of {report.answers:,} answers to {report.tasks:,} "
        f"held-out tasks are right, {report.parse_rate:.1%} can be read"
    )
    if ctx.plan.resolved.recipe.samples_first and report.parse_rate < LEAST:
        raise CladeflowError(
            f"only {report.parse_rate:.1%} of the initial agent's answers can be read, fewer than "
            f"{LEAST:.0%}: it does not answer as its prompt asks, so there is nothing to select "
            f"and the run stops. One of its answers:\n{_sample(session, report.commits)}\n"
            "Tell it how to answer with --prompt FILE (see docs/tasks.md), in another --home"
        )


def _report(ctx: StageContext) -> FirstReport:
    suites = held_out_suites(ctx)
    commits = tuple(evaluated(ctx, ctx.plan.incumbent, suite) for suite in suites)
    results = [read_result(ctx.session, s, c) for s, c in zip(suites, commits, strict=True)]
    return FirstReport(
        tasks=len({task for result in results for task in result.tasks}),
        answers=sum(result.parsed.size for result in results),
        right=fmean((result.correct == 1).mean() for result in results),
        parse_rate=fmean(result.parsed.mean() for result in results),
        commits=commits,
    )


def _sample(session: Session, commits: tuple[Commit, ...]) -> str:
    """A task and an answer to it that could not be read."""
    for commit in commits:
        tasks = {task.id: task for task in session.read(commit.sets["tasks"], Task)}
        verdicts = session.read(commit.sets["verdicts"], Verdict)
        read = {v.target.id for v in verdicts if v.parts.get("format")}
        for attempt in session.read(commit.sets["trajectories"], Trajectory):
            if attempt.id not in read:
                asked = "".join(message.text for message in tasks[attempt.task_id].prompt)
                return f"  task: {asked[:_SHOWN]}\n  answer: {attempt.text[:_SHOWN]!r}"
    return "  none is kept"
