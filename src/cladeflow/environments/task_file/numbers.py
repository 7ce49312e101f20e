"""Numbers as people write them."""

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

LONGEST = 60
"""Characters of a number; what is longer is none that anybody meant."""

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
_PLAIN = rf"(?:{_DIGITS}(?:\.[0-9]+)?|(?<!\.)\.[0-9]+)(?:[eE][-+]?[0-9]{{1,2}}(?![0-9A-Za-z]))?"
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z_])(?<![0-9]\.)"
    r"(?P<sign>(?<![)\]%])-)?(?:[$€£¥₹]\s?(?P<after>-)?)?"
    rf"(?:(?:(?P<whole>[0-9]+)\s+)?(?P<over>{_PLAIN})\s*/\s*(?P<under>{_PLAIN})|(?P<plain>{_PLAIN}))"
    r"(?P<percent>\s?(?:%|percent\b|per cent\b))?"
)
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*([0-9.,]+)\s*\}\s*\{\s*([0-9.,]+)\s*\}")
_VULGAR = {
    ord(c): f" {unicodedata.normalize('NFKC', c).replace(chr(0x2044), '/')}"
    for c in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
}
_SIGNS = {ord(c): "-" for c in "−–"} | {0x00A0: " ", 0x202F: " "}


class Number(NamedTuple):
    """A number in a text and where it stands there."""

    value: Fraction
    percent: bool
    start: int
    end: int

    @property
    def readings(self) -> tuple[Fraction, ...]:
        """What it may stand for: 50 % is 50 and 1/2."""
        return (self.value, self.value / 100) if self.percent else (self.value,)

    def __str__(self) -> str:
        """Canonical: a decimal where it ends, else lowest terms; and whether it is a percentage."""
        return _decimal(self.value) + "%" * self.percent


def plain(text: str) -> str:
    """``text`` with one way to write minus, fractions and separators."""
    text = text.translate(_VULGAR).translate(_SIGNS)
    for written, meant in (("{,}", ","), ("\\,", ""), ("\\!", ""), ("\\$", "$"), ("\\%", "%")):
        text = text.replace(written, meant)
    return _LATEX_FRACTION.sub(r" \1/\2", text)


def numbers(text: str) -> Iterator[Number]:
    """The numbers of a `plain` text, in order."""
    at = 0
    while match := _NUMBER.search(text, at):
        number = _number(match)
        at = match.end()
        if number is not None:
            at = number.end
            yield number


def _number(match: re.Match[str]) -> Number | None:
    """The number matched, unless it or what it comes to is too long."""
    if len(match[0]) > LONGEST:
        return None
    number = _value(match)
    return number if len(str(number)) <= LONGEST else None


def _value(match: re.Match[str]) -> Number:
    """A fraction that is none counts as its first number."""
    sign = -1 if match["sign"] or match["after"] else 1
    if match["plain"]:
        return _at(match, "plain", sign * _fraction(match["plain"]))
    whole, over, under = match["whole"], _fraction(match["over"]), _fraction(match["under"])
    if whole and not 0 < over < under:
        return _at(match, "whole", sign * _fraction(whole))
    if not under:
        return _at(match, "over", sign * over)
    return _at(match, "under", sign * (_fraction(whole or "0") + over / under))


def _at(match: re.Match[str], last: str, value: Fraction) -> Number:
    """The number that ends with a group; a percent sign belongs to the match's last one."""
    complete = last in ("plain", "under")
    end = match.end() if complete else match.end(last)
    return Number(value, complete and bool(match["percent"]), match.start(), end)


def _fraction(digits: str) -> Fraction:
    return Fraction(digits.replace(",", ""))


def _decimal(value: Fraction) -> str:
    places = next((k for k in range(LONGEST) if 10**k % value.denominator == 0), None)
    if not places:
        return str(value)
    digits = str(abs(value.numerator) * 10**places // value.denominator).zfill(places + 1)
    return f"{'-' * (value < 0)}{digits[:-places]}.{digits[-places:]}"
