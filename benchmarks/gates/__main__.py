"""``python -m benchmarks.gates``: print the tables, and fail where a gate errs too often."""

import sys
from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.gates.calibration import CHILDREN, Suite, graded, promoted, rate
from cladeflow.evaluate.power import detectable, power
from cladeflow.promote import ThresholdGate
from cladeflow.promote.evidence import Test
from cladeflow.records import EvalReport

TRIALS = 2_000
LIMIT = 0.05
DISCORDANCES = (0.05, 0.2, 0.4)
TESTS: tuple[Test, ...] = ("bootstrap", "mcnemar")


def print_errors() -> float:
    """How often something is promoted that is no better; the highest upper bound of it."""
    print(f"promoted of {CHILDREN} children that are no better, and 99 % bound ({TRIALS:,} trials)")
    print("\n| test | tasks | 5 % differ | 20 % differ | 40 % differ |\n|---|---|---|---|---|")
    bounds = []
    for test, tasks in product(TESTS, (100, 400)):
        row = [rate(promoted(Suite(test, tasks), d, trials=TRIALS)) for d in DISCORDANCES]
        print(f"| {test} | {tasks} | {' | '.join(map(_share, row))} |", flush=True)
        bounds += [bound for _, bound in row]
    print()
    for what, hits in _cases():
        found = rate(hits)
        print(f"{what}: {_share(found)}", flush=True)
        bounds.append(found[1])
    same = EvalReport(agent_id="c", baseline_id="i", suite="s", seeds=(0,), identical=True)
    print(f"an identical child: {ThresholdGate().decide(same, tried=1).outcome}")
    return max(bounds)


def _cases() -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Cases of their own, 400 tasks each."""
    for test in TESTS:
        yield f"{test}, equal answers", promoted(Suite(test, 400), 0.0, trials=TRIALS)
    averaged = graded(0.2, tasks=400, samples=4, trials=TRIALS)
    yield "bootstrap, accuracy of 1 + 4 answers, first child, 20 % differ", averaged


def _share(rated: tuple[float, float]) -> str:
    share, bound = rated
    return f"{100 * share:.2f} % (≤ {100 * bound:.2f} %)"


def print_power() -> None:
    """Chances to pass where 30 % of the tasks differ."""
    print("\n| tasks | improvement | bootstrap as child 1 / 2 / 5 | McNemar as child 1 / 2 / 5 |")
    print("|---|---|---|---|")
    for tasks in (200, 400, 800):
        for improvement in (0.04, 0.06, 0.08, 0.1):
            cells = " | ".join(_powers(test, tasks, improvement) for test in TESTS)
            print(f"| {tasks} | {100 * improvement:.0f} points | {cells} |", flush=True)


def _powers(test: Test, tasks: int, improvement: float) -> str:
    confidences = (ThresholdGate().interval_confidence(tried) for tried in (1, 2, 5))
    how = {"tasks": tasks, "discordance": 0.3, "improvement": improvement}
    found = [power(test, confidence=c, **how) for c in confidences]  # type: ignore[arg-type]
    return " / ".join(f"{100 * chance:.1f}" for chance in found) + " %"


def print_detectable() -> None:
    """Least improvement, in points, that a first child passes with at 80 %."""
    print("\n| tasks | 5 % differ | 20 % differ | 40 % differ |\n|---|---|---|---|")
    confidence = ThresholdGate().interval_confidence(1)
    for tasks in (100, 200, 400, 800):
        least = [
            detectable("bootstrap", tasks=tasks, discordance=d, confidence=confidence)
            for d in DISCORDANCES
        ]
        cells = " | ".join("none" if found is None else f"{100 * found:.1f}" for found in least)
        print(f"| {tasks} | {cells} |", flush=True)


def main() -> int:
    """Print everything; 1 where an upper bound lies above the limit."""
    worst = print_errors()
    print_power()
    print_detectable()
    print(f"\nhighest bound {worst:.2%}, to be at most {LIMIT:.0%}")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
