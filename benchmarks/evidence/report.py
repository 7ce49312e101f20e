"""The tables of docs/evidence.md, written between their markers."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Literal

import numpy as np

from benchmarks.evidence.arms import ARMS, BASELINE
from benchmarks.evidence.results import (
    Agent,
    Difference,
    Result,
    best,
    champion,
    difference,
    initial,
    last,
    load,
    matched,
    mean,
    scores,
)
from cladeflow.evaluate.statistics import Interval

BEGIN, END = "<!-- learning: begin -->", "<!-- learning: end -->"
METRICS = ("greedy", "sampled")
CONTROLS = tuple(name for name, arm in ARMS.items() if arm.matched)
SEEDS, KNOCK_OUT_SEEDS = 5, 20
"""Runs that the claims need."""

Results = dict[str, list[Result]]
Row = Sequence[object]


def write(work: Path, document: Path) -> str:
    """Put the tables of the results in ``work`` into ``document``; the tables."""
    results = load(work)
    text = "\n\n".join(_sections(results)) if results else "No run has finished."
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    return text


def _sections(results: Results) -> Iterator[str]:
    yield "### Claims"
    yield _table(("claim", "found", "holds"), list(_claims(results)))
    yield "### Frontier accuracy"
    head = ("arm", "runs", "score", "initial", "champion", "last child")
    yield _table((*head, "gain of the champion", "t interval", "median"), list(_gains(results)))
    yield "### Default minus control, by seed"
    versus = ("control", "runs", "score", "its last child", "t interval", "median")
    yield _table((*versus, "its best generation"), list(_comparisons(results)))
    yield "### Cost and side effects"
    spent = ("arm", "runs", "runs that promoted", "tokens sampled", "tokens trained")
    yield _table((*spent, "retention", "seconds", "CPU seconds"), list(_costs(results)))
    yield "### Every run"
    yield _table(("run", *METRICS), list(_runs(results)))


def _claims(results: Results) -> Iterator[Row]:
    runs = results.get(BASELINE, [])
    for metric in METRICS:
        gain = _gain(runs, metric)
        start = mean(runs, initial, metric) if runs else None
        end = mean(runs, champion, metric) if runs else None
        few = len(runs) < SEEDS
        yield _claim(f"{metric}: starts between 20 and 40 %", start, few, 0.2, 0.4)
        yield _claim(f"{metric}: median gain of 30 points", gain and gain.median, few, 0.3)
        yield _claim(f"{metric}: lower bound of 20 points", gain and gain.least, few, 0.2)
        yield _claim(f"{metric}: ends at 80 % (stretch)", end, few, 0.8)
    for control in CONTROLS:
        for metric in METRICS:
            found = _against(results, control, metric)
            few = found is None or len(found.by_seed) < SEEDS
            yield _claim(f"{metric}: better than {control}", found and found.least, few, 1e-9)
    yield _knock_out(results.get("shuffled", []))


def _claim(
    claim: str, found: float | None, few: bool, least: float, most: float = float("inf")
) -> Row:
    if found is None:
        return claim, "-", "not measured"
    holds = "too few runs" if few else "yes" if least <= found <= most else "**no**"
    return claim, _points(found), holds


def _knock_out(runs: list[Result]) -> Row:
    claim = "shuffled: at most 2 of 20 runs promote anything"
    if not runs:
        return claim, "-", "not measured"
    count = sum(map(_promoted, runs))
    holds = "too few runs" if len(runs) < KNOCK_OUT_SEEDS else "yes" if count <= 2 else "**no**"
    return claim, f"{count} of {len(runs)}", holds


def _gains(results: Results) -> Iterator[Row]:
    for arm, runs in results.items():
        for metric in METRICS:
            levels = [_points(mean(runs, pick, metric)) for pick in (initial, champion, last)]
            yield arm, len(runs), metric, *levels, *_intervals(_gain(runs, metric))


def _comparisons(results: Results) -> Iterator[Row]:
    for control in CONTROLS:
        for metric in METRICS:
            found = _against(results, control, metric)
            if found is None:
                continue
            pairs = matched(results[control], results[BASELINE], best(metric), champion)
            flattered = difference(pairs, metric, f"{control}/best")
            runs = len(found.by_seed)
            yield control, runs, metric, *_intervals(found), _intervals(flattered)[0]


def _costs(results: Results) -> Iterator[Row]:
    for arm, runs in results.items():
        kept = f"{_points(mean(runs, initial, 'retention'))} → "
        kept += _points(mean(runs, last if ARMS[arm].matched else champion, "retention"))
        yield (
            arm,
            len(runs),
            "every child" if ARMS[arm].matched else sum(map(_promoted, runs)),
            _spent(runs, "sampled_tokens"),
            _spent(runs, "trained_tokens"),
            kept,
            _median(runs, "seconds"),
            _median(runs, "cpu_seconds"),
        )


def _runs(results: Results) -> Iterator[Row]:
    """Accuracy of every child, those that were promoted in bold."""
    for arm, runs in results.items():
        for run in runs:
            yield f"{arm} {run['seed']}", *(_curve(run, metric) for metric in METRICS)


def _curve(run: Result, metric: str) -> str:
    return " → ".join(_level(agent, metric) for agent in run["agents"])


def _level(agent: Agent, metric: str) -> str:
    level = _points(float(np.nanmean(scores(agent, metric))))
    return f"**{level}**" if agent["promoted"] else level


def _gain(runs: list[Result], metric: str) -> Difference | None:
    return difference([(initial(run), champion(run)) for run in runs], metric, "gain")


def _against(results: Results, control: str, metric: str) -> Difference | None:
    """The default's champion against the control's last child."""
    pairs = matched(results.get(control, []), results.get(BASELINE, []), last, champion)
    return difference(pairs, metric, control)


def _promoted(run: Result) -> bool:
    return any(agent["promoted"] for agent in run["agents"])


def _intervals(found: Difference | None) -> tuple[str, str, str]:
    """Mean with its bootstrap interval, t interval, median."""
    if found is None:
        return "-", "-", "-"
    mean_gain = f"{_signed(found.bootstrap.value)} [{_bounds(found.bootstrap)}]"
    return mean_gain, f"[{_bounds(found.t)}]", _signed(found.median)


def _bounds(interval: Interval) -> str:
    return f"{_signed(interval.lo)}, {_signed(interval.hi)}"


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}"


def _spent(runs: list[Result], what: Literal["sampled_tokens", "trained_tokens"]) -> str:
    return f"{fmean(sum(agent[what] for agent in run['agents']) for run in runs):,.0f}"


def _median(runs: list[Result], what: Literal["seconds", "cpu_seconds"]) -> str:
    """Over the runs that were not interrupted."""
    found = [run[what] for run in runs if what in run]
    return f"{median(found):.0f}" if found else "-"


def _table(head: Row, rows: Sequence[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
