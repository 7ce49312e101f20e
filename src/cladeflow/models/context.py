"""Contexts: append-only buffers of tokens, and who wrote which part of them.

What is in a context is never rendered or tokenised again: a model's tokens stay as it sampled them,
and other text is tokenised once, alone, when it is appended.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

from cladeflow.models.engine import Completion
from cladeflow.records import ToolCall

if TYPE_CHECKING:
    from cladeflow.models.tokenizer import Tokenizer

_SPOKEN = "cladeflow-reply"
"""Stands for the assistant's turn where a chat template is asked what goes around the next one."""


class Turn(NamedTuple):
    """One contribution to a context. ``logp`` is None for what no model sampled."""

    role: str
    text: str
    tokens: tuple[int, ...]
    logp: tuple[float, ...] | None = None
    call: ToolCall | None = None


@dataclass
class Context:
    """A prompt and the turns that continue it."""

    tokenizer: "Tokenizer"
    prompt: tuple[int, ...]
    turns: list[Turn] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    """Every token so far, the prompt's first."""

    @classmethod
    def open(cls, tokenizer: "Tokenizer", text: str) -> Self:
        """A context that puts ``text`` to a model: as a user's message where it has a template."""
        if tokenizer.chat:
            message = {"role": "user", "content": text}
            prompt = tokenizer.encode(tokenizer.render([message], reply=True))
        else:
            prompt = tokenizer.encode_prompt(text)
        return cls(tokenizer, tuple(prompt), ids=list(prompt))

    def append(self, role: str, text: str) -> tuple[int, ...]:
        """Add what somebody else says, ready for the model's next turn; the ids it became."""
        rendered = self._after_reply(text) if self.tokenizer.chat else text
        tokens = tuple(self.tokenizer.encode(rendered))
        self._add(Turn(role, text, tokens))
        return tokens

    def accept(self, completion: Completion, call: ToolCall | None = None) -> None:
        """Add what the model wrote, and the tool call that the environment took it for."""
        turn = Turn("agent", completion.text, completion.tokens, completion.logp, call)
        self._add(turn)

    def fork(self) -> Self:
        """An independent copy to continue in another way."""
        return type(self)(self.tokenizer, self.prompt, list(self.turns), list(self.ids))

    def _add(self, turn: Turn) -> None:
        self.turns.append(turn)
        self.ids += turn.tokens

    def _after_reply(self, text: str) -> str:
        """What a chat template puts after a reply: its end, ``text``, and a new turn's start."""
        messages = [
            {"role": "user", "content": ""},
            {"role": "assistant", "content": _SPOKEN},
            {"role": "user", "content": text},
        ]
        rendered = self.tokenizer.render(messages, reply=True).partition(_SPOKEN)[2]
        end = self.tokenizer.end
        if end is not None and self.ids[-1] == end:
            rendered = rendered.removeprefix(self.tokenizer.decode([end]))
        return rendered
