"""``cladeflow doctor --gate``: what a recipe's gates can tell from chance."""

from typing import NamedTuple

import click

from cladeflow.cli.output import print_json, print_table
from cladeflow.errors import CladeflowError
from cladeflow.evaluate.base import Evaluation, Setting
from cladeflow.evaluate.power import detectable
from cladeflow.promote import Gate, ParetoGate, ThresholdGate
from cladeflow.recipes import load_recipe
from cladeflow.recipes.model import Recipe

TRIED = (1, 2, 5, 10)
"""Children since the last promotion, the one under test counted."""
DISCORDANCES = (0.05, 0.2, 0.4)
"""Shares of the tasks that child and incumbent do not answer alike."""


class Detects(NamedTuple):
    """What one gate detects at 80 % power."""

    gate: str
    metric: str
    tasks: int
    tried: int
    confidence: float
    least: tuple[float | None, ...]
    """Improvement per share of differing tasks; None where none is enough."""


def report_gates(name: str, as_json: bool) -> None:
    """Print what the gates of the recipe called ``name`` detect."""
    found = [one for gate in _gates(load_recipe(name)) for one in _detects(load_recipe(name), gate)]
    if not found:
        raise CladeflowError(f"{name}: none of its gates measures an improvement")
    if as_json:
        print_json([one._asdict() for one in found])
        return
    click.echo(
        f"{name}: the least improvement (points) that passes with a chance of 80 %, where child"
    )
    click.echo(
        "child and incumbent differ in so many of the tasks, each answer being right or wrong"
    )
    columns = ["gate", "metric", "tasks", "child", "confidence"]
    print_table([*columns, *(f"{share:.0%} differ" for share in DISCORDANCES)], _rows(found))
    click.echo(
        "scores that are means of several answers vary less: there the same suite detects less"
    )


def _rows(found: list[Detects]) -> list[list[object]]:
    return [
        [
            one.gate,
            one.metric,
            one.tasks,
            one.tried,
            f"{one.confidence:.2%}",
            *("none" if least is None else f"{100 * least:.1f}" for least in one.least),
        ]
        for one in found
    ]


def _gates(recipe: Recipe) -> list[ThresholdGate | ParetoGate]:
    gates = [entry.build() for entry in recipe.promote]
    return [gate for gate in gates if isinstance(gate, ThresholdGate | ParetoGate)]


def _detects(recipe: Recipe, gate: ThresholdGate | ParetoGate) -> list[Detects]:
    metric = gate.metric if isinstance(gate, ThresholdGate) else gate.objectives[0]
    tasks = _tasks(recipe, gate)
    return [
        Detects(
            gate.name,
            f"{gate.suite}/{metric}",
            tasks,
            tried,
            round(gate.interval_confidence(tried), 6),
            tuple(
                detectable(
                    gate.test if isinstance(gate, ThresholdGate) else "bootstrap",
                    tasks=tasks,
                    discordance=discordance,
                    confidence=gate.interval_confidence(tried),
                )
                for discordance in DISCORDANCES
            ),
        )
        for tried in TRIED
    ]


def _tasks(recipe: Recipe, gate: Gate) -> int:
    """Tasks of the suites that the gate decides by, in all environments."""
    from cladeflow.environments.base import Environment

    wanted = {need for need in gate.required() if need.startswith("delta:")}
    built = [entry.build() for entry in recipe.environments]
    setting = Setting([env for env in built if isinstance(env, Environment)], 0, 0)
    evaluations = [entry.build() for entry in recipe.evaluate]
    evaluation = next(e for e in evaluations if wanted & e.provided())
    assert isinstance(evaluation, Evaluation)
    sizes = {s.questions: sum(cell.n for cell in s.cells) for s in evaluation.suites(setting)}
    return sum(sizes.values())
