"""Every recipe against the control: run the arms, and write the tables of docs/recipes.

    python -m benchmarks.recipes run --recipes nft,grpo --seeds 5
    python -m benchmarks.recipes report

A run is one ``cladeflow evolve`` with one thread in a process and a home of its own, of less than a
minute. Finished runs are skipped and interrupted ones resume, so the same command carries on. The
control runs first: what others are matched to is known then.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.evolutions.results import Result, initial, last, load, scores
from benchmarks.evolutions.runs import Bench, perform_all
from benchmarks.recipes.arms import ITSELF, Plan, Run
from benchmarks.recipes.checks import CHECKS, CONTROL, METRIC, SEEDS, Check
from benchmarks.recipes.index import index
from benchmarks.recipes.report import card, outcome

WORK = Path(__file__).parent
DOCUMENTS = Path(__file__).parents[2] / "docs"


def main() -> None:
    options = _parser().parse_args()
    if options.command == "report":
        write(options.work, options.documents)
        return
    plan = Plan(Bench(options.work.resolve(), options.model, options.scale, options.keep))

    def perform(run: Run) -> str:
        return f"{run.name}-{run.seed}: {_sentence(plan.perform(run))}"

    failed = 0
    for runs in _phases(_checks(options.recipes), options.seeds):
        failed = failed or perform_all(runs, options.jobs, perform)
    sys.exit(f"{failed} runs failed" if failed else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--work", type=Path, default=WORK, help="results and homes")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", parents=[common], help="run what is not finished")
    run.add_argument("--recipes", default=",".join(CHECKS), help="separated by commas")
    run.add_argument("--seeds", type=int, default=SEEDS)
    run.add_argument("--jobs", type=int, default=2, help="runs at a time")
    run.add_argument("--model", type=Path, help="instead of the embedded seed model")
    run.add_argument("--scale", default="tiny")
    run.add_argument("--keep", action="store_true", help="keep the homes")
    report = commands.add_parser("report", parents=[common], help="write cards and index")
    report.add_argument("--documents", type=Path, default=DOCUMENTS)
    return parser


def write(work: Path, documents: Path) -> None:
    """Bring cards and index up to date, and tell every recipe's outcome."""
    results = load(work)
    for check in CHECKS.values():
        path = documents / "recipes" / f"{check.recipe}.md"
        path.write_text(card(check, path.read_text(), results))
        print(f"{check.recipe}: {outcome(check, results)}")
    path = documents / "methods.md"
    path.write_text(index(path.read_text(), results))


def _checks(text: str) -> list[Check]:
    names = text.split(",")
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        sys.exit(f"no check of {unknown[0]!r}; there are {', '.join(CHECKS)}")
    return [CHECKS[name] for name in names]


def _phases(checks: list[Check], seeds: int) -> list[list[Run]]:
    """The control, then the recipes, then their arms: each is matched to what ran before it."""
    first = [CHECKS[CONTROL]] if any(a.recipe for c in checks for a in c.arms) else []
    itself = [check for check in checks if check not in first]
    return [
        [Run(check, ITSELF, seed) for check in first for seed in range(seeds)],
        [Run(check, ITSELF, seed) for check in itself for seed in range(seeds)],
        [Run(check, arm, seed) for check in checks for arm in check.arms for seed in range(seeds)],
    ]


def _sentence(result: Result) -> str:
    levels = [100 * float(np.nanmean(scores(p(result), METRIC))) for p in (initial, last)]
    cpu = f", {result['cpu_seconds']:.0f} CPU s" if "cpu_seconds" in result else ""
    return f"{METRIC} {levels[0]:.1f} % to {levels[1]:.1f} %{cpu}"


if __name__ == "__main__":
    main()
