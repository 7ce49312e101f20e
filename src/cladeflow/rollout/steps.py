"""From the turns of a context to the steps of a trajectory."""

from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from cladeflow.models.context import Context, Turn
from cladeflow.records import Step

if TYPE_CHECKING:
    from cladeflow.models.tokenizer import Tokenizer

LOGP_DECIMALS = 6


def steps_of(context: Context, *, tokens: bool = True) -> list[Step]:
    """One step per line that a model wrote and per message that it was told, in order.

    The steps' texts joined are what was written; with the prompt, their tokens joined are the
    context's. A message's tokens include what a chat template puts around it. Without ``tokens``,
    the steps are words alone.
    """
    steps: list[Step] = []
    for turn in context.turns:
        if turn.logp is None:
            steps.append(_told(len(steps), turn, tokens))
        else:
            steps += _written(len(steps), turn, context.tokenizer, tokens)
    return steps


def _told(i: int, turn: Turn, tokens: bool) -> Step:
    ids = turn.tokens if tokens else None
    return Step(i=i, role=turn.role, text=turn.text, kind="observe", tokens=ids, train=0.0)


def _written(start: int, turn: Turn, tokenizer: "Tokenizer", tokens: bool) -> Iterator[Step]:
    """The lines of a turn; a tool call belongs to its last one."""
    assert turn.logp is not None
    cuts = [(0, 0), *line_ends(turn, tokenizer)]
    logp = np.round(turn.logp, LOGP_DECIMALS).tolist() if tokens else None
    for i, ((token, char), (token_end, char_end)) in enumerate(pairwise(cuts)):
        acts = turn.call is not None and token_end == len(turn.tokens)
        yield Step(
            i=start + i,
            role=turn.role,
            text=turn.text[char:char_end],
            kind="act" if acts else "think",
            call=turn.call if acts else None,
            tokens=turn.tokens[token:token_end] if tokens else None,
            logp=None if logp is None else tuple(logp[token:token_end]),
        )


def line_ends(turn: Turn, tokenizer: "Tokenizer") -> list[tuple[int, int]]:
    """(tokens, characters) of the turn up to the end of each line, the whole turn last.

    A line ends with the token that holds its newline, whatever else that token holds. Tokens
    that add no text, such as an end token, go with the line before them.
    """
    ends = [
        (i + 1, length)
        for i, length in _lengths(turn, tokenizer)
        if length is not None and length <= len(turn.text)
    ]
    whole = (len(turn.tokens), len(turn.text))
    if ends and ends[-1][1] == whole[1]:
        ends.pop()
    return [*ends, whole]


def _lengths(turn: Turn, tokenizer: "Tokenizer") -> Iterator[tuple[int, int | None]]:
    """For each token that holds a newline: characters of the turn up to its end.

    None where the tokens so far are not a beginning of the text. Most tokenizers write every token
    the same wherever it stands; only where one does not is the beginning decoded anew.
    """
    pieces = [tokenizer.pieces[token] for token in turn.tokens]
    plain = "".join(pieces).startswith(turn.text)
    ends = list(accumulate(map(len, pieces)))
    for i in [i for i, piece in enumerate(pieces) if "\n" in piece]:
        text = turn.text[: ends[i]] if plain else tokenizer.decode(turn.tokens[: i + 1])
        yield i, (len(text) if turn.text.startswith(text) else None)
