"""The learning claims of docs/evidence.md: run the arms, and write the tables.

    python -m benchmarks.evidence run --arms default:5,shuffled:20,keep_everything:5,easy_demos:5
    python -m benchmarks.evidence report

A run is one ``cladeflow evolve`` with one thread in a process and a home of its own. Finished runs
are skipped and interrupted ones resume, so the same command carries on. `default` runs first:
controls train on as many tokens as it did with the same seed.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean

from benchmarks.evidence.arms import ARMS, BASELINE
from benchmarks.evidence.report import write
from benchmarks.evidence.runs import Comparison, Run
from benchmarks.evolutions.results import Result, champion
from benchmarks.evolutions.runs import Bench, perform_all

DOCUMENT = Path(__file__).parents[2] / "docs" / "evidence.md"
ARMS_AND_SEEDS = "default:5,shuffled:20,keep_everything:5,easy_demos:5"


def main() -> None:
    options = _parser().parse_args()
    if options.command == "report":
        print(write(options.work, options.document))
        return
    bench = Bench(options.work.resolve(), options.model, options.scale, options.keep)
    comparison = Comparison(bench, options.generations, tuple(options.settings))

    def perform(run: Run) -> str:
        return f"{run}: {_sentence(comparison.perform(run))}"

    runs = _runs(options.arms)
    first = [run for run in runs if run.arm == BASELINE]
    first += [Run(BASELINE, run.seed) for run in runs if ARMS[run.arm].matched]
    failed = perform_all(dict.fromkeys(first), options.jobs, perform)
    if not failed:
        failed = perform_all([run for run in runs if run not in first], options.jobs, perform)
    sys.exit(f"{failed} runs failed" if failed else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--work", type=Path, default=Path("benchmarks/learning"), help="results and homes"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", parents=[common], help="run what is not finished")
    run.add_argument("--arms", default=ARMS_AND_SEEDS, help="arm:seeds, separated by commas")
    run.add_argument("--jobs", type=int, default=2, help="runs at a time")
    run.add_argument("--generations", type=int, default=5)
    run.add_argument("--model", type=Path, help="instead of the embedded seed model")
    run.add_argument("--scale", default="tiny")
    run.add_argument("--set", dest="settings", action="append", default=[], metavar="PATH=VALUE")
    run.add_argument("--keep", action="store_true", help="keep the homes")
    report = commands.add_parser(
        "report", parents=[common], help="write the tables of finished runs"
    )
    report.add_argument("--document", type=Path, default=DOCUMENT)
    return parser


def _runs(text: str) -> list[Run]:
    """``arm:seeds`` pairs as runs; the seeds of all arms count from 0."""
    wanted = [part.partition(":") for part in text.split(",")]
    unknown = [name for name, _, _ in wanted if name not in ARMS]
    if unknown:
        sys.exit(f"unknown arm {unknown[0]!r}; there are {', '.join(ARMS)}")
    return [Run(name, seed) for name, _, seeds in wanted for seed in range(int(seeds or 5))]


def _sentence(result: Result) -> str:
    before, after = (
        100 * fmean(score for score in agent["scores"]["sampled"] if score is not None)
        for agent in (result["agents"][0], champion(result))
    )
    promoted = sum(agent["promoted"] for agent in result["agents"])
    return f"sampled {before:.1f} % to {after:.1f} %, {promoted} promoted"


if __name__ == "__main__":
    main()
