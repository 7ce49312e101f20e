"""How the other ranks learn what rank 0 trains, and train with it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cladeflow.fine_tune.base import Objective
from cladeflow.fine_tune.settings import TrainResult, TrainSettings
from cladeflow.records import TrainingExample
from cladeflow.store import materialise

if TYPE_CHECKING:
    from pathlib import Path

    from cladeflow.fine_tune.trainer import Progress
    from cladeflow.session import Session


class Assignment(NamedTuple):
    """A training run as every rank is told of it; models by their Refs."""

    start: str
    reference: str | None
    examples: Sequence[TrainingExample]
    objective: Objective
    settings: TrainSettings
    scratch: str
    """Input hash of the call: below it lie the checkpoints."""


def train_together(
    session: "Session", assignment: Assignment, out: "Path", progress: "Progress"
) -> TrainResult:
    """Train with all ranks, and save to ``out``; for rank 0."""
    session.ranks.tell(assignment)
    return _carried_out(session, assignment, out, progress)


def help_out(session: "Session") -> None:
    """Train what rank 0 trains, until it says that it is done; for all other ranks."""
    while (assignment := session.ranks.hear()) is not None:
        with session.computing():
            _carried_out(session, assignment, session.home.scratch(assignment.scratch), None)


def _carried_out(
    session: "Session", assignment: Assignment, out: "Path", progress: "Progress | None"
) -> TrainResult:
    from cladeflow.models.lean import import_lean

    import_lean()
    from cladeflow.fine_tune.trainer import train
    from cladeflow.models.loading import load_tokenizer

    start, referent = materialise(session.store, assignment.start), assignment.reference
    return train(
        start,
        assignment.examples,
        assignment.objective,
        assignment.settings,
        out,
        tokenizer=load_tokenizer(start),
        reference=None if referent is None else materialise(session.store, referent),
        checkpoint_dir=session.home.scratch(assignment.scratch),
        progress=progress,
        ranks=session.ranks,
    )
