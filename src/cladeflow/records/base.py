"""What all records share: they are frozen, content-addressed and refuse unknown fields."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from cladeflow.errors import StoreError


def canonical_json(value: Any) -> str:
    """The one JSON text of ``value``: sorted keys, no spaces, no NaN. Equal values, equal bytes."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any) -> str:
    """sha256 (64 hex digits) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


class Value(BaseModel):
    """A part of a record: frozen and strict, with no identity of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
        return digest({"type": type(self).__name__, **self.canonical()})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with its own id: pydantic would hand the cached one on."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("id", None)
        return copied

    def canonical(self) -> dict[str, Any]:
        """JSON-ready content without defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def to_line(self) -> str:
        """One canonical JSON line, with the id for readers that grep."""
        return canonical_json({"id": self.id, **self.canonical()})

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        """Read one line; raises `StoreError` if its content is not what its id says."""
        fields = json.loads(line)
        claimed = fields.pop("id", None)
        record = cls.model_validate(fields)
        if claimed != record.id:
            raise StoreError(f"{cls.__name__} {str(claimed)[:12]}: content does not match its id")
        return record
