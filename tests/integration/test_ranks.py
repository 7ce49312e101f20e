"""Two processes that torchrun starts train as one does, for real, over gloo."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from cladeflow.models.loading import load_model
from tests.trained_together import CASES, run


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():  # far from uniform, so that gradients are not small
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(10)
    directory = tmp_path_factory.mktemp("ranks") / "model"
    model.save_pretrained(directory)
    return directory


def torchrun(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """Two ranks of ``tests.trained_together``."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "tests.trained_together", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)


def weights(directory: Path) -> torch.Tensor:
    model = load_model(directory, dtype="float32", device="cpu")
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.slow
def test_two_ranks_train_as_one_does_also_after_one_was_lost(
    model_dir: Path, tmp_path: Path
) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    results = {case: run(case, model_dir, alone) for case in CASES}
    lost = torchrun(model_dir, together, "--lose", 3)
    assert lost.returncode == 1
    assert "LostRank" in lost.stderr
    assert (together / "sft.scratch" / "checkpoint.pt").exists()
    assert not (together / "sft").exists()
    ran = torchrun(model_dir, together)
    assert ran.returncode == 0, ran.stderr
    told = dict(line.split(" ", 1) for line in ran.stdout.splitlines())
    for case, result in results.items():
        expected = [result.loss_first, result.loss_last, result.grad_norm, result.tokens]
        found = list(map(float, told[case].split()))
        assert found == pytest.approx([*expected, *result.kl.values()], rel=1e-3, abs=1e-6)
        start, one, two = map(weights, (model_dir, alone / case, together / case))
        moved = (one - start).abs().max()
        assert moved > 1e-3
        assert (two - one).abs().max() < 0.02 * moved, case
