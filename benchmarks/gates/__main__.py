"""``python -m benchmarks.gates``: print the tables, and fail where a gate errs too often."""

import sys
from collections.abc import Iterator

from benchmarks.gates.calibration import CHILDREN, Suite, graded, promoted, rate
from cladeflow.evaluate.power import detectable, power
from cladeflow.promote import ThresholdGate
from cladeflow.promote.evidence import Test
from cladeflow.records import EvalReport

TRIALS = 2_000
LIMIT = 0.05
DISCORDANCES = (0.05, 0.2, 0.4)
TESTS: tuple[Test, ...] = ("bootstrap", "mcnemar")


def errors() -> Iterator[tuple[str, float, float]]:
    """What was simulated, how often something was promoted, and the upper bound of that."""
    for tasks in (100, 400):
        for test in TESTS:
            for discordance in DISCORDANCES:
                found = promoted(Suite(test, tasks), discordance, trials=TRIALS)
                what = f"{test} | {tasks} | {discordance:.0%}, {CHILDREN} children"
                yield what, *rate(found)
    for discordance in DISCORDANCES:
        found = graded(discordance, tasks=400, samples=4, trials=TRIALS)
        what = f"bootstrap, accuracy of 1 + 4 answers | 400 | {discordance:.0%}, 1 child"
        yield what, *rate(found)
    for test in TESTS:
        found = promoted(Suite(test, 400), 0.0, trials=TRIALS)
        yield f"{test} | 400 | 0 %: equal answers, {CHILDREN} children", *rate(found)


def identical() -> str:
    """What the gate says of a child that is the incumbent."""
    report = EvalReport(
        agent_id="child", baseline_id="incumbent", suite="s", seeds=(0,), identical=True
    )
    return ThresholdGate().decide(report, tried=1).outcome


def main() -> int:
    """Print everything; 1 where an upper bound lies above the limit."""
    worst = 0.0
    print(f"| test | tasks | differing tasks | promoted | 99 % bound |  ({TRIALS:,} trials)")
    for what, share, bound in errors():
        worst = max(worst, bound)
        print(f"| {what} | {share:.2%} | {bound:.2%} |", flush=True)
    print(f"\nan identical child: {identical()}")
    gate = ThresholdGate()
    print("\n| power: tasks | better by | bootstrap as child 1, 2, 5 | mcnemar as child 1, 2, 5 |")
    for tasks in (200, 400, 800):
        for improvement in (0.04, 0.06, 0.08, 0.1):
            cells = [
                power(
                    test,
                    tasks=tasks,
                    discordance=0.3,
                    improvement=improvement,
                    confidence=gate.interval_confidence(tried),
                )
                for test in TESTS
                for tried in (1, 2, 5)
            ]
            shown = " | ".join(f"{cell:.1%}" for cell in cells)
            print(f"| {tasks} | {100 * improvement:.0f} points | {shown} |", flush=True)
    print("\n| detectable at 80 %: tasks | 5 % | 20 % | 40 % differ (bootstrap, child 1) |")
    for tasks in (100, 200, 400, 800):
        least = [
            detectable("bootstrap", tasks=tasks, discordance=d, confidence=gate.confidence)
            for d in DISCORDANCES
        ]
        shown = " | ".join("none" if found is None else f"{100 * found:.1f}" for found in least)
        print(f"| {tasks} | {shown} |", flush=True)
    print(f"\nhighest bound {worst:.2%}, to be at most {LIMIT:.0%}")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
