"""A thin wrapper of a Hugging Face tokenizer: what contexts and engines need of it, no more."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

SLACK = 8
"""Tokens to look back beyond a stop string's bytes, for tokens that decode to nothing."""


class Tokenizer:
    """Text to ids and back, the end token, and stop strings."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.hf = tokenizer
        self.chat = bool(getattr(tokenizer, "chat_template", None))
        self.end: int | None = tokenizer.eos_token_id
        self._stop_tables: dict[tuple[str, ...], NDArray[np.bool_]] = {}

    def __len__(self) -> int:
        return len(self.hf)

    def encode(self, text: str) -> list[int]:
        """Ids of ``text`` alone, no special tokens added."""
        ids: list[int] = self.hf.encode(text, add_special_tokens=False)
        return ids

    def encode_prompt(self, text: str) -> list[int]:
        """Ids of a text that opens a context: a beginning token first where the model wants one."""
        ids: list[int] = self.hf.encode(text, add_special_tokens=True)
        return ids[:-1] if ids and ids[-1] == self.end else ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ``ids``, special tokens included."""
        return str(self.hf.decode(list(ids), clean_up_tokenization_spaces=False))

    def render(self, messages: Sequence[dict[str, str]], *, reply: bool) -> str:
        """Chat template applied to ``messages``; ``reply`` opens the assistant's turn."""
        return str(
            self.hf.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=reply)
        )

    def stop_candidates(self, stop: tuple[str, ...]) -> NDArray[np.bool_]:
        """[vocabulary] True where a token might complete one of ``stop``: a cheap first filter.

        A token that decodes to part of a character might be the last part of any string.
        """
        if stop not in self._stop_tables:
            ends = {text[-1] for text in stop} | {"\N{REPLACEMENT CHARACTER}"}
            table = [not ends.isdisjoint(piece) for piece in self.pieces] if stop else []
            self._stop_tables[stop] = np.array(table or [False] * len(self), dtype=np.bool_)
        return self._stop_tables[stop]

    def stops(self, ids: Sequence[int], stop: tuple[str, ...]) -> bool:
        """Whether one of ``stop`` lies in the last tokens of ``ids``, wherever tokens begin."""
        reach = max(len(text.encode()) for text in stop) + SLACK
        tail = self.decode(ids[-reach:])
        return any(text in tail for text in stop)

    @cached_property
    def pieces(self) -> list[str]:
        """Each token's text inside a text; at the start of one some decoders drop its space."""
        anchor = next((i for i in range(len(self)) if self.decode([i]).isalnum()), 0)
        head = self.decode([anchor])
        both = self.hf.batch_decode(
            [[anchor, i] for i in range(len(self))], clean_up_tokenization_spaces=False
        )
        return [text.removeprefix(head) for text in both]
