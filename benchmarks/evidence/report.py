"""The tables of docs/evidence.md, written between their markers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.evidence.arms import ARMS, BASELINE
from benchmarks.evolutions import tables
from benchmarks.evolutions.results import (
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
from benchmarks.evolutions.tables import Row, duration, intervals, points, spent, table

MARKER = "learning"
METRICS = ("greedy", "sampled")
CONTROLS = tuple(name for name, arm in ARMS.items() if arm.matched)
SEEDS, KNOCK_OUT_SEEDS = 5, 20
"""Runs that the claims need."""

Results = dict[str, list[Result]]


def write(work: Path, document: Path) -> str:
    """Put the tables of the results in ``work`` into ``document``; the tables."""
    results = load(work)
    text = "\n\n".join(_sections(results)) if results else "No run has finished."
    tables.write(document, MARKER, text)
    return text


def _sections(results: Results) -> Iterator[str]:
    yield "### Claims"
    yield table(("claim", "found", "holds"), list(_claims(results)))
    yield "### Frontier accuracy"
    head = ("arm", "runs", "score", "initial", "champion", "last child")
    yield table((*head, "gain of the champion", "t interval", "median"), list(_gains(results)))
    yield "### Default minus control, by seed"
    versus = ("control", "runs", "score", "its last child", "t interval", "median")
    yield table((*versus, "its best generation"), list(_comparisons(results)))
    yield "### Cost and side effects"
    spent = ("arm", "runs", "runs that promoted", "tokens sampled", "tokens trained")
    yield table((*spent, "retention", "seconds", "CPU seconds"), list(_costs(results)))
    yield "### Every run"
    yield table(("run", *METRICS), list(_runs(results)))


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
    return claim, points(found), holds


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
            levels = [points(mean(runs, pick, metric)) for pick in (initial, champion, last)]
            yield arm, len(runs), metric, *levels, *intervals(_gain(runs, metric))


def _comparisons(results: Results) -> Iterator[Row]:
    for control in CONTROLS:
        for metric in METRICS:
            found = _against(results, control, metric)
            if found is None:
                continue
            pairs = matched(results[control], results[BASELINE], best(metric), champion)
            flattered = difference(pairs, metric, f"evidence/{control}/best")
            runs = len(found.by_seed)
            yield control, runs, metric, *intervals(found), intervals(flattered)[0]


def _costs(results: Results) -> Iterator[Row]:
    for arm, runs in results.items():
        kept = f"{points(mean(runs, initial, 'retention'))} → "
        kept += points(mean(runs, last if ARMS[arm].matched else champion, "retention"))
        yield (
            arm,
            len(runs),
            "every child" if ARMS[arm].matched else sum(map(_promoted, runs)),
            spent(runs, "sampled_tokens"),
            spent(runs, "trained_tokens"),
            kept,
            duration(runs, "seconds"),
            duration(runs, "cpu_seconds"),
        )


def _runs(results: Results) -> Iterator[Row]:
    """Accuracy of every child, those that were promoted in bold."""
    for arm, runs in results.items():
        for run in runs:
            yield f"{arm} {run['seed']}", *(_curve(run, metric) for metric in METRICS)


def _curve(run: Result, metric: str) -> str:
    return " → ".join(_level(agent, metric) for agent in run["agents"])


def _level(agent: Agent, metric: str) -> str:
    level = points(float(np.nanmean(scores(agent, metric))))
    return f"**{level}**" if agent["promoted"] else level


def _gain(runs: list[Result], metric: str) -> Difference | None:
    return difference([(initial(run), champion(run)) for run in runs], metric, "evidence/gain")


def _against(results: Results, control: str, metric: str) -> Difference | None:
    """The default's champion against the control's last child."""
    pairs = matched(results.get(control, []), results.get(BASELINE, []), last, champion)
    return difference(pairs, metric, f"evidence/{control}")


def _promoted(run: Result) -> bool:
    return any(agent["promoted"] for agent in run["agents"])
