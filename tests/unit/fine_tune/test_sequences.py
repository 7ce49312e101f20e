from typing import cast

import pytest

from cladeflow.fine_tune.sequences import TokenSequence, flatten
from cladeflow.models.tokenizer import Tokenizer
from cladeflow.records import Step


class Letters:
    """One token per letter; 9 begins a prompt and 0 ends an answer."""

    end = 0
    chat = False

    def encode(self, text: str) -> list[int]:
        return [ord(letter) - ord("a") + 1 for letter in text]

    def encode_prompt(self, text: str) -> list[int]:
        return [9, *self.encode(text)]


LETTERS = cast(Tokenizer, Letters())


def test_tokens_are_taken_as_sampled() -> None:
    step = Step(i=0, text="spelled otherwise", tokens=(7, 8))
    assert flatten((5,), (step,), None) == TokenSequence((5, 7, 8), (0, 1, 1))


def test_text_is_tokenised_and_ended() -> None:
    steps = (Step(i=0, text="a"), Step(i=1, text="b", role="env", train=0.0), Step(i=2, text="c"))
    row = flatten("ab", steps, LETTERS)
    assert row.tokens == (9, 1, 2, 1, 2, 3, 0)
    assert row.weights == (0, 0, 0, 1, 0, 1, 1)


def test_nothing_is_added_to_what_was_sampled_or_told() -> None:
    told = Step(i=1, text="b", role="env", train=0.0)
    assert flatten("a", (Step(i=0, text="a", tokens=(4,)),), LETTERS).tokens == (9, 1, 4)
    assert flatten("a", (Step(i=0, text="a"), told), LETTERS).tokens == (9, 1, 1, 2)


def test_the_first_token_has_nothing_to_be_predicted_from() -> None:
    assert flatten((), (Step(i=0, text="", tokens=(4, 5)),), None).weights == (0, 1)


def test_text_without_a_tokenizer_is_refused() -> None:
    with pytest.raises(ValueError, match="give the trainer a tokenizer"):
        flatten((1,), (Step(i=0, text="a"),), None)


def test_cut_shortens_everything() -> None:
    row = TokenSequence((1, 2, 3), (0, 1, 1), {"logp": (0, -1, -2)}, {"weight": 2.0})
    assert row.cut(2) == TokenSequence((1, 2), (0, 1), {"logp": (0, -1)}, {"weight": 2.0})
