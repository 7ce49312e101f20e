"""A recipe written down again: the mapping that it is read from, to be changed and read anew."""

from collections.abc import Iterable
from typing import Any

from cladeflow.errors import RecipeError
from cladeflow.recipes.model import Entry, Recipe, Round, Update
from cladeflow.recipes.parse import ROUND_SLOTS

_PLAIN = {"name", "paper", "summary", "variant", "roles"}
_SOLE = {"name": "main", "repeat": 1, "inputs": "last"}
"""What a round is whose slots a recipe gives without speaking of rounds."""


def spelled(recipe: Recipe) -> dict[str, Any]:
    """The mapping that `parse_recipe` makes ``recipe`` of, every slot and option spelled out."""
    raw = recipe.model_dump(mode="json", include=_PLAIN, exclude_none=True)
    for slot in ("environments", "evaluate", "promote", "memory"):
        raw[slot] = _entries(getattr(recipe, slot))
    raw |= {slot: _entry(getattr(recipe, slot)) for slot in ("selection", "control")}
    rounds = [_round(part) for part in recipe.rounds]
    if len(rounds) == 1 and _SOLE.items() <= rounds[0].items():
        return raw | {slot: given for slot, given in rounds[0].items() if slot not in _SOLE}
    return {**raw, "rounds": rounds}


def require_heard(before: dict[str, Any], changed: dict[str, Any], source: str) -> None:
    """Raise `RecipeError` where a changed recipe gives a slot that its rounds all spell out."""
    for slot in changed.keys() - before.keys() if "rounds" in before else ():
        raise RecipeError(
            f"{source}: each of its rounds has its own {slot}; write --set rounds.NAME.{slot}…, or "
            "name the recipe that the evolution was started with"
        )


def _round(part: Round) -> dict[str, Any]:
    slots = {slot: _entries(getattr(part, slot)) for slot in ROUND_SLOTS}
    updates = [_update(update) for update in part.fine_tune]
    return {**{key: getattr(part, key) for key in _SOLE}, **slots, "fine_tune": updates}


def _update(update: Update) -> dict[str, Any]:
    parts = {key: getattr(update, key) for key in ("build", "objective", "update")}
    given = {key: _entry(entry) for key, entry in parts.items() if entry is not None}
    return {**given, "role": update.role, "init": update.init}


def _entries(entries: Iterable[Entry]) -> Any:
    return [_entry(entry) for entry in entries] or "none"


def _entry(entry: Entry) -> dict[str, Any]:
    return {entry.name: entry.options}
