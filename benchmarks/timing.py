"""Interleaved A/B timing: how a pair of sides is run, summed up and printed."""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch


class Timing(NamedTuple):
    """Seconds of wall time and of the process's CPU time, and the tokens done in them."""

    wall: float
    cpu: float
    tokens: int


Side = Callable[[], Timing]


def timed(work: Callable[[], object], tokens: int) -> Timing:
    """Run ``work``, which does so many unpadded tokens, once."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu, tokens)


def compare(ours: Side, theirs: Side, pairs: int) -> dict[str, Any]:
    """Run the two in turn, the order swapped from pair to pair.

    Medians of each side, the median of the pairs' speed ratios, and every pair's.
    """
    timings: dict[str, list[Timing]] = {"ours": [], "theirs": []}
    for pair in range(pairs):
        for name, side in (("ours", ours), ("theirs", theirs))[:: -1 if pair % 2 else 1]:
            timings[name].append(side())
    both = list(zip(timings["ours"], timings["theirs"], strict=True))
    ratios = {
        "wall": [(b.wall / b.tokens) / (a.wall / a.tokens) for a, b in both],
        "cpu": [(b.cpu / b.tokens) / (a.cpu / a.tokens) for a, b in both],
    }
    return {
        **{name: _medians(found) for name, found in timings.items()},
        **{f"ratio_{clock}": statistics.median(found) for clock, found in ratios.items()},
        "ratios_wall": ratios["wall"],
    }


def _medians(timings: Sequence[Timing]) -> dict[str, float]:
    return {
        "tokens_per_second": statistics.median(t.tokens / t.wall for t in timings),
        "tokens_per_cpu_second": statistics.median(t.tokens / t.cpu for t in timings),
        "wall_seconds": statistics.median(t.wall for t in timings),
        "cpu_seconds": statistics.median(t.cpu for t in timings),
    }


def table(name: str, ours: str, theirs: str, found: Mapping[str, Any]) -> str:
    """A comparison for people to read."""
    rates = ("tokens_per_second", "tokens_per_cpu_second")
    lines = [f"{name:40}{'tokens/s':>10}{'tokens/CPU s':>14}"]
    for label, side in ((ours, found["ours"]), (theirs, found["theirs"])):
        lines.append(f"{label:40}{side[rates[0]]:>10,.0f}{side[rates[1]]:>14,.0f}")
    return "\n".join(
        (*lines, f"{'ratio':40}{found['ratio_wall']:>10.2f}{found['ratio_cpu']:>14.2f}")
    )


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The options that every such benchmark has."""
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    made.add_argument("--pairs", type=int, default=5)
    made.add_argument("--json", type=Path, help="where to write all that was measured")
    return made


def run(options: argparse.Namespace, measure: Callable[[], dict[str, Any]]) -> None:
    """``measure`` with the threads that are asked for; its result as JSON where asked to."""
    torch.set_num_threads(options.threads)
    asked = {key: value for key, value in vars(options).items() if key != "json"}
    before = os.getloadavg()
    found = {**asked, "torch": torch.__version__, **measure(), "load_before": before}
    found["load_after"] = os.getloadavg()
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
