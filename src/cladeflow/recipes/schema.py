"""The JSON schema of recipes, for editors: made from the catalogue and the strategies' options."""

from typing import Any

from cladeflow.recipes.parse import BINDINGS, ROUND_SLOTS, catalogue
from cladeflow.strategy import find

_Json = dict[str, Any]


def recipe_schema() -> _Json:
    """JSON schema (draft 2020-12) of a recipe file."""
    slots = {slot: _slot(kinds) for slot, kinds in ROUND_SLOTS.items()}
    stages = {**slots, "fine_tune": {"$ref": "#/$defs/fine_tune"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cladeflow recipe",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "environments"],
        "properties": {
            "name": {"type": "string"},
            "paper": _object({"title": {"type": "string"}, "arxiv": {"type": "string"}}, ["title"]),
            "summary": {"type": "string"},
            "variant": {"type": "string"},
            "variants": {"type": "object", "additionalProperties": {"type": "object"}},
            "environments": _slot(("environment",)),
            "roles": {"type": "object", "additionalProperties": _binding()},
            **stages,
            **{slot: _slot((slot,)) for slot in ("evaluate", "promote", "memory")},
            **{slot: _entry((slot,)) for slot in ("selection", "control")},
            "rounds": {"type": "array", "items": _round(stages)},
        },
        "$defs": {**_entry_definitions(), "fine_tune": _fine_tune()},
    }


def _object(properties: _Json, required: list[str]) -> _Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


def _binding() -> _Json:
    external = {"type": "string", "pattern": "^(path:|models:/|endpoint:)"}
    return {"anyOf": [{"enum": list(BINDINGS)}, external]}


def _round(stages: _Json) -> _Json:
    keys = {
        "name": {"type": "string"},
        "repeat": {"type": "integer", "minimum": 1},
        "inputs": {"type": "string", "description": "last, all, or the name of an earlier round"},
    }
    return _object({**keys, **stages}, [])


def _fine_tune() -> _Json:
    update = _object(
        {
            "build": _entry(("builder",)),
            "objective": _entry(("objective",)),
            "update": _entry(("update",)),
            "role": {"type": "string"},
            "init": {"enum": ["parent", "current", "initial"]},
        },
        [],
    )
    return {"anyOf": [{"const": "none"}, update, {"type": "array", "items": update}]}


def _slot(kinds: tuple[str, ...]) -> _Json:
    entry = _entry(kinds)
    return {"anyOf": [{"const": "none"}, entry, {"type": "array", "items": entry}]}


def _entry(kinds: tuple[str, ...]) -> _Json:
    return {"anyOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds]}


def _entry_definitions() -> _Json:
    """One definition per slot: a name, or a name with its options."""
    definitions = {}
    for slot, known in catalogue().items():
        by_name = [{"const": name, "description": text} for name, text in known.items()]
        with_options = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {name: _options(slot, name) for name in known},
        }
        definitions[slot] = {"anyOf": [*by_name, with_options]}
    return definitions


def _options(slot: str, name: str) -> _Json:
    """Options of a built strategy; anything for one that is known but not built."""
    kind = find(slot, name)
    if kind is None:
        return {"type": ["object", "null"], "description": "known, not built in this version"}
    schema = kind.model_json_schema()
    inlined: _Json = _inlined(schema, schema.pop("$defs", {}))
    return inlined


def _inlined(node: Any, definitions: _Json) -> Any:
    """``node`` with the definitions it refers to in place: elsewhere they would not be found."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in node.items()}
