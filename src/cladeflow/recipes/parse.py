"""From YAML to a `Recipe`, strictly: complaints name the place and the nearest valid name."""

from collections.abc import Hashable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from cladeflow.errors import RecipeError
from cladeflow.recipes.model import Entry, Paper, Recipe, Round, Update
from cladeflow.strategy import find

ROUND_SLOTS = {
    "task_synthesis": ("generator", "selector"),
    "rollout": ("rollout",),
    "critique": ("critique",),
    "verification": ("verification",),
}
DEFAULTS: dict[str, Any] = {
    "roles": {"actor": "current"},
    "task_synthesis": "seed_tasks",
    "rollout": "sample",
    "critique": "none",
    "verification": "verifiable_reward",
    "fine_tune": "none",
    "evaluate": "benchmark_suite",
    "promote": "threshold_gate",
    "selection": "latest",
    "memory": "none",
    "control": "fixed",
}
TOP_KEYS = ("name", "paper", "summary", "variant", "environments", "rounds", *DEFAULTS)
ROUND_KEYS = ("name", "repeat", "inputs", *ROUND_SLOTS, "fine_tune")
UPDATE_KEYS = ("build", "objective", "update", "role", "init")
BINDINGS = ("parent", "current", "initial", "champion", "previous_generation")
BINDING_SCHEMES = ("path:", "models:/", "endpoint:")


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice, which plain YAML silently overwrites."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.MarkedYAMLError(
                problem=f"{twice.pop()!r} is given twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def load_yaml(text: str, source: str) -> Any:
    """Parse YAML; raises `RecipeError` with the line where it is malformed."""
    try:
        return yaml.load(text, _StrictLoader)
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise RecipeError(f"{source}{line}: {error.problem}") from error


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Definition by name by slot, of every strategy the field knows."""
    text = (files("cladeflow.recipes") / "catalogue.yaml").read_text()
    content: dict[str, dict[str, str]] = load_yaml(text, "catalogue.yaml")
    return content


def nearest(word: str, valid: Iterable[str]) -> str:
    """A hint such as "; did you mean 'sample'?", or the valid words where nothing is near."""
    words = list(valid)
    close = get_close_matches(word, words, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; valid: {', '.join(sorted(words))}"


def refuse_unknown(keys: Mapping[str, Any], valid: tuple[str, ...], place: str) -> None:
    """Raise `RecipeError` for the first key that is not valid at ``place``."""
    for key in keys:
        if key not in valid:
            raise RecipeError(f"{place}: unknown key {key!r}{nearest(str(key), valid)}")


def parse_recipe(raw: Any, source: str) -> Recipe:
    """Read a recipe mapping; raises `RecipeError` naming ``source`` and the place within."""
    if not isinstance(raw, dict):
        raise RecipeError(f"{source}: a recipe is a mapping of keys such as name, rollout, promote")
    refuse_unknown(raw, TOP_KEYS, source)
    for key in ("name", "environments"):
        if not raw.get(key):
            raise RecipeError(f"{source}: {key} is missing")
    top = {**DEFAULTS, **raw}
    return Recipe(
        name=str(top["name"]),
        paper=_paper(top.get("paper"), source),
        summary=str(top.get("summary", "")).strip(),
        variant=top.get("variant"),
        environments=_entries(top["environments"], ("environment",), f"{source}: environments"),
        roles=_roles(top["roles"], source),
        rounds=_rounds(top, source),
        evaluate=_entries(top["evaluate"], ("evaluate",), f"{source}: evaluate"),
        promote=_entries(top["promote"], ("promote",), f"{source}: promote"),
        selection=_one(top["selection"], "selection", source),
        memory=_entries(top["memory"], ("memory",), f"{source}: memory"),
        control=_one(top["control"], "control", source),
    )


def _paper(raw: Any, source: str) -> Paper | None:
    if raw is None:
        return None
    try:
        return Paper.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(f"{source}: paper: {first_problem(error)}") from error


def _roles(raw: Any, source: str) -> dict[str, str]:
    if not isinstance(raw, dict) or not raw:
        raise RecipeError(f"{source}: roles binds role names, as in {{actor: current}}")
    for role, binding in raw.items():
        text = str(binding)
        if text not in BINDINGS and not text.startswith(BINDING_SCHEMES):
            hint = nearest(text, (*BINDINGS, *BINDING_SCHEMES))
            raise RecipeError(f"{source}: roles.{role}: unknown binding {text!r}{hint}")
    return {str(role): str(binding) for role, binding in raw.items()}


def _rounds(top: Mapping[str, Any], source: str) -> tuple[Round, ...]:
    listed = top.get("rounds", [{}])
    if not isinstance(listed, list):
        raise RecipeError(f"{source}: rounds is a list of rounds; [] means evaluation only")
    rounds: list[Round] = []
    for index, raw in enumerate(listed):
        name = f"round{index + 1}" if len(listed) > 1 else "main"
        rounds.append(_round(raw, top, name, [r.name for r in rounds], source))
    return tuple(rounds)


def _round(raw: Any, top: Mapping[str, Any], name: str, earlier: list[str], source: str) -> Round:
    if not isinstance(raw, dict):
        raise RecipeError(f"{source}: rounds: each round is a mapping of slots")
    name = str(raw.get("name", name))
    place = f"{source}: rounds.{name}"
    refuse_unknown(raw, ROUND_KEYS, place)
    if name in earlier:
        raise RecipeError(f"{place}: a round of that name comes before it")
    inputs = str(raw.get("inputs", "last"))
    if inputs not in ("last", "all", *earlier):
        hint = nearest(inputs, ("last", "all", *earlier))
        raise RecipeError(f"{place}.inputs: {inputs!r} is no earlier round{hint}")
    repeat = raw.get("repeat", 1)
    if not isinstance(repeat, int) or repeat < 1:
        raise RecipeError(f"{place}.repeat: {repeat!r} is not a positive whole number")
    slots = {
        slot: _entries(raw.get(slot, top[slot]), kinds, f"{place}.{slot}")
        for slot, kinds in ROUND_SLOTS.items()
    }
    updates = _updates(raw.get("fine_tune", top["fine_tune"]), f"{place}.fine_tune")
    return Round(name=name, repeat=repeat, inputs=inputs, fine_tune=updates, **slots)


def _updates(raw: Any, place: str) -> tuple[Update, ...]:
    listed = raw if isinstance(raw, list) else [] if raw in (None, "none") else [raw]
    return tuple(_update(item, f"{place}[{i}]") for i, item in enumerate(listed))


def _update(raw: Any, place: str) -> Update:
    if not isinstance(raw, dict):
        raise RecipeError(f"{place}: an update is {{build: …, objective: …, role: …, init: …}}")
    refuse_unknown(raw, UPDATE_KEYS, place)
    if raw.keys() & {"build", "objective", "update"} not in ({"build", "objective"}, {"update"}):
        raise RecipeError(f"{place}: give build and objective together, or update alone")
    parts = {
        key: _entry(raw[key], (slot,), f"{place}.{key}")
        for key, slot in (("build", "builder"), ("objective", "objective"), ("update", "update"))
        if key in raw
    }
    try:
        return Update.model_validate(
            {**parts, "role": raw.get("role", "actor"), "init": raw.get("init", "current")}
        )
    except ValidationError as error:
        raise RecipeError(f"{place}: {first_problem(error)}") from error


def _one(raw: Any, slot: str, source: str) -> Entry:
    return _entry(raw, (slot,), f"{source}: {slot}")


def parse_entry(raw: Any, slot: str, place: str) -> Entry:
    """One entry of one slot, by itself."""
    return _entry(raw, (slot,), place)


def _entries(raw: Any, slots: tuple[str, ...], place: str) -> tuple[Entry, ...]:
    listed = raw if isinstance(raw, list) else [raw]
    if listed == ["none"] or listed == [None]:
        return ()
    return tuple(_entry(item, slots, place) for item in listed)


def _entry(raw: Any, slots: tuple[str, ...], place: str) -> Entry:
    """``name`` or ``{name: {options}}``."""
    if isinstance(raw, dict) and len(raw) == 1:
        name, options = next(iter(raw.items()))
    else:
        name, options = raw, {}
    if not isinstance(name, str) or not isinstance(options, dict | None):
        raise RecipeError(f"{place}: an entry is 'name' or '{{name: {{options}}}}', not {raw!r}")
    known = {n: slot for slot in reversed(slots) for n in catalogue()[slot]}
    if name not in known:
        raise RecipeError(f"{place}: unknown strategy {name!r}{nearest(name, known)}")
    return _with_defaults(Entry(slot=known[name], name=name, options=options or {}), place)


def _with_defaults(entry: Entry, place: str) -> Entry:
    """Spell out every option of a strategy that is built, refusing those it does not have."""
    kind = find(entry.slot, entry.name)
    if kind is None:
        return entry
    place = f"{place}.{entry.name}"
    refuse_unknown(entry.options, tuple(kind.model_fields), place)
    try:
        return entry.model_copy(
            update={"options": kind.from_options(entry.options).model_dump(mode="json")}
        )
    except ValidationError as error:
        raise RecipeError(f"{place}: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """Pydantic's first complaint as "key: what is wrong"."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else problem["msg"]


def read_source(path: Path) -> str:
    """A recipe file's text; raises `RecipeError` where there is none."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as a recipe ({error})") from error
