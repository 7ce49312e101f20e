"""From the steps of an example to tokens with weights."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cladeflow.records import Step

if TYPE_CHECKING:
    from cladeflow.models.tokenizer import Tokenizer


class TokenSequence(NamedTuple):
    """What the model reads at once: ``tokens``, and the weight of each in the loss.

    ``per_token`` and ``per_sequence`` hold whatever else an objective needs, by name; the former
    has one entry per token. The first token's weight is 0: nothing predicts it.
    """

    tokens: tuple[int, ...]
    weights: tuple[float, ...]
    per_token: Mapping[str, Sequence[float]] = {}
    per_sequence: Mapping[str, float] = {}

    @property
    def loss_tokens(self) -> int:
        """Tokens that count, whatever their weight."""
        return sum(weight != 0 for weight in self.weights)

    def cut(self, length: int) -> "TokenSequence":
        """The first ``length`` tokens."""
        return self._replace(
            tokens=self.tokens[:length],
            weights=self.weights[:length],
            per_token={name: values[:length] for name, values in self.per_token.items()},
        )


def flatten(
    prompt: Sequence[int] | str, steps: Sequence[Step], tokenizer: "Tokenizer | None"
) -> TokenSequence:
    """Prompt tokens at weight 0, then each step's tokens at the step's ``train`` weight.

    Tokens are taken as sampled. Where there is only text it is tokenised, step by step as a model
    would have written it, and an end token closes a last step that the agent wrote as text.
    Raises ValueError where there is text and no tokenizer.
    """
    tokens = list(_encode_prompt(prompt, tokenizer))
    weights = [0.0] * len(tokens)
    for step in steps:
        written = _encode(step.text, tokenizer) if step.tokens is None else step.tokens
        if step is steps[-1] and step.tokens is None and step.role == "agent":
            written = (*written, *_end(tokenizer))
        tokens.extend(written)
        weights.extend([step.train] * len(written))
    return TokenSequence(tuple(tokens), (0.0, *weights[1:]))


def _encode_prompt(prompt: Sequence[int] | str, tokenizer: "Tokenizer | None") -> Sequence[int]:
    if not isinstance(prompt, str):
        return prompt
    return _required(tokenizer).encode_prompt(prompt)


def _encode(text: str, tokenizer: "Tokenizer | None") -> Sequence[int]:
    return _required(tokenizer).encode(text)


def _end(tokenizer: "Tokenizer | None") -> Sequence[int]:
    end = _required(tokenizer).end
    return () if end is None else (end,)


def _required(tokenizer: "Tokenizer | None") -> "Tokenizer":
    if tokenizer is None:
        raise ValueError("an example holds text without tokens: give the trainer a tokenizer")
    return tokenizer
