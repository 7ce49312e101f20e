"""Where in a text its final answer stands."""

import re
from collections.abc import Iterator

NEXT_TASK = "\n\nQuestion:"
"""Where a base model that has answered goes on to a task of its own."""

_MARKER = re.compile(
    r"\#\#\#\#"
    r"|\\boxed\s*\{"
    r"|\banswer\b(?:[^.\n?!:=]|\.(?=\d)){0,200}?(?:\bis\b\s*:?|:|=)"
    r"|\banswer\b\W*?(?=\n)",
    re.IGNORECASE,
)
_AROUND = " .\"'`*_“”‘’"
_CALCULATOR = re.compile(r"<<[^<>\n]*>>")


def without_calculator(text: str) -> str:
    """``text`` without GSM8K's calculator marks, such as ``<<48/2=24>>``."""
    return _CALCULATOR.sub("", text)


def attempt_of(text: str) -> str:
    """``text`` up to where a model begins another task, without calculator marks."""
    return without_calculator(text.partition(NEXT_TASK)[0])


def marked(text: str) -> list[str]:
    """What follows each marker of an answer, in order; empty where nothing is marked.

    Markers are ``####`` (GSM8K), a LaTeX box, and "answer" followed by "is", ":" or "=" within its
    sentence, or by the end of its line. The answer is the box's content, else the rest of the line,
    or the next line that is not blank.
    """
    return [found for match in _MARKER.finditer(text) if (found := _after(text, match))]


def _after(text: str, match: re.Match[str]) -> str:
    rest = text[match.end() :]
    if match[0].endswith("{"):
        return "".join(_to_closing_brace(rest)).strip()
    lines = (line.strip(" \t*_") for line in rest.splitlines())
    return next((line for line in lines if line), "")


def _to_closing_brace(text: str) -> Iterator[str]:
    depth = 1
    for character in text:
        depth += (character == "{") - (character == "}")
        if not depth:
            return
        yield character


def final(text: str) -> str | None:
    """The last marked answer, else the last line that is not blank; None in an empty text."""
    found = marked(text)
    if found:
        return found[-1]
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), None)


def normal(text: str) -> str:
    """``text`` in lower case with single spaces, bare of quotes, emphasis and full stops."""
    return " ".join(text.split()).strip(_AROUND).casefold()
