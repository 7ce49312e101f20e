"""``--set path=value``: change any key of a raw recipe or scale before it is read strictly."""

from collections.abc import Iterable, Sequence
from typing import Any

from cladeflow.errors import RecipeError
from cladeflow.recipes.parse import load_yaml, nearest


def apply(raw: dict[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """A copy of ``raw`` with each ``path=value`` applied; values are YAML.

    A path walks mapping keys, round and strategy names: ``rollout.sample.n=8``,
    ``rounds.main.repeat=3``, ``verification=shuffled``, ``scale.training.learning_rate=0.001``.
    """
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path.strip():
            raise RecipeError(
                f"--set {setting!r}: write path=value, as in --set rollout.sample.n=8"
            )
        value = load_yaml(text, f"--set {path}")
        raw = _put(raw, path.strip().split("."), value, f"--set {setting}")
    return raw


def choose_variant(raw: dict[str, Any], settings: Sequence[str], source: str) -> dict[str, Any]:
    """``raw`` as its ``variant`` is, or as ``--set variant=NAME`` asks, without ``variants``.

    ``variants`` holds, by name, the keys that a variant changes, as ``{path: value}``. Where a
    recipe has none, ``variant`` only describes it.
    """
    variants = raw.get("variants")
    asked = [s.partition("=")[2].strip() for s in settings if s.startswith("variant=")]
    if variants is None:
        if asked:
            raise RecipeError(f"{source}: it has no variants, so --set variant=… chooses nothing")
        return raw
    chosen = asked[-1] if asked else raw.get("variant")
    if not isinstance(variants, dict) or not all(isinstance(v, dict) for v in variants.values()):
        raise RecipeError(f"{source}: variants is a mapping of names to {{path: value}}")
    if chosen not in variants:
        raise RecipeError(
            f"{source}: variant {chosen!r} is not there{nearest(str(chosen), variants)}"
        )
    raw = {**{key: value for key, value in raw.items() if key != "variants"}, "variant": chosen}
    for path, value in variants[chosen].items():
        raw = _put(raw, path.split("."), value, f"{source}: variants.{chosen}: {path}")
    return raw


def _put(node: Any, path: list[str], value: Any, place: str) -> Any:
    """``node`` with ``value`` at ``path``; strategies given by name alone grow a mapping."""
    head, *rest = path
    if isinstance(node, list):
        return _put_in_list(node, head, rest, value, place)
    if isinstance(node, str):
        if node != head:
            raise RecipeError(f"{place}: there is no {head!r} here{nearest(head, [node])}")
        return {head: _put({}, rest, value, place)} if rest else value
    if node is None:
        node = {}
    if not isinstance(node, dict):
        raise RecipeError(f"{place}: {head!r} is inside a plain value")
    return {**node, head: _put(node.get(head), rest, value, place) if rest else value}


def _put_in_list(node: list[Any], head: str, rest: list[str], value: Any, place: str) -> list[Any]:
    """Items of a list go by strategy name, round name or index."""
    names = [_name(item, index) for index, item in enumerate(node)]
    if head not in names and head.isdigit() and int(head) < len(node):
        names[int(head)] = head
    if head not in names:
        raise RecipeError(f"{place}: there is no {head!r} in the list{nearest(head, names)}")
    at = names.index(head)
    item = node[at]
    if (isinstance(item, dict) and "name" in item) or head.isdigit():
        changed = _put(item, rest, value, place) if rest else value
    else:
        changed = _put(item, [head, *rest], value, place)
    return [*node[:at], changed, *node[at + 1 :]]


def _name(item: Any, index: int) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, dict) and "name" in item:
        return str(item["name"])
    if isinstance(item, dict) and len(item) == 1:
        return str(next(iter(item)))
    return str(index)
