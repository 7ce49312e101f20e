"""Do the parts of a recipe fit together? Every refusal gives the reason."""

from collections.abc import Iterable, Sequence

from cladeflow.errors import RecipeError
from cladeflow.recipes.model import Recipe, Round, Update
from cladeflow.strategy import ROOMS, Strategy, find, names

_LEARNING = ("builder", "objective", "update", "memory")
"""Slots of what learns from attempts; the other strategies of a round make and judge them."""
_EXAMPLES = "examples:"
_UNNAMEABLE = "/:'"
"""What no registered model's name may hold: MLflow refuses it, or cannot search for it."""


def check_fit(recipe: Recipe, source: str) -> None:
    """Raise `RecipeError` for a part that needs what no other part gives.

    Of a strategy that is not built it is not known what it needs and gives: what depends on one is
    not checked.
    """
    _check_names(recipe, source)
    if not recipe.environments:
        raise RecipeError(f"{source}: environments: there are no tasks without one")
    if not recipe.promote:
        raise RecipeError(f"{source}: promote: none decides nothing; 'always' promotes every child")
    _check_gates(recipe, source)
    for index, part in enumerate(recipe.rounds):
        before = [*recipe.rounds[:index], *([part] if part.repeat > 1 else ())]
        _check_round(recipe, part, before, f"{source}: rounds.{part.name}")


def _check_names(recipe: Recipe, source: str) -> None:
    """The names that `tracking.view` makes those of registered models of."""
    for key, name in (("name", recipe.name), *(("roles", role) for role in recipe.roles)):
        unfit = sorted(set(name) & set(_UNNAMEABLE))
        if unfit:
            raise RecipeError(
                f"{source}: {key}: {name!r} becomes part of the name of a model in MLflow's "
                f"registry, which may not hold {' '.join(unfit)}; write _ instead"
            )


def _check_round(recipe: Recipe, part: Round, before: Sequence[Round], place: str) -> None:
    _check_generator(part, place)
    for index, update in enumerate(part.fine_tune):
        _check_role(recipe, update, f"{place}.fine_tune[{index}]")
        _check_update(update, f"{place}.fine_tune[{index}]")
    strategies = _built(recipe, part)
    if strategies and part.rollout and not (part.task_synthesis or before):
        raise RecipeError(f"{place}: rollout has no tasks: task_synthesis is none, no round before")
    gathering = _gathering(strategies)
    judged = any(one.rollout and one.verification for one in before)
    given = _given(recipe, gathering) | ({"earlier"} if judged else set())
    _check_needs(gathering, given, gathering, place)
    if strategies and part.fine_tune:
        _check_learning(recipe, part, place)


def _check_generator(part: Round, place: str) -> None:
    entries = part.task_synthesis
    if entries and all(entry.slot == "selector" for entry in entries):
        chosen = ", ".join(entry.name for entry in entries)
        raise RecipeError(
            f"{place}.task_synthesis: no generator poses the tasks that {chosen} would choose "
            f"from; add one, as in [seed_tasks, {chosen}]"
        )


def _check_role(recipe: Recipe, update: Update, place: str) -> None:
    if update.role not in recipe.roles:
        bound = ", ".join(sorted(recipe.roles))
        raise RecipeError(f"{place}: role {update.role!r} is not bound; roles binds only {bound}")


def _check_update(update: Update, place: str) -> None:
    """An objective trains on the kind of examples that its builder makes."""
    if update.build is None or update.objective is None:
        return
    try:
        builder, objective = update.build.build(), update.objective.build()
    except RecipeError:  # what is not built yet may give or need anything
        return
    made, wanted = _examples(builder.provided()), _examples(objective.required())
    if wanted <= made:
        return
    builders = [kind.name for kind in _strategies("builder") if wanted <= kind.gives]
    objectives = [kind.name for kind in _strategies("objective") if _examples(kind.needs) <= made]
    raise RecipeError(
        f"{place}: objective {objective.name!r} trains on {_listed(wanted)} examples, builder "
        f"{builder.name!r} makes {_listed(made)} ones; build {' or '.join(builders)} for this "
        f"objective, or take objective {' or '.join(objectives)} for this builder"
    )


def _examples(what: Iterable[str]) -> set[str]:
    return {one for one in what if one.startswith(_EXAMPLES)}


def _listed(examples: set[str]) -> str:
    return " and ".join(sorted(one.removeprefix(_EXAMPLES) for one in examples))


def _check_learning(recipe: Recipe, part: Round, place: str) -> None:
    """What updates learn from is made and judged in the rounds that they see."""
    seen = _seen(recipe, part)
    built = [_built(recipe, one) for one in seen]
    if not all(built):
        return
    gathering = [strategy for strategies in built for strategy in _gathering(strategies)]
    learning = [s for s in _built(recipe, part) if s.slot in _LEARNING]
    parts = [*gathering, *learning]
    given = _given(recipe, parts)
    if not any(one.rollout for one in seen) and "trajectories" not in given:
        raise RecipeError(f"{place}: fine_tune has nothing to learn from because rollout is none")
    names_seen = ", ".join(one.name for one in seen)
    where = "the round" if seen == [part] else f"the rounds that it learns from ({names_seen})"
    _check_needs(learning, given, parts, place, where)


def _seen(recipe: Recipe, part: Round) -> list[Round]:
    """The rounds whose attempts a round's updates see (as `graph.unroll` has it)."""
    if part.inputs == "last":
        return [part]
    so_far = recipe.rounds[: recipe.rounds.index(part) + 1]
    return [one for one in so_far if part.inputs in ("all", one.name)]


def _check_needs(
    needing: Sequence[Strategy],
    given: set[str],
    parts: Sequence[Strategy],
    place: str,
    where: str = "the round",
) -> None:
    """Raise `RecipeError` for the first need that ``parts``, those of ``where``, do not meet."""
    for strategy in needing:
        missing = sorted(strategy.required() - given)
        if "earlier" in missing:
            raise RecipeError(
                f"{place}: {strategy.slot} {strategy.name!r} starts from attempts of an earlier "
                "pass, and none were judged: put a round that samples and verifies before it"
            )
        for need in missing:
            raise RecipeError(
                f"{place}: {strategy.slot} {strategy.name!r} needs {need!r}, "
                f"which nothing in {where} gives{_remedy(need, parts)}"
            )


def _remedy(need: str, parts: Sequence[Strategy]) -> str:
    """What would give it: other options of what is there, or else other strategies."""
    here = sorted({strategy.name for strategy in parts if need in strategy.gives})
    if here:
        return f"; options of {', '.join(here)} would"
    other = {
        slot: [kind.name for kind in _strategies(slot) if need in kind.gives] for slot in ROOMS
    }
    known = [f"{slot} {' or '.join(found)}" for slot, found in other.items() if found]
    return f"; {', '.join(known)} would" if known else ""


def _check_gates(recipe: Recipe, source: str) -> None:
    """A gate decides on what the evaluations measure."""
    try:
        evaluations = [entry.build() for entry in recipe.evaluate]
        gates = [entry.build() for entry in recipe.promote]
    except RecipeError:  # what is not built yet may give or need anything
        return
    given = {what for evaluation in evaluations for what in evaluation.provided()}
    for gate in gates:
        for need in sorted(gate.required() - given):
            kind, _, wanted = need.partition(":")
            known = sorted(what.partition(":")[2] for what in given if what.startswith(f"{kind}:"))
            raise RecipeError(
                f"{source}: promote {gate.name!r} needs {_KINDS[kind].format(wanted)}, which none "
                f"of the recipe's evaluations measures; they measure {', '.join(known) or 'none'}"
            )


_KINDS = {
    "delta": "the difference to the incumbent in {}",
    "binary": "right or wrong per task in {}",
    "exploration": "the exploration {}",
}
"""How a message names what gates need, by what stands before the colon."""


def _strategies(slot: str) -> list[type[Strategy]]:
    """Everything that is built for a slot."""
    return [kind for name in names(slot) if (kind := find(slot, name)) is not None]


def _given(recipe: Recipe, strategies: Iterable[Strategy]) -> set[str]:
    roles = {f"role:{role}" for role in recipe.roles}
    return roles.union(*(strategy.provided() for strategy in strategies))


def _gathering(strategies: Iterable[Strategy]) -> list[Strategy]:
    return [strategy for strategy in strategies if strategy.slot not in _LEARNING]


def _built(recipe: Recipe, part: Round) -> Sequence[Strategy]:
    """The round's strategies, or none of them where one is not built."""
    entries = [e for place, e in recipe.entries() if place.startswith(f"rounds.{part.name}.")]
    entries += [*recipe.environments, *(recipe.memory if part.fine_tune else ())]
    try:
        return [entry.build() for entry in entries]
    except RecipeError:
        return []
