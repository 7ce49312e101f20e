"""Quarantine: an item that fails whatever is done with it must not stop all the others."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cladeflow.failures import failure
from cladeflow.work import Output

SHARE = 0.1
"""Most items of a shard that may be poison; where more fail, it is the code that does."""


class Poison(NamedTuple):
    """An item that fails alone."""

    at: int
    """Within the shard."""
    reason: str


def sparing(
    items: Sequence[Any],
    run: Callable[[Sequence[Any]], Output],
    probe: Callable[[Sequence[Any]], object],
) -> tuple[Output, list[Poison]]:
    """What ``run`` gives of ``items`` without those that fail alone, and which these are.

    Only where it fails of a bug are they looked for, by halving, with ``probe``, which does the
    same where nobody looks. Raises what ``run`` raised where more than a tenth of them fail.
    """
    try:
        return run(items), []
    except Exception as error:
        if failure(error) != "bug":
            raise
        most = int(SHARE * len(items))
        found = _search(items, probe, 0, most)
        if found is None or not found:  # too many, or none that fails alone
            raise
    poison = {one.at for one in found}
    return run([item for index, item in enumerate(items) if index not in poison]), found


def _search(
    items: Sequence[Any], probe: Callable[[Sequence[Any]], object], start: int, most: int
) -> list[Poison] | None:
    """The items that fail alone, or None where there are more than ``most``."""
    if most <= 0:
        return None
    found: list[Poison] = []
    half = (len(items) + 1) // 2
    for offset in (0, half):
        part = items[offset : offset + half]
        try:
            if part:
                probe(part)
            continue
        except Exception as error:
            if failure(error) != "bug":
                raise
            alone = [Poison(start + offset, repr(error))] if len(part) == 1 else None
        more = alone or _search(part, probe, start + offset, most - len(found))
        if more is None or len(found) + len(more) > most:
            return None
        found += more
    return found
