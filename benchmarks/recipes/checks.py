"""What is measured of which recipe: written down, and shown in its card, before the first run."""

from typing import NamedTuple

CONTROL = "star"
METRIC = "accuracy"
SEEDS = 5
TASKS = 120
"""Held-out frontier tasks that every agent answers."""
COMMON = (
    f"evaluate=[{{benchmark_suite: {{tasks: {TASKS}}}}}, exploration_monitor]",
    "promote=always",
)
"""Of every arm of every recipe: one yardstick, and no child is lost to a gate."""


class Arm(NamedTuple):
    """What a recipe is compared with."""

    name: str
    what: str
    recipe: str | None = None
    """Another recipe than the one under test."""
    settings: tuple[str, ...] = ()


class Check(NamedTuple):
    """How one recipe is brought to size, and its arms."""

    recipe: str
    generations: int
    settings: tuple[str, ...]
    """Of the recipe and of its own knock-outs, on top of `COMMON`."""
    without: tuple[Arm, ...] = ()
    """The recipe with its key mechanism removed, where that is not its verdicts."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Everything that the recipe must beat."""
        versus_control = () if self.recipe == CONTROL else (AGAINST_CONTROL,)
        return (*versus_control, SHUFFLED, *self.without)


AGAINST_CONTROL = Arm(
    "control",
    f"`{CONTROL}`, with as many passes of sampling and training",
    recipe=CONTROL,
)
SHUFFLED = Arm(
    "shuffled", "its verdicts permuted over all samples of a round, at the same keep rate"
)
CLONE = (
    "{name: clone, task_synthesis: demos, rollout: none, "
    "fine_tune: {build: positives, objective: sft, role: actor, init: initial}}"
)
CHECKS = {
    check.recipe: check
    for check in (
        Check("star", generations=2, settings=("scale.tasks=250",)),
        Check("default", generations=2, settings=("scale.tasks=250",)),
        Check("nft", generations=1, settings=("scale.tasks=160", "rounds.reinforce.repeat=16")),
        Check("grpo", generations=1, settings=("scale.tasks=160", "rounds.reinforce.repeat=16")),
        Check(
            "b_star",
            generations=3,
            settings=("scale.tasks=60", "control.balance_score.tasks=12"),
            without=(
                Arm(
                    "fixed",
                    "temperature and threshold stay as they are: no balance score",
                    settings=("control=fixed",),
                ),
            ),
        ),
        Check(
            "agentevol",
            generations=1,
            settings=("environments=[reasoning]", "scale.tasks=180"),
            without=(
                Arm("clone", "cloning alone: no exploration", settings=(f"rounds=[{CLONE}]",)),
            ),
        ),
        Check(
            "mathcritique",
            generations=1,
            settings=("scale.tasks=200",),
            without=(
                Arm(
                    "alone",
                    "the same loop without a critic: samples, retrained from the initial model",
                    recipe=CONTROL,
                    settings=(
                        "rollout={sample: {n: 5, temperature: 0.7}}",
                        "fine_tune.init=initial",
                    ),
                ),
            ),
        ),
    )
}
"""By recipe; the control first, because others are matched to it."""
