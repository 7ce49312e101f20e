"""Do the parts of a recipe fit together? Every refusal gives the reason."""

from collections.abc import Sequence

from cladeflow.errors import RecipeError
from cladeflow.recipes.model import Recipe, Round
from cladeflow.strategy import Strategy

_UNNAMEABLE = "/:'"
"""What no registered model's name may hold: MLflow refuses it, or cannot search for it."""


def check_fit(recipe: Recipe, source: str) -> None:
    """Raise `RecipeError` for a part that needs what no other part gives.

    Only rounds whose strategies are all built are checked: what a strategy that is not built
    needs is not known.
    """
    _check_names(recipe, source)
    if not recipe.environments:
        raise RecipeError(f"{source}: environments: there are no tasks without one")
    if not recipe.promote:
        raise RecipeError(f"{source}: promote: none decides nothing; 'always' promotes every child")
    _check_gates(recipe, source)
    for index, part in enumerate(recipe.rounds):
        earlier = index > 0 or part.repeat > 1
        _check_round(recipe, part, earlier, f"{source}: rounds.{part.name}")


def _check_names(recipe: Recipe, source: str) -> None:
    """The names that `tracking.view` makes those of registered models of."""
    for key, name in (("name", recipe.name), *(("roles", role) for role in recipe.roles)):
        unfit = sorted(set(name) & set(_UNNAMEABLE))
        if unfit:
            raise RecipeError(
                f"{source}: {key}: {name!r} becomes part of the name of a model in MLflow's "
                f"registry, which may not hold {' '.join(unfit)}; write _ instead"
            )


def _check_round(recipe: Recipe, part: Round, earlier: bool, place: str) -> None:
    for update in part.fine_tune:
        if update.role not in recipe.roles:
            bound = ", ".join(sorted(recipe.roles))
            raise RecipeError(
                f"{place}.fine_tune: role {update.role!r} is not bound; roles binds only {bound}"
            )
    _check_generator(part, place)
    strategies = _built(recipe, part)
    given = {what for strategy in strategies for what in strategy.provided()}
    if strategies and part.fine_tune and not part.rollout and "trajectories" not in given:
        raise RecipeError(f"{place}: fine_tune has nothing to learn from because rollout is none")
    given |= {f"role:{role}" for role in recipe.roles}
    if strategies and part.rollout and not (part.task_synthesis or earlier):
        raise RecipeError(f"{place}: rollout has no tasks: task_synthesis is none, no round before")
    given |= {"earlier"} if earlier else set()
    for strategy in strategies:
        if "earlier" in strategy.required() - given:
            raise RecipeError(
                f"{place}: {strategy.slot} {strategy.name!r} starts from attempts of an earlier "
                "pass, and there is none: put a round that samples and verifies before it"
            )
        for need in sorted(strategy.required() - given):
            givers = sorted({s.name for s in strategies if need in s.gives})
            hint = f"; options of {', '.join(givers)} would" if givers else ""
            raise RecipeError(
                f"{place}: {strategy.slot} {strategy.name!r} needs {need!r}, "
                f"which nothing in the round gives{hint}"
            )


def _check_generator(part: Round, place: str) -> None:
    entries = part.task_synthesis
    if entries and all(entry.slot == "selector" for entry in entries):
        chosen = ", ".join(entry.name for entry in entries)
        raise RecipeError(
            f"{place}.task_synthesis: no generator poses the tasks that {chosen} would choose "
            f"from; add one, as in [seed_tasks, {chosen}]"
        )


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


def _built(recipe: Recipe, part: Round) -> Sequence[Strategy]:
    """The round's strategies, or none of them where one is not built."""
    entries = [e for place, e in recipe.entries() if place.startswith(f"rounds.{part.name}.")]
    entries += [*recipe.environments, *(recipe.memory if part.fine_tune else ())]
    try:
        return [entry.build() for entry in entries]
    except RecipeError:
        return []
