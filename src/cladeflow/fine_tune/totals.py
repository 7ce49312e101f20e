"""Running figures of a training run."""

from dataclasses import dataclass, field

from torch import Tensor


def k3(logp: Tensor, other: Tensor) -> Tensor:
    """Sum over tokens [N] of e^d - d - 1, d = other - logp, which estimates KL(policy, other).

    Source: Schulman 2020, "Approximating KL divergence".
    """
    distance = other - logp
    return (distance.exp() - distance - 1).sum()


@dataclass
class Totals:
    """What a run came to so far; see `TrainResult`."""

    tokens: int = 0
    loss_tokens: int = 0
    loss_first: float = 0.0
    loss_last: float = 0.0
    loss_sum: float = 0.0
    grad_norm: float = 0.0
    grad_norm_sum: float = 0.0
    kl: dict[str, float] = field(default_factory=dict)

    def count(self, tokens: int, loss_tokens: int, loss: float, norm: float) -> None:
        """Add an optimiser step."""
        self.loss_first = self.loss_first if self.loss_tokens else loss
        self.tokens += tokens
        self.loss_tokens += loss_tokens
        self.loss_last, self.grad_norm = loss, norm
        self.loss_sum += loss
        self.grad_norm_sum += norm
