"""Which tasks a recipe makes on a cluster: what a compiled pipeline is checked against."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from cladeflow.errors import RecipeError
from cladeflow.graph import Node, StageCall, fused, unroll
from cladeflow.kubeflow.profile import Profile
from cladeflow.recipes.model import Recipe, Round

MOST_GENERATIONS = 10
"""KFP has no loop that carries state on, so that every generation is written out."""


class Task(NamedTuple):
    """One task of a compiled pipeline."""

    name: str
    """Unique in the pipeline; what KFP's interface shows."""
    stage: str
    """A stage, or ``fused_round``: what the profile gives resources to."""
    calls: tuple[StageCall, ...]
    """The stage calls that it makes. Their generation counts from 1 within the pipeline."""
    needs: tuple[str, ...]
    """Names of the tasks whose commits it reads, its plan first."""
    shares: int = 1
    """How many tasks share the call's shards before the call gathers them."""

    @property
    def call(self) -> StageCall:
        """The call that stands for all."""
        return self.calls[0]


def tasks(
    recipe: Recipe, profile: Profile, generations: int = 1, children: int = 1
) -> tuple[Task, ...]:
    """The tasks of so many generations, each after all that it needs.

    Raises `RecipeError` where the profile cannot run the recipe.
    """
    if not 1 <= generations <= MOST_GENERATIONS:
        raise RecipeError(
            f"--generations {generations}: a pipeline holds 1 to {MOST_GENERATIONS} generations; "
            "a schedule runs more of them"
        )
    require_gpus(recipe, profile)
    made: list[Task] = []
    for generation in range(1, generations + 1):
        after = (made[-1].name,) if made else ()
        made += _generation(recipe, profile, generation, children, after)
    return tuple(made)


def _generation(
    recipe: Recipe, profile: Profile, generation: int, children: int, after: tuple[str, ...]
) -> Iterator[Task]:
    names: dict[StageCall, str] = {}
    for nodes in fused(recipe, unroll(recipe, generation, children)):
        name, stage = _name(nodes), _stage(nodes)
        inside = {node.call for node in nodes}
        names |= dict.fromkeys(inside, name)
        needs = [names[need] for node in nodes for need in node.needs if need not in inside]
        yield Task(
            name=name,
            stage=stage,
            calls=tuple(node.call for node in nodes),
            needs=tuple(dict.fromkeys(needs)) or after,
            shares=profile.shares(stage),
        )


def _stage(nodes: Sequence[Node]) -> str:
    return nodes[0].call.stage if len(nodes) == 1 else "fused_round"


def _name(nodes: Sequence[Node]) -> str:
    """The call's name, or for a fused round that of the round."""
    call = nodes[0].call
    return str(call) if len(nodes) == 1 else f"{call.generation}/{call.child}/{call.round}"


def require_gpus(recipe: Recipe, profile: Profile) -> None:
    """Raise `RecipeError` where a stage has GPUs, but none for a role that it runs."""
    for stage, roles in _roles(recipe).items():
        gpu = profile.stage(stage).gpu
        missing = sorted(roles.difference(gpu.roles)) if gpu else []
        if missing:
            raise RecipeError(
                f"recipe {recipe.name} needs role {missing[0]} in {stage}, and profile "
                f"{profile.name} has no GPU for it: add it to stages.{stage}.gpu.roles, with a "
                "gpu.count that holds all of its models"
            )


def _roles(recipe: Recipe) -> Mapping[str, set[str]]:
    """The roles whose models each stage loads."""
    bound = {role for role in recipe.roles if not recipe.roles[role].startswith("endpoint:")}
    found: dict[str, set[str]] = {"evaluate": {"actor"}, "promote": {"actor"}}
    for part in recipe.rounds:
        trained = {update.role for update in part.fine_tune}
        if part.repeat > 1:
            found.setdefault("fused_round", set()).update(bound | trained)
            continue
        for stage in _loading(part):
            found.setdefault(stage, set()).update(trained if stage == "fine_tune" else bound)
    return found


def _loading(part: Round) -> list[str]:
    """The stages of a round that load the models of the recipe's roles."""
    return [stage for stage in ("rollout", "critique", "fine_tune") if getattr(part, stage)]
