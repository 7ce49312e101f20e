"""Sets of records: zstd-compressed canonical JSON lines in shards, described by a manifest."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

import zstandard
from pydantic import ValidationError

from cladeflow.errors import StoreError
from cladeflow.records import Record, Value, digest
from cladeflow.store.base import Store

R = TypeVar("R", bound=Record)
_COMPRESSION = 3


class Shard(Value):
    """One file of a set: where, how many, and the digests of its bytes and of its lines."""

    file: str
    """Key in the store."""
    count: int
    sha256: str
    """Of the compressed bytes: a flipped byte on the disk shows here."""
    lines: str
    """sha256 of the uncompressed lines: what the content is, however it is compressed."""


class SetManifest(Value):
    """All shards of a set, in order."""

    record: str
    schema_version: int
    shards: tuple[Shard, ...] = ()

    @property
    def count(self) -> int:
        """Records in the set."""
        return sum(shard.count for shard in self.shards)

    @property
    def digest(self) -> str:
        """Identity of the content."""
        return digest([self.record, [shard.lines for shard in self.shards]])


def write_set(store: Store, key: str, kind: type[R], records: Sequence[R]) -> SetManifest:
    """Write ``records`` as one shard at ``key`` + ``.jsonl.zst``."""
    text = "".join(f"{record.to_line()}\n" for record in records).encode()
    data = zstandard.ZstdCompressor(level=_COMPRESSION).compress(text)
    shard = Shard(
        file=f"{key}.jsonl.zst",
        count=len(records),
        sha256=hashlib.sha256(data).hexdigest(),
        lines=hashlib.sha256(text).hexdigest(),
    )
    store.write(shard.file, data)
    return SetManifest(record=kind.__name__, schema_version=kind.schema_version, shards=(shard,))


def join_sets(parts: Sequence[SetManifest]) -> SetManifest:
    """One manifest over the shards of ``parts`` (at least one); no data is copied."""
    shards = tuple(shard for part in parts for shard in part.shards)
    return parts[0].model_copy(update={"shards": shards})


def read_set(store: Store, manifest: SetManifest, kind: type[R]) -> Iterator[R]:
    """Every record in order; raises `StoreError` naming the shard that is not what it was."""
    if manifest.schema_version > kind.schema_version:
        where = manifest.shards[0].file if manifest.shards else "an empty set"
        raise StoreError(
            f"{where}: {manifest.record} records of schema {manifest.schema_version}, this "
            f"Cladeflow reads up to {kind.schema_version}; upgrade Cladeflow to read this home"
        )
    for shard in manifest.shards:
        yield from _read_shard(store, shard, kind)


def _read_shard(store: Store, shard: Shard, kind: type[R]) -> Iterator[R]:
    data = store.read(shard.file)
    if hashlib.sha256(data).hexdigest() != shard.sha256:
        raise StoreError(
            f"{store.uri}/{shard.file} is damaged: its bytes ({len(data)}) do not match the "
            "manifest; restore it from a copy, or delete its commit directory to compute it again"
        )
    lines = zstandard.ZstdDecompressor().decompress(data).splitlines()
    try:
        for line in lines:
            yield kind.from_line(line)
    except (ValidationError, StoreError) as error:
        raise StoreError(f"{store.uri}/{shard.file}: {error}") from error


def search(store: Store, name: str, needle: str) -> Iterator[bytes]:
    """Lines that contain ``needle`` in any set called ``name``, wherever in the store it is."""
    wanted = needle.encode()
    for key in store.list(""):
        if key.endswith(f"/{name}.jsonl.zst"):
            text = zstandard.ZstdDecompressor().decompress(store.read(key))
            yield from (line for line in text.splitlines() if wanted in line)
