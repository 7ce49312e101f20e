"""From the steps of an example to tokens with weights."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cladeflow.errors import CladeflowError
from cladeflow.models.context import Context
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

    Tokens are taken as sampled. Text becomes the tokens that it would be in a `Context`: a prompt
    is put to the model, a step of the agent is tokenised by itself, what others say is appended
    after it, and an end token closes a last step that the agent wrote as text.
    Raises ValueError where there is text and no tokenizer.
    """
    tokens = list(_put(prompt, tokenizer))
    weights = [0.0] * len(tokens)
    for step in steps:
        written = _tokenise(step, tokens, tokenizer) if step.tokens is None else step.tokens
        if step is steps[-1] and step.tokens is None and step.role == "agent":
            written = (*written, *_end(tokenizer))
        tokens.extend(written)
        weights.extend([step.train] * len(written))
    return TokenSequence(tuple(tokens), (0.0, *weights[1:]))


def as_sampled(prompt: Sequence[int] | str, steps: Sequence[Step]) -> TokenSequence:
    """`flatten` with the column ``behaviour``: log-probabilities under the policy that sampled.

    The column is 0 where nothing is trained. Raises `CladeflowError` where a trained step has no
    log-probabilities, as text that no model of this pipeline wrote.
    """
    behaviour = [0.0] * len(prompt)
    for step in steps:
        known = step.tokens is not None and (step.logp is not None or not step.train)
        if isinstance(prompt, str) or not known:
            raise CladeflowError(
                f"step {step.i} ({step.text.strip()[:40]!r}) has no behaviour log-probabilities:"
                " the objective learns from samples of a rollout; for demonstrations and other"
                " given text use sft"
            )
        behaviour.extend(step.logp or [0.0] * len(step.tokens or ()))
    return flatten(prompt, steps, None)._replace(per_token={"behaviour": tuple(behaviour)})


def _put(prompt: Sequence[int] | str, tokenizer: "Tokenizer | None") -> Sequence[int]:
    if not isinstance(prompt, str):
        return prompt
    return Context.open(_required(tokenizer), prompt).prompt


def _tokenise(step: Step, before: Sequence[int], tokenizer: "Tokenizer | None") -> Sequence[int]:
    if step.role == "agent":
        return _required(tokenizer).encode(step.text)
    context = Context(_required(tokenizer), tuple(before), ids=list(before))
    return context.append(step.role, step.text)


def _end(tokenizer: "Tokenizer | None") -> Sequence[int]:
    end = _required(tokenizer).end
    return () if end is None else (end,)


def _required(tokenizer: "Tokenizer | None") -> "Tokenizer":
    if tokenizer is None:
        raise ValueError("an example holds text without tokens: give the trainer a tokenizer")
    return tokenizer
