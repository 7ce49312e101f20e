"""Doing a stage again: how often a person had each call redone.

The counts are events of the archive, part of a call's input hash, and the seed of its random
generators; so what comes before stays as it is, and what comes after follows through its inputs
where those differ. They belong to calls, not to a plan: they are asked for while a generation is
under way, whose plan is fixed.
"""

from collections.abc import Sequence

from cladeflow.archive.archive import Archive
from cladeflow.archive.events import Event
from cladeflow.errors import CladeflowError
from cladeflow.graph import StageCall
from cladeflow.recipes.parse import nearest


def redo_counts(archive: Archive) -> dict[str, int]:
    """How often each call is done again, by its path."""
    return {e.payload["call"]: e.payload["redo"] for e in archive.events(kinds=["redone"])}


def evaluations_redone(archive: Archive, generation: int) -> int:
    """How often agents were evaluated again in the generations before ``generation``."""
    counts: dict[int, int] = {}
    for path, redo in redo_counts(archive).items():
        _, gen, *_, stage = path.split("/")
        if stage == "evaluate" and int(gen) < generation:
            counts[int(gen)] = max(redo, counts.get(int(gen), 0))
    return sum(counts.values())


def once_more(calls: Sequence[StageCall], stage: str) -> list[StageCall]:
    """The calls of a stage, to be done once more: all of ``stage``, or the one with that name.

    Raises `CladeflowError` where none of ``calls``, a generation's, is meant.
    """
    wanted = [call for call in calls if stage in (call.stage, str(call))]
    if not wanted:
        names = dict.fromkeys(name for call in calls for name in (call.stage, str(call)))
        raise CladeflowError(f"--from {stage}: no such stage here{nearest(stage, names)}")
    if any(call.stage == "plan" for call in wanted):
        raise CladeflowError(
            "--from plan: the plan is what makes a generation the same when it resumes; "
            "name a stage after it"
        )
    return [call.model_copy(update={"redo": call.redo + 1}) for call in wanted]


def record_redo(archive: Archive, calls: Sequence[StageCall], why: str = "") -> None:
    """Have ``calls`` count as they say from now on."""
    initial = archive.evolution.initial
    archive.record([_event(call, initial, why) for call in calls])


def _event(call: StageCall, initial: str, why: str) -> Event:
    return Event(
        key=f"redone/{call.path}/{call.redo}",
        kind="redone",
        agent_id=initial,
        payload={"call": call.path, "redo": call.redo},
        why=why,
    )
