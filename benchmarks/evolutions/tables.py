"""Markdown tables, and the place between two markers of a document that they are written to."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Literal

from benchmarks.evolutions.results import Difference, Result
from cladeflow.evaluate.statistics import Interval

Row = Sequence[object]


def begin(name: str) -> str:
    """The line before what is written."""
    return f"<!-- {name}: begin -->"


def end(name: str) -> str:
    """The line after it."""
    return f"<!-- {name}: end -->"


def put(document: str, name: str, text: str) -> str:
    """``document`` with ``text`` between the markers called ``name``.

    Raises `ValueError` where a marker is missing.
    """
    before, first, rest = document.partition(begin(name))
    _, last, after = rest.partition(end(name))
    if not (first and last):
        raise ValueError(f"no markers {begin(name)} and {end(name)} to write between")
    return f"{before}{first}\n\n{text}\n\n{last}{after}"


def write(path: Path, name: str, text: str) -> None:
    """Put ``text`` into the document at ``path``."""
    path.write_text(put(path.read_text(), name, text))


def table(head: Row, rows: Sequence[Row]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def points(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.1f}"


def signed(share: float) -> str:
    """A difference in points."""
    return f"{100 * share:+.1f}"


def bounds(interval: Interval) -> str:
    """Both bounds in points."""
    return f"{signed(interval.lo)}, {signed(interval.hi)}"


def intervals(found: Difference | None) -> tuple[str, str, str]:
    """Mean with its bootstrap interval, t interval, median."""
    if found is None:
        return "-", "-", "-"
    mean_gain = f"{signed(found.bootstrap.value)} [{bounds(found.bootstrap)}]"
    return mean_gain, f"[{bounds(found.t)}]", signed(found.median)


def spent(runs: Sequence[Result], what: Literal["sampled_tokens", "trained_tokens"]) -> str:
    """Tokens of a run, the mean over runs."""
    return f"{fmean(tokens(run, what) for run in runs):,.0f}"


def tokens(run: Result, what: Literal["sampled_tokens", "trained_tokens"]) -> int:
    """Tokens of all generations of a run."""
    return sum(agent[what] for agent in run["agents"])


def duration(runs: Sequence[Result], what: Literal["seconds", "cpu_seconds"]) -> str:
    """The median over the runs that were not interrupted."""
    found = [run[what] for run in runs if what in run]
    return f"{median(found):.0f}" if found else "-"
