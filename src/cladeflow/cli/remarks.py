"""What a person should know of an evolution besides its table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cladeflow.environments.base import Environment
from cladeflow.strategy import find

if TYPE_CHECKING:
    from cladeflow.session import Session
    from cladeflow.views import GenerationView

GUESSES = 0.02
"""Share of right answers that a model reaches which hits a small number by chance."""


def remarks(views: Sequence["GenerationView"]) -> list[str]:
    """What was left out, stopped or not comparable, and why nothing was solved if nothing was."""
    found = [said(view) for view in views for said in (_contaminated, _stopped, _gaps)]
    return [*filter(None, found), *_unsolved(views)]


def _contaminated(view: "GenerationView") -> str:
    left_out = view.counts.get("cladeflow_contaminated_examples_total", 0)
    if not left_out:
        return ""
    built = left_out + view.counts.get("cladeflow_examples_total", 0)
    return (
        f"generation {view.generation}: {left_out:,} of {built:,} training examples were left out "
        "because they contain or descend from a held-out task"
    )


def _gaps(view: "GenerationView") -> str:
    """The families that a report has nothing to say of."""
    missing = sorted({f"{gap.suite}/{gap.family}" for gap in view.report.gaps})
    if not missing:
        return ""
    return (
        f"generation {view.generation}: nothing is known of {', '.join(missing)}, because no task "
        "there has a verdict for both child and incumbent; look at its checker errors"
    )


def _stopped(view: "GenerationView") -> str:
    if view.report.passed is not False:
        return ""
    reasons = "; ".join(view.report.reasons)
    return f"generation {view.generation}, child {view.agent_id[:12]}: {reasons}"


def _unsolved(views: Sequence["GenerationView"]) -> list[str]:
    """Nothing where some agent has solved more than a guess now and then."""
    rows = [view.row(metric) for view in views for metric in ("greedy", "sampled")]
    best = max((row.value for row in rows if row), default=1.0)
    if best > GUESSES:
        return []
    last = views[-1]
    parsed = last.row("parse_rate")
    read = f"; {parsed.value:.1%} of them can be read" if parsed else ""
    lines = [
        f"{'next to ' if best else ''}nothing was solved: at best {best:.1%} of an agent's answers "
        f"to held-out tasks are right{read}"
    ]
    sampled = last.counts.get("cladeflow_trajectories_total", 0)
    if sampled:
        right = last.counts.get("cladeflow_positive_trajectories_total", 0)
        cut = last.counts.get("cladeflow_truncated_trajectories_total", 0)
        lines.append(
            f"generation {last.generation}: {right:,} of {sampled:,} attempts at training tasks "
            f"are right and {cut:,} ended at the token limit; it trained on "
            f"{last.counts.get('cladeflow_examples_total', 0):,} examples"
        )
    lines.append(
        "an agent learns from what it solves: start from a model that solves some of the tasks, "
        "take easier tasks, or tell it how to answer with --prompt FILE"
    )
    return lines


def next_step(session: "Session", begun: bool) -> str:
    """What to do about an evolution whose next generation was ``begun`` or not."""
    from cladeflow.archive.lease import holder
    from cladeflow.kubeflow.guard import run_at_work
    from cladeflow.views import nothing_left

    home, done = session.home, session.archive.generations()
    if owner := holder(session.archive):
        return f"in use by {owner}; wait for it, or stop it"
    if run := run_at_work(session.archive, home):
        return f"run {run} is at work; wait for it ('cladeflow wait {run}'), or cancel it"
    if done and not begun:
        return nothing_left(session)
    what = f"generation {done + 1} was begun" if begun else "no generation was begun"
    command = f"cladeflow evolve --home {home.directory} --generations {done + 1}"
    return f"{what}; '{command}' {'finishes it' if begun else 'makes the first'}"


def cell(views: Sequence["GenerationView"]) -> str:
    """A cell of the evolution's tasks to try an agent on: of its frontier, or of medium level."""
    for row in views[0].report.rows if views else ():
        kind = find("environment", row.env)
        if kind is not None and issubclass(kind, Environment):
            family, levels = next(iter((kind.frontier or kind.levels).items()))
            return f"{family}/{levels[len(levels) // 2]}"
    return "TASK"
