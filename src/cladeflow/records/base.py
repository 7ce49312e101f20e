"""What all records share: they are frozen, content-addressed and refuse unknown fields."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from json import JSONEncoder
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from cladeflow.errors import StoreError

_CANONICAL = JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
"""Made once: `json.dumps` makes one for every text."""


def canonical_json(value: Any) -> str:
    """The one JSON text of ``value``: sorted keys, no spaces, no NaN. Equal values, equal bytes.

    -0.0 is another value than 0.0.
    """
    return _CANONICAL.encode(value)


def digest(value: Any) -> str:
    """sha256 (64 hex digits) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


_ID = '{"id":"'
"""How a line starts."""
_ID_END = len(_ID) + 64


def _address(kind: str, content: str) -> str:
    return hashlib.sha256(f"{kind} {content}".encode()).hexdigest()


class Value(BaseModel):
    """A part of a record: frozen and strict, with no identity of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Record(Value):
    """An immutable value that flows between stages and is addressed by its content.

    Two records with equal content have the same ``id``, whoever made them, wherever and whenever:
    volatile facts (creation time, seconds, host) live in the manifest of the commit instead.
    Fields at their default are left out of the canonical form, so a later version may add an
    optional field without changing the id of any record that exists.
    """

    schema_version: ClassVar[int] = 1

    gen: int = 0
    """The generation that made the record; 0 for what existed before the first one."""

    @cached_property
    def id(self) -> str:
        """sha256 over the record's type and canonical JSON."""
        return _address(type(self).__name__, self.content)

    @cached_property
    def content(self) -> str:
        """Canonical JSON without defaults; kept, because an id and a line both need it."""
        return canonical_json(self.canonical())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with an id of its own: pydantic would hand on whatever is cached."""
        copied = super().model_copy(update=update, deep=deep)
        for cached in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[cached]
        return copied

    def canonical(self) -> dict[str, Any]:
        """JSON-ready content without defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def to_line(self) -> str:
        """The content on one line, the id put first."""
        rest = self.content[1:]
        return f'{_ID}{self.id}"{"" if rest == "}" else ","}{rest}'

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        """Read one line; raises `StoreError` if its content is not what its id says."""
        text = line if isinstance(line, str) else line.decode()
        if not text.startswith(_ID):
            raise StoreError(f"{cls.__name__}: a line starts with its id, not with {text[:20]!r}")
        claimed, rest = text[len(_ID) : _ID_END], text[_ID_END + 1 :]
        content = "{" + rest.removeprefix(",")
        record = cls.model_validate_json(content)
        if _address(cls.__name__, content) == claimed:  # spares writing the content anew
            record.__dict__["id"] = claimed
        if claimed != record.id:
            raise StoreError(f"{cls.__name__} {claimed[:12]}: content does not match its id")
        return record
