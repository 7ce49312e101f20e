"""Judging an attempt in words: ``ok``, or ``err k`` where line k, from 1, is the first wrong.

The judge may think first: its last line is what counts.
"""

import re

JUDGEMENT = re.compile(r"ok|err ([1-9]\d*)")


def write_judgement(first_error: int) -> str:
    """The judgement of an attempt whose first wrong step has this index; -1 for none."""
    return "ok" if first_error < 0 else f"err {first_error + 1}"


def read_judgement(text: str) -> int | None:
    """Index of the step that a judgement calls the first wrong one, -1 for ok, None if neither."""
    match = JUDGEMENT.fullmatch(split_judgement(text)[1])
    if match is None:
        return None
    return int(match[1]) - 1 if match[1] else -1


def split_judgement(text: str) -> tuple[str, str]:
    """A judge's working and its last line."""
    working, _, said = text.strip().rpartition("\n")
    return working, said.strip()
