"""The one training loop: any objective, token batches, accumulation, exact resumption.

The loss of a step is the objective's sum over all of the step's loss tokens divided by their
number; how the step is cut into micro-batches changes rounding at most.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import PreTrainedModel

from cladeflow.errors import CladeflowError
from cladeflow.fine_tune import checkpoint
from cladeflow.fine_tune.base import Objective
from cladeflow.fine_tune.batches import token_batches
from cladeflow.fine_tune.optimiser import Optimiser
from cladeflow.fine_tune.packing import Group, micro_batches, tokens
from cladeflow.fine_tune.policy import Policy
from cladeflow.fine_tune.settings import TrainResult, TrainSettings
from cladeflow.models.loading import (
    TOKENIZER_FILES,
    load_model,
    max_length,
    model_digest,
)
from cladeflow.models.tokenizer import Tokenizer
from cladeflow.records import TrainingExample, digest
from cladeflow.store import explained

Progress = Callable[[int, int], None]
"""Called after every optimiser step with the steps done and the steps in all."""


def train(
    model_dir: Path,
    examples: Sequence[TrainingExample],
    objective: Objective,
    settings: TrainSettings,
    out_dir: Path,
    *,
    tokenizer: Tokenizer | None = None,
    checkpoint_dir: Path | None = None,
    progress: Progress | None = None,
    device: str = "cpu",
) -> TrainResult:
    """Train the model in ``model_dir`` on ``examples`` and save it to ``out_dir``.

    ``tokenizer`` is needed where examples hold text without tokens. With ``checkpoint_dir`` the
    run saves its state there every ``checkpoint_every`` steps and goes on from what it finds there.

    Raises ValueError where no example has a token that counts, `CladeflowError` where the loss
    stops being finite, `ModelError` for an unfit directory, `StoreError` for an unfit checkpoint.
    """
    began = time.perf_counter()
    model = load_model(model_dir, dtype="float32", device=device)
    limit = min(settings.max_length or max_length(model), max_length(model))
    groups = [objective.sequences(example, tokenizer) for example in examples]
    useful = _useful(groups, limit)
    run = Run(model, useful, objective, _budgeted(settings, useful))
    if checkpoint_dir is None:
        run.go(progress)
    else:
        run.go_on(checkpoint_dir, _identity(model_dir, examples, objective, settings), progress)
    save(model, model_dir, out_dir, settings)
    return TrainResult(
        model=out_dir,
        steps=len(run.batches),
        truncated=sum(len(sequence.tokens) > limit for group in groups for sequence in group),
        skipped=len(groups) - len(useful),
        layout=run.policy.layout,
        seconds=time.perf_counter() - began,
        **asdict(run.totals),
    )


@dataclass
class Totals:
    """Running figures of a run; see `TrainResult`."""

    tokens: int = 0
    loss_tokens: int = 0
    loss_first: float = 0.0
    loss_last: float = 0.0
    grad_norm: float = 0.0


class Run:
    """A training run in memory: policy, optimiser, and the examples of every step."""

    def __init__(
        self,
        model: PreTrainedModel,
        groups: Sequence[Group],
        objective: Objective,
        settings: TrainSettings,
    ) -> None:
        self.policy = Policy(model, dtype=settings.dtype, layout=settings.layout)
        self.groups = groups
        self.objective = objective
        self.settings = settings
        self.batches = token_batches([tokens(group) for group in groups], settings)
        self.optimiser = Optimiser(model, settings, len(self.batches))
        self.totals = Totals()
        self.done = 0

    def go(self, progress: Progress | None, after: Callable[[], None] = lambda: None) -> None:
        """Take the steps that are left, calling ``after`` at the end of each."""
        while self.done < len(self.batches):
            self.step()
            if progress is not None:
                progress(self.done, len(self.batches))
            after()

    def go_on(self, directory: Path, identity: str, progress: Progress | None) -> None:
        """As `go`, from the last checkpoint in ``directory`` and with new ones on the way."""
        state = checkpoint.load(directory, identity)
        if state is not None:
            self.restore(state)

        def keep() -> None:
            if self.done % self.settings.checkpoint_every == 0:
                checkpoint.save(self.state(identity), directory)

        self.go(progress, keep)

    def step(self) -> None:
        """One optimiser step over one token batch."""
        groups = [self.groups[index] for index in self.batches[self.done]]
        loss, count = self.accumulate(groups)
        norm = self.optimiser.step(self.done)
        if not isfinite(loss + norm):
            raise CladeflowError(
                f"training step {self.done + 1}: loss {loss}, gradient norm {norm};"
                " lower training.learning_rate or training.clip"
            )
        self.done += 1
        totals = self.totals
        totals.tokens += sum(tokens(group) for group in groups)
        totals.loss_tokens += count
        totals.loss_first = loss if self.done == 1 else totals.loss_first
        totals.loss_last, totals.grad_norm = loss, norm

    def accumulate(self, groups: Sequence[Group]) -> tuple[float, int]:
        """Add the gradient of the mean loss per loss token; that mean, and how many there were."""
        count = sum(sequence.loss_tokens for group in groups for sequence in group)
        total = torch.zeros((), device=self.policy.model.device)
        for part in micro_batches(groups, self.settings.micro_tokens):
            batch = self.policy.micro_batch(part)
            loss = self.objective.loss(self.policy.logp(batch), batch.loss_tokens) / count
            torch.autograd.backward(loss)
            total += loss.detach()
        return float(total), count

    def state(self, identity: str) -> checkpoint.State:
        """What `restore` needs, by reference."""
        return {
            "run": identity,
            "step": self.done,
            "totals": asdict(self.totals),
            "model": self.policy.model.state_dict(),
            "optimiser": self.optimiser.state(),
        }

    def restore(self, state: checkpoint.State) -> None:
        """Take up where `state` was taken."""
        self.done = state["step"]
        self.totals = Totals(**state["totals"])
        self.policy.model.load_state_dict(state["model"])
        self.optimiser.restore(state["optimiser"])


def save(model: PreTrainedModel, model_dir: Path, out_dir: Path, settings: TrainSettings) -> None:
    """Write a Hugging Face directory: weights in the run's dtype, tokenizer files as they were."""
    nn.Module.to(model, getattr(torch, settings.dtype))
    with explained(out_dir):
        try:
            model.save_pretrained(out_dir)
        except SafetensorError as error:  # how its writer reports a full disk
            raise OSError(str(error)) from error
        for pattern in TOKENIZER_FILES:
            for file in model_dir.glob(pattern):
                shutil.copyfile(file, out_dir / file.name)


def _useful(groups: Sequence[Group], limit: int) -> list[Group]:
    """The groups cut to the limit, without those that have nothing left to learn from."""
    fitted: list[Group] = [tuple(row.cut(limit) for row in group) for group in groups]
    useful = [group for group in fitted if any(sequence.loss_tokens for sequence in group)]
    if not useful:
        raise ValueError(f"none of {len(groups)} examples has a token that counts in the loss")
    return useful


def _budgeted(settings: TrainSettings, groups: Sequence[Group]) -> TrainSettings:
    """``settings`` with as many epochs as its budget of loss tokens takes, where it has one."""
    if settings.loss_tokens is None:
        return settings
    once = sum(sequence.loss_tokens for group in groups for sequence in group)
    return settings.model_copy(update={"epochs": settings.loss_tokens / once})


def _identity(
    model_dir: Path,
    examples: Sequence[TrainingExample],
    objective: Objective,
    settings: TrainSettings,
) -> str:
    """Digest of everything that decides the weights a run ends with."""
    return digest(
        {
            "model": model_digest(model_dir),
            "examples": [example.id for example in examples],
            "objective": objective.identity(),
            "settings": settings.model_dump(mode="json"),
        }
    )
