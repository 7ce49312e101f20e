"""A schedule: what a cluster does by itself, and when it stops; read strictly from YAML."""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from cladeflow.errors import RecipeError
from cladeflow.kubeflow.complaints import complaint
from cladeflow.kubeflow.cron import Cron
from cladeflow.kubeflow.profile import Profile
from cladeflow.kubeflow.tasks import MOST_GENERATIONS
from cladeflow.plan.model import Population
from cladeflow.recipes.parse import load_yaml
from cladeflow.records import Value
from cladeflow.start import Wish

Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]


class Budget(Value):
    """What a schedule may use up in all; None: no limit."""

    gpu_hours: float | None = Field(default=None, gt=0)
    """GPUs of its runs' tasks, times how long they were held."""
    runs: int | None = Field(default=None, gt=0)
    """Runs that did something."""


class Stop(Value):
    """When there is no point in going on; None: never for that reason."""

    generations: int | None = Field(default=None, gt=0)
    """The evolution has so many."""
    without_promotion: int | None = Field(default=None, gt=0)
    """So many generations in a row brought no new champion."""
    failed_runs: int | None = Field(default=None, gt=0)
    """So many runs of the schedule failed in a row."""


class Schedule(Value):
    """One schedule."""

    name: Label
    recipe: str = "default"
    profile: Path
    """Of the cluster; relative to the schedule's file."""
    generations: int = Field(default=1, ge=1, le=MOST_GENERATIONS)
    """Of one run."""
    population: Population = Population()
    """Parents and children of every generation."""
    cron: str
    timezone: str
    """That of the installation, which the profile names: it is written down so that nobody errs."""
    concurrency: int = Field(default=1, ge=1, le=10)
    """Runs that Kubeflow lets be under way at once; all but one end having done nothing."""
    catch_up: bool = False
    """Whether Kubeflow makes up for ticks that it missed."""
    budget: Budget = Budget()
    stop: Stop = Stop()
    model: Path | None = None
    seed: int | None = None
    scale: str | None = None
    settings: dict[str, Any] = Field(default={}, alias="set")
    """Resolved keys, as ``--set``."""

    def wish(self, directory: Path) -> Wish:
        """What its first run founds; a recipe's file lies relative to ``directory``."""
        is_file = Path(self.recipe).suffix in (".yaml", ".yml")
        recipe = str(directory / self.recipe) if is_file else self.recipe
        settings = tuple(f"{path}={json.dumps(value)}" for path, value in self.settings.items())
        return Wish(recipe, self.model, seed=self.seed, scale=self.scale, settings=settings)

    def facts(self) -> dict[str, Any]:
        """What a person compares when it changes: every key, flat, paths as they were written."""
        return _flat(self.model_dump(mode="json", by_alias=True))


def read_schedule(path: Path) -> Schedule:
    """Read a schedule; raises `RecipeError` that names the place and the nearest valid name."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"{path}: cannot be read as a schedule ({error}); 'cladeflow schedule init' writes one"
        ) from error
    raw = load_yaml(text, path.name)
    if not isinstance(raw, dict):
        raise RecipeError(f"{path.name}: a schedule is a mapping of keys such as recipe and cron")
    try:
        return Schedule.model_validate({"name": path.stem, **raw})
    except ValidationError as error:
        raise RecipeError(f"{path.name}: {complaint(Schedule, error)}") from error


def checked_cron(schedule: Schedule, profile: Profile) -> Cron:
    """The schedule's cron; raises `RecipeError` where it is none, or for another time zone."""
    installed = profile.kfp_timezone
    if schedule.timezone == installed:
        return Cron(schedule.cron, installed)
    try:
        asked = Cron(schedule.cron, schedule.timezone)
    except (KeyError, ValueError, OSError) as error:
        raise RecipeError(
            f"timezone: {schedule.timezone!r} is no time zone such as UTC or Europe/Berlin"
        ) from error
    raise RecipeError(
        f"timezone: {schedule.timezone}, but Kubeflow reads every cron in {installed} "
        f"(kfp_timezone of profile {profile.name}); {_advice(asked.converted(installed))}"
    )


def _advice(converted: Sequence[str]) -> str:
    if not converted:
        return "no expression there says the same: choose another time"
    return f"write timezone and cron for that zone: cron {', '.join(map(repr, converted))}"


def _flat(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        elif value is not None:
            found[f"{prefix}{name}"] = value
    return found


def example() -> str:
    """The commented schedule that ``cladeflow schedule init`` writes."""
    return (files("cladeflow.kubeflow") / "schedule.example.yaml").read_text()
