"""Whether samples are fit for an objective: their tokens, and who made them."""

from collections.abc import Sequence
from typing import NamedTuple

from cladeflow.errors import RecipeError
from cladeflow.fine_tune.base import Objective
from cladeflow.records import TrainingExample, Trajectory


class Start(NamedTuple):
    """Where an update starts: digests of the weights and of their tokenizer."""

    weights: str
    tokenizer: str


def refuse_unfit(
    objective: Objective,
    examples: Sequence[TrainingExample],
    samples: Sequence[Trajectory],
    role: str,
    start: Start,
) -> None:
    """Raise `RecipeError` for tokens, or log-probabilities of them, that mean nothing to the start.

    Only the ``samples`` that became ``examples`` count.
    """
    used = {source for example in examples for source in example.sources}
    for sample in samples:
        reason = sample.id in used and _unfit(sample, objective, role, start)
        if reason:
            where = f"{objective.name} cannot learn from attempt {sample.id[:12]}"
            raise RecipeError(f"{where}: {reason}")


def _unfit(sample: Trajectory, objective: Objective, role: str, start: Start) -> str | None:
    sampled = any(step.tokens is not None for step in sample.steps)
    if sampled and sample.tokenizer != start.tokenizer:
        return (
            f"its tokens are of another tokenizer ({sample.tokenizer[:12] or 'none'}) than the"
            f" trained model's ({start.tokenizer[:12]}); roll out with the model that is trained"
        )
    if "behaviour" not in objective.reads():
        return None
    temperature = float(sample.params.get("temperature", 1.0))
    if temperature != 1.0:
        return (
            f"it was sampled at temperature {temperature:g}, and log-probabilities compare at 1"
            " only; set rollout.sample.temperature=1"
        )
    maker = sample.models.get(role) or next(iter(sample.models.values()), "")
    if objective.on_policy() and maker != start.weights:
        return (
            f"it was made by other weights ({maker[:12] or 'none'}) than the update starts from"
            f" ({start.weights[:12]}), and the objective is on-policy; bind the role to current"
            " and start the update from current (init), sample anew for every update (inputs:"
            f" last), or allow it with {{{objective.name}: {{off_policy: true}}}}"
        )
    return None
