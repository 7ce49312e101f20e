"""The engine protocol: what a batch inference back end offers to the episode scheduler."""

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from cladeflow.records import Value

if TYPE_CHECKING:
    from cladeflow.models.tokenizer import Tokenizer


class Sampling(Value):
    """How to sample. ``temperature`` 0 is greedy; ``stop`` strings stay in the text."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 128
    stop: tuple[str, ...] = ()


class Request(NamedTuple):
    """``n`` continuations of one context; ``key`` seeds their generators, one per sample."""

    context: Sequence[int]
    sampling: Sampling
    key: str
    n: int = 1


class Completion(NamedTuple):
    """One continuation as sampled.

    ``logp``: natural log-probability of each token under the softmax at the request's temperature
    (1 where greedy), before top-p cuts it.

    ``finish``: a stop string or the end token was produced ("stop"), or the limit hit ("length").
    The end token, where produced, is the last of ``tokens`` and not part of ``text``.
    """

    tokens: tuple[int, ...]
    logp: tuple[float, ...]
    text: str
    finish: Literal["stop", "length"]


class Engine(Protocol):
    """A model that answers batches. One thread drives it: submit, then pump until futures resolve.

    The sampled tokens of a request depend on the model, its context, its sampling and its key
    alone (up to the floating-point effects of batch shape), never on arrival time.
    """

    name: str
    dtype: str
    model_digest: str
    tokenizer_digest: str
    tokenizer: "Tokenizer"
    max_length: int
    """Tokens that the model reads at most, context and completion together."""

    def submit(self, requests: Sequence[Request]) -> list[Future[list[Completion]]]:
        """Queue requests; each future resolves to its ``n`` completions."""

    def pump(self) -> None:
        """Advance decoding until at least one future resolves or nothing is queued."""

    def score(
        self, contexts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Natural log-probabilities, at temperature 1, of completions' tokens given contexts."""

    def swap(self, weights: Path, digest: str) -> None:
        """Load other weights of the same architecture in place, without a new engine.

        Raises `ModelError`, with the engine as it was, where more than the weights differs.
        """

    def close(self) -> None:
        """Free the model."""
