"""Cheap stages first: an agent that fails a few tasks is not tried on all of them."""

from functools import cached_property
from typing import Any, Self

from pydantic import Field, model_validator

from cladeflow.evaluate.base import EvalContext, Evaluation, ReportParts, Setting
from cladeflow.evaluate.screen import Bar, Screen
from cladeflow.evaluate.suite import Suite
from cladeflow.strategy import find


class Staged(Evaluation, name="staged", version=2):
    """``of``, for children that clear every stage: share solved of the first n_i tasks >= b_i.

    The tasks of a stage are the first of those that ``of`` answers greedily, spread over its cells.
    A child that falls short is evaluated no further, by this or any other evaluation of the recipe;
    no gate passes it, and its report says why. The incumbent is not screened: it has been
    evaluated whole.

    Source: Darwin Gödel Machine (Zhang et al. 2025, arXiv:2505.22954): 10 tasks, then 50 more for
    children that solve 40 % of them.
    """

    of: str | dict[str, dict[str, Any]] = "benchmark_suite"
    """An evaluation in recipe grammar."""
    stages: tuple[Bar, ...] = Field(default=(Bar(),), min_length=1)

    @model_validator(mode="after")
    def _find_inner(self) -> Self:
        sizes = [stage.tasks for stage in self.stages]
        if sizes != sorted(set(sizes)):
            raise ValueError(f"stages have more tasks each than the one before, not {sizes}")
        _ = self.inner
        return self

    @cached_property
    def inner(self) -> Evaluation:
        """The evaluation that comes after the stages."""
        entry = {self.of: {}} if isinstance(self.of, str) else self.of
        if len(entry) != 1:
            raise ValueError("of takes one entry: 'name' or {name: {options}}")
        name, options = next(iter(entry.items()))
        kind = find("evaluate", name)
        if kind is None or kind is Staged:
            raise ValueError(f"{name!r} is no evaluation that can be staged")
        built = kind.from_options(options)
        assert isinstance(built, Evaluation)
        return built

    def required(self) -> frozenset[str]:
        return self.inner.required()

    def provided(self) -> frozenset[str]:
        return self.inner.provided()

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), "of": self.inner.identity()}

    def screens(self) -> tuple[Screen, ...]:
        return tuple(Screen(of=self.inner, bar=stage) for stage in self.stages)

    def suites(self, setting: Setting) -> list[Suite]:
        """Those of the whole evaluation; `screens` have their own."""
        return self.inner.suites(setting)

    def report(self, ctx: EvalContext) -> ReportParts:
        return self.inner.report(ctx)
