"""Trainings that torchrun's ranks do together: ``torchrun -m tests.trained_together MODEL OUT``.

Each rank does all of `CASES`; ``--lose STEP`` ends rank 1 after so many steps of the first.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from cladeflow.fine_tune import Dpo, Sft, TrainResult, TrainSettings
from cladeflow.fine_tune.trainer import train
from cladeflow.ranks import ALONE, Ranks, joined
from cladeflow.recipes.model import Lora
from cladeflow.records import PreferenceExample, SftExample, Step, TrainingExample


def _ids(length: int, seed: int) -> tuple[int, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(1, 32, (length,), generator=generator).tolist())


def _sft() -> list[TrainingExample]:
    lengths = [4 + 7 * i % 23 for i in range(14)]
    rows = [_ids(length, i) for i, length in enumerate(lengths)]
    return [
        SftExample(prompt=r[:2], steps=(Step(i=0, text="", tokens=r[2:]),), weight=1 + i % 3)
        for i, r in enumerate(rows)
    ]


def _pairs() -> list[TrainingExample]:
    def steps(seed: int) -> tuple[Step, ...]:
        return (Step(i=0, text="", tokens=_ids(3 + seed % 9, seed)),)

    return [
        PreferenceExample(prompt=_ids(3, i), chosen=steps(50 + i), rejected=steps(80 + i))
        for i in range(7)
    ]


def settings(**changes: object) -> TrainSettings:
    values = {"learning_rate": 0.003, "token_batch": 60, "micro_tokens": 25, "epochs": 2}
    return TrainSettings.model_validate({**values, "seed": "key", "checkpoint_every": 2, **changes})


# token_batch 1 makes steps of one example: the second rank has none.
CASES: dict[str, Callable[[], tuple[Any, ...]]] = {
    "sft": lambda: (_sft(), Sft(), settings()),
    "single": lambda: (_sft()[:4], Sft(), settings(token_batch=1, epochs=1)),
    "dpo": lambda: (_pairs(), Dpo(beta=0.5), settings()),
    "lora": lambda: (_sft(), Sft(), settings(lora=Lora(rank=4))),
}


def run(case: str, model: Path, out: Path, ranks: Ranks = ALONE, lose: int = 0) -> TrainResult:
    """One training into ``out/<case>``, its checkpoints beside it."""
    examples, objective, given = CASES[case]()

    def leave(done: int, _: int) -> None:
        if ranks.rank == 1 and done == lose:
            os._exit(9)

    scratch = out / f"{case}.scratch"
    progress, where = leave, {"checkpoint_dir": scratch, "ranks": ranks}
    return train(model, examples, objective, given, out / case, progress=progress, **where)


if __name__ == "__main__":
    given_model, given_out, *more = sys.argv[1:]
    torch.set_num_threads(1)
    with joined() as met:
        for name in CASES:
            result = run(name, Path(given_model), Path(given_out), met, int(more[1]) if more else 0)
            if met.rank == 0:
                figures = [result.loss_first, result.loss_last, result.grad_norm, result.tokens]
                print(name, *figures, *result.kl.values(), flush=True)
