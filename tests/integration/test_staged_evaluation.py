"""A child that falls short in a cheap stage: evaluated no further, not promoted, and it says so."""

from pathlib import Path

import pytest

from cladeflow.home import Home
from cladeflow.runners import inline
from cladeflow.session import Session
from cladeflow.views import generation_views
from tests.homes import begun

SUITE = "benchmark_suite: {samples: 1, k: 1, cells: {chain: {12: 3}}}"


def run(directory: Path, threshold: float) -> Home:
    """One generation whose child is the initial agent again, too weak for the cell."""
    stages = f"stages: [{{tasks: 2, threshold: {threshold}}}]"
    evaluate = f"evaluate=[{{staged: {{of: {{{SUITE}}}, {stages}}}}}]"
    home = begun(directory, "default", "rounds=[]", evaluate)
    with Session(home) as session:
        inline.run(session, 1)
    return home


@pytest.mark.parametrize(("threshold", "cleared"), [(1.0, False), (0.0, True)])
def test_who_falls_short_is_not_promoted_whatever_the_gate(
    tmp_path: Path, threshold: float, cleared: bool
) -> None:
    home = run(tmp_path / "home", threshold)
    with Session(home) as session:
        initial, child = generation_views(session)
        archive = session.archive
        fate = archive.events(kinds=["promoted", "rejected"])[-1]
        tallies = [sum(member.tally[:2]) for member in archive.agents()]
    assert initial.report.passed is None and initial.row("greedy") is not None
    assert child.promoted is cleared and (fate.kind == "promoted") is cleared
    if cleared:
        assert child.row("greedy") is not None and tallies == [3, 3]
    else:
        assert child.row("greedy") is None and child.row("screened") is not None
        assert "of the first 2 tasks, fewer than 100%" in fate.why
        assert tallies == [3, 2]
