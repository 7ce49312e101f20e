"""Deterministic mode: what one process samples, another samples too, to the last bit."""

import os
import subprocess
import sys
from pathlib import Path

from tests.tiny_models import save_tiny_model

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
import torch
from cladeflow.models import Request, Sampling
from cladeflow.models.transformers_engine import TransformersEngine
from cladeflow.records import digest

torch.set_num_threads(1)
engine = TransformersEngine(Path(sys.argv[1]), max_rows=20)
sampling = Sampling(max_tokens=40, top_p=0.95, stop=("##",))
futures = engine.submit([Request([5 + i, 7], sampling, f"key {i}", 4) for i in range(12)])
while not all(future.done() for future in futures):
    engine.pump()
print(digest([[completion._asdict() for completion in future.result()] for future in futures]))
"""


def test_two_processes_sample_the_same_bits(tmp_path: Path) -> None:
    save_tiny_model(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            env=environment | {"PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(2)
    ]
    digests = [process.communicate(timeout=120)[0] for process in processes]
    assert len(digests[0].strip()) == 64
    assert digests[0] == digests[1]
