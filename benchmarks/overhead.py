"""How much of an inline run is not model compute: process start, records, store, checks, archive.

    python -m benchmarks.overhead --runs 3
    python -m benchmarks.overhead --runs 1 --generations 1 --layers 30

Runs ``cladeflow evolve default`` in fresh homes and compares its wall time with the seconds that
its stages, and the evaluation of the initial agent before them, spent inside models
(``cladeflow_stage_model_seconds``). What is not model compute hardly depends on the model: with
``--layers`` the embedded one computes more and answers the same. Prints JSON.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch

from cladeflow.home import Home
from cladeflow.session import Session
from cladeflow.start import SEED_MODELS
from cladeflow.store import commit_keys, read_commit, seed_directory
from cladeflow.telemetry import Metrics, read_metrics
from cladeflow.views import stage_views

SEED = seed_directory(SEED_MODELS["reasoning"])


def measure(generations: int, options: list[str]) -> dict[str, float]:
    """One run in a fresh home."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "cladeflow", "evolve", "default", "--home", directory]
        began = time.perf_counter()
        subprocess.run(
            [*command, "--generations", str(generations), "--json", *options],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        wall = time.perf_counter() - began
        with Session(Home(Path(directory))) as session:
            measured = [*_stages(session, generations), *_before(session)]
        model = sum(metrics.value("cladeflow_stage_model_seconds") for metrics in measured)
    return {"wall": wall, "model": model, "outside": 1 - model / wall}


def deepened(layers: int, directory: Path) -> Path:
    """The embedded model with so many layers; those it did not have add nothing to their input."""
    from transformers import AutoConfig, AutoModelForCausalLM

    shutil.copytree(SEED, directory)
    config = AutoConfig.from_pretrained(SEED)
    had, config.num_hidden_layers = config.num_hidden_layers, layers
    model = AutoModelForCausalLM.from_config(config)
    model.load_state_dict(AutoModelForCausalLM.from_pretrained(SEED).state_dict(), strict=False)
    for layer in model.model.layers[had:]:
        for last in (layer.self_attn.o_proj, layer.mlp.down_proj):
            torch.nn.init.zeros_(last.weight)
    model.save_pretrained(directory)
    return directory


def _stages(session: Session, generations: int) -> Iterator[Metrics]:
    for generation in range(1, generations + 1):
        yield from (stage.metrics for stage in stage_views(session, generation))


def _before(session: Session) -> Iterator[Metrics]:
    """The initial agent is evaluated before the first generation, outside its stages."""
    archive, store = session.archive, session.store
    initial = archive.agent(archive.evolution.initial).agent.behaviour
    for key in commit_keys(store, f"evals/{initial}", depth=2):
        yield read_metrics(store, read_commit(store, key).metrics)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--generations", type=int, default=5)
    parser.add_argument("--layers", type=int, help="of the model  [default: the embedded one]")
    arguments, options = parser.parse_known_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as directory:
        if arguments.layers:
            deep = deepened(arguments.layers, Path(directory) / "model")
            options += ["--model", str(deep)]
        runs = [measure(arguments.generations, options) for _ in range(arguments.runs)]
    share = median(run["outside"] for run in runs)
    print(json.dumps({"runs": runs, "median_outside": share, "load_before": load}, indent=2))


if __name__ == "__main__":
    main()
