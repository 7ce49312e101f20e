"""The one training loop: any objective, token batches, accumulation, exact resumption.

The loss of a step is the objective's sum over the whole step divided by the number of its units
(loss tokens, or examples); how the step is cut into micro-batches, and dealt out to the ranks that
train together, changes rounding at most.
"""

import errno
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import PreTrainedModel

from cladeflow.errors import CladeflowError
from cladeflow.fine_tune import checkpoint
from cladeflow.fine_tune.base import Objective
from cladeflow.fine_tune.batches import token_batches
from cladeflow.fine_tune.optimiser import Optimiser
from cladeflow.fine_tune.packing import Group, dealt_out, neighbours, tokens
from cladeflow.fine_tune.policy import Policy, entropies, log_probabilities
from cladeflow.fine_tune.reference import with_reference
from cladeflow.fine_tune.settings import FREE, TrainResult, TrainSettings
from cladeflow.fine_tune.totals import Totals, k3
from cladeflow.models.loading import (
    TOKENIZER_FILES,
    load_model,
    max_length,
    model_digest,
)
from cladeflow.models.tokenizer import Tokenizer
from cladeflow.ranks import ALONE, Ranks
from cladeflow.records import TrainingExample, digest
from cladeflow.store import explained

if TYPE_CHECKING:
    from peft import PeftModel

Gradients = Sequence[tuple[nn.Parameter, Tensor | None]]
"""None where a parameter plays no part."""
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
    reference: Path | None = None,
    checkpoint_dir: Path | None = None,
    progress: Progress | None = None,
    ranks: Ranks = ALONE,
) -> TrainResult:
    """Train the model in ``model_dir`` on ``examples`` and save it to ``out_dir``.

    ``tokenizer`` is needed where examples hold text without tokens. ``reference`` is the directory
    of the objective's referent, where that is another model. With ``checkpoint_dir`` the run saves
    its state there every ``checkpoint_every`` steps and goes on from what it finds there. All of
    ``ranks`` are to be called with the same arguments; rank 0 alone writes.

    Raises `CladeflowError` where no example has a token that counts or the loss stops being finite,
    `ModelError` for an unfit directory, `StoreError` for an unfit checkpoint, `LostRank` where
    another rank ends early.
    """
    began = time.perf_counter()
    model = load_model(model_dir, dtype="float32", device=ranks.device)
    limit = min(settings.max_length or max_length(model), max_length(model))
    groups = [objective.sequences(example, tokenizer) for example in examples]
    useful = _useful(groups, limit)
    adapted = _adapted(model, settings)
    run = Run(model, useful, objective, _budgeted(settings, useful), ranks)
    if "reference" in objective.reads():
        run.refer(reference)
    if checkpoint_dir is None:
        run.go(progress)
    else:
        run.go_on(
            checkpoint_dir,
            _identity(model_dir, reference, examples, objective, settings),
            progress,
        )
    if ranks.rank == 0:
        save(adapted.merge_and_unload() if adapted else model, model_dir, out_dir, settings)
    return TrainResult(
        model=out_dir,
        steps=len(run.batches),
        truncated=sum(len(sequence.tokens) > limit for group in groups for sequence in group),
        skipped=len(groups) - len(useful),
        layout=run.policy.layout,
        seconds=time.perf_counter() - began,
        **asdict(run.totals),
    )


_COMPARED = frozenset({"behaviour", "reference"})
"""Columns of log-probabilities that the policy is at some distance from."""


class Run:
    """A training run in memory: policy, optimiser, and the examples of every step."""

    def __init__(
        self,
        model: PreTrainedModel,
        groups: Sequence[Group],
        objective: Objective,
        settings: TrainSettings,
        ranks: Ranks = ALONE,
    ) -> None:
        self.policy = Policy(model, dtype=settings.dtype, layout=settings.layout)
        self.groups = groups
        self.objective = objective
        self.settings = settings
        self.ranks = ranks
        self.batches = token_batches([tokens(group) for group in groups], settings)
        self.optimiser = Optimiser(model, settings, len(self.batches))
        self.totals = Totals()
        self.done = 0

    def refer(self, directory: Path | None) -> None:
        """Score every loss token under a frozen model: the one in ``directory``, or the start."""
        policy, settings = self.policy, self.settings
        if directory is not None:
            model = load_model(directory, dtype="float32", device=self.ranks.device)
            policy = Policy(
                model.requires_grad_(False), dtype=settings.dtype, layout=settings.layout
            )
        self.groups = with_reference(policy, self.groups, settings.micro_tokens, self.ranks)

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
        if len(set(self.ranks.gathered([self.done]))) > 1:
            raise OSError(errno.ESTALE, "not every rank sees the same checkpoint", str(directory))

        def keep() -> None:
            if self.done % self.settings.checkpoint_every == 0 and self.ranks.rank == 0:
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
        self.totals.count(sum(tokens(group) for group in groups), count, loss, norm)

    def accumulate(self, groups: Sequence[Group]) -> tuple[float, int]:
        """Add the gradient of the mean loss per unit; that mean, and the number of loss tokens.

        Of all ranks together: the normaliser counts the whole step, so that shares add up.
        """
        count = sum(sequence.loss_tokens for group in groups for sequence in group)
        units = count if self.objective.unit == "token" else len(groups)
        compared = sorted(_COMPARED & self.objective.reads())
        sums = torch.zeros(1 + len(compared), device=self.policy.model.device)
        mine, lanes = self.ranks.share(neighbours(groups), tokens), self.policy.lanes
        parts = dealt_out(mine, self.settings.micro_tokens, lanes.count)
        for gradients, found in lanes.map(lambda part: self._part(part, units, compared), parts):
            _add(gradients)
            sums += found
        self.ranks.add_gradients(self.optimiser.parameters)
        self.ranks.add([sums])
        whole, *kl = sums.tolist()
        self.totals.kl = {name: value / count for name, value in zip(compared, kl, strict=True)}
        return whole, count

    def _part(
        self, groups: Sequence[Group], units: int, compared: Sequence[str]
    ) -> tuple[Gradients, Tensor]:
        """The gradients of a micro-batch; its share of the loss, and of each distance.

        With one lane the gradients go where they belong by themselves, which spares a copy of them.
        """
        loss, distances = self._loss(groups, compared)
        loss = loss / units
        sums = torch.stack([loss.detach(), *distances])
        if self.policy.lanes.count == 1:
            torch.autograd.backward(loss)
            return (), sums
        parameters = self.optimiser.parameters
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        return list(zip(parameters, gradients, strict=True)), sums

    def _loss(
        self, groups: Sequence[Group], compared: Sequence[str]
    ) -> tuple[Tensor, list[Tensor]]:
        """The objective's sum over one micro-batch, and its tokens' sum of each distance."""
        batch = self.policy.micro_batch(groups)
        logits, found = self.policy.logits(batch), batch.loss_tokens
        if "entropy" in self.objective.reads():
            found = found.with_column("entropy", entropies(logits))
        logp = log_probabilities(logits, batch.targets)
        distances = [k3(logp.detach(), found.per_token[name]) for name in compared]
        return self.objective.loss(logp, found), distances

    def state(self, identity: str) -> checkpoint.State:
        """What `restore` needs, by reference."""
        return {
            "run": identity,
            "step": self.done,
            "totals": asdict(self.totals),
            "model": {n: p for n, p in self.policy.model.named_parameters() if p.requires_grad},
            "optimiser": self.optimiser.state(),
        }

    def restore(self, state: checkpoint.State) -> None:
        """Take up where `state` was taken."""
        self.done = state["step"]
        self.totals = Totals(**state["totals"])
        self.policy.model.load_state_dict(state["model"], strict=False)  # the rest is frozen
        self.optimiser.restore(state["optimiser"])


def _add(gradients: Gradients) -> None:
    """Add to what the parameters have; several may come as one and the same tensor."""
    for parameter, gradient in gradients:
        if gradient is not None:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            parameter.grad += gradient


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


def _adapted(model: PreTrainedModel, settings: TrainSettings) -> "PeftModel | None":
    """All of ``model`` set to be trained, or adapters put into it that are."""
    if settings.lora is None:
        model.requires_grad_(True)
        return None
    from cladeflow.fine_tune.lora import add_adapters  # peft takes a second to import

    return add_adapters(model, settings.lora, settings.seed)


def _useful(groups: Sequence[Group], limit: int) -> list[Group]:
    """The groups cut to the limit, without those that have nothing left to learn from."""
    fitted: list[Group] = [tuple(row.cut(limit) for row in group) for group in groups]
    useful = [group for group in fitted if any(sequence.loss_tokens for sequence in group)]
    if not useful:
        raise CladeflowError(
            f"none of {len(groups)} examples has a token that counts in the loss among its first "
            f"{limit}, which are all that the model reads; take a model with a longer context, or "
            "a shorter prompt (--prompt)"
        )
    return useful


def _budgeted(settings: TrainSettings, groups: Sequence[Group]) -> TrainSettings:
    """``settings`` with as many epochs as its budget of loss tokens takes, where it has one."""
    if settings.loss_tokens is None:
        return settings
    once = sum(sequence.loss_tokens for group in groups for sequence in group)
    return settings.model_copy(update={"epochs": settings.loss_tokens / once})


def _identity(
    model_dir: Path,
    reference: Path | None,
    examples: Sequence[TrainingExample],
    objective: Objective,
    settings: TrainSettings,
) -> str:
    """Digest of everything that decides the weights a run ends with."""
    return digest(
        {
            "model": model_digest(model_dir),
            "reference": reference and model_digest(reference),
            "examples": [example.id for example in examples],
            "objective": objective.identity(),
            "settings": settings.model_dump(mode="json", exclude=set(FREE)),
        }
    )
