"""Guardrails: what must hold of a child however much better it is at what it learned."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from cladeflow.evaluate.transfer_retention import SUITE as RETENTION
from cladeflow.promote.wording import change
from cladeflow.records import EvalReport, Value


class Guardrail(Value):
    """One condition on a report. Left out of a recipe it holds at its default, null removes it."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def required(self) -> frozenset[str]:
        """What the recipe's evaluations must give; nothing where silence is no violation."""
        return self.needs

    @abstractmethod
    def violations(self, report: EvalReport) -> Iterator[str]:
        """Why the condition does not hold, in sentences; none where it does."""


class Retention(Guardrail):
    """No family loses more than ``drop`` on its mastered levels with an interval that excludes 0.

    A family that could not be compared at all counts as lost.
    """

    drop: float = Field(default=0.02, ge=0)

    def violations(self, report: EvalReport) -> Iterator[str]:
        for delta in report.deltas:
            if delta.suite == RETENTION and delta.delta < -self.drop and delta.hi < 0:
                yield (
                    f"forgetting: {delta.family} {change(delta)}; at most "
                    f"{100 * self.drop:g} points may be lost"
                )
        for gap in report.gaps:
            if gap.suite == RETENTION and gap.family != "all":
                yield f"forgetting: no answer to a task of {gap.family} could be compared"


class Unchecked(Guardrail):
    """At most ``share`` of a suite's answers escape their check, as those are not in the score."""

    share: float = Field(default=0.05, ge=0)

    def violations(self, report: EvalReport) -> Iterator[str]:
        for row in report.rows:
            if (row.metric, row.family) == ("unchecked", "all") and row.value > self.share:
                yield (
                    f"{row.value:.1%} of the answers on {row.suite} could not be checked; "
                    f"at most {self.share:.1%} may be"
                )


class Safety(Guardrail):
    """No check of a safety suite fails."""

    def violations(self, report: EvalReport) -> Iterator[str]:
        for check in report.safety:
            if not check.passed:
                yield f"safety: {check.check} is {check.value:g}, its limit is {check.limit:g}"


class Clean(Guardrail):
    """A contamination probe tells seen from unseen tasks with an AUC of at most ``auc``.

    0.5 is chance; from 0.7 on the tasks that an agent is measured on are taken to have leaked.
    """

    auc: float = Field(default=0.7, ge=0.5, le=1)

    def violations(self, report: EvalReport) -> Iterator[str]:
        found = report.contamination
        if found is not None and found.auc > self.auc:
            yield (
                f"contamination: the probe has an AUC of {found.auc:.2f} ({len(found.flagged)} "
                f"tasks flagged), at most {self.auc:.2f} may be"
            )


class Exploration(Guardrail):
    """The child keeps at least the share ``keep`` of what the incumbent had of a ``measure``.

    Both are read from the rollouts of the generations that made the two. An initial agent has made
    none, so the first child is held to nothing.
    """

    measure: str = "entropy"
    keep: float = Field(default=0.5, gt=0)

    def required(self) -> frozenset[str]:
        return frozenset({f"exploration:{self.measure}"})

    def violations(self, report: EvalReport) -> Iterator[str]:
        before, now = (
            side.get(self.measure) for side in (report.baseline_exploration, report.exploration)
        )
        if before is None:
            return
        if now is None:
            yield f"exploration: {self.measure} was not measured, as no rollout was made"
        elif now < self.keep * before:
            yield (
                f"exploration: {self.measure} is {now:.4g}, less than {self.keep:.0%} of the "
                f"incumbent's {before:.4g}"
            )


class Cost(Guardrail):
    """Answers to ``suite`` take at most ``ratio`` times the incumbent's tokens per sample."""

    suite: str = "frontier"
    ratio: float = Field(default=1.5, gt=0)

    def required(self) -> frozenset[str]:
        return frozenset({f"delta:{self.suite}/tokens"})

    def violations(self, report: EvalReport) -> Iterator[str]:
        at = (self.suite, "all", "tokens")
        rows = [r.value for r in report.rows if (r.suite, r.family, r.metric) == at]
        deltas = [d.delta for d in report.deltas if (d.suite, d.family, d.metric) == at]
        for now, more in zip(rows, deltas, strict=True):
            if now > self.ratio * (now - more):
                yield (
                    f"cost: {now:.1f} tokens per answer on {self.suite}, more than {self.ratio:g} "
                    f"times the incumbent's {now - more:.1f}"
                )


class Guardrails(Value):
    """All of a gate's guardrails; the first four hold unless they are taken out."""

    retention: Retention | None = Retention()
    unchecked: Unchecked | None = Unchecked()
    safety: Safety | None = Safety()
    contamination: Clean | None = Clean()
    exploration: Exploration | None = None
    cost: Cost | None = None

    def each(self) -> Iterator[Guardrail]:
        """Those that are set."""
        found = (getattr(self, name) for name in type(self).model_fields)
        yield from (guardrail for guardrail in found if guardrail is not None)

    def required(self) -> frozenset[str]:
        """What the recipe's evaluations must give."""
        return frozenset(need for guardrail in self.each() for need in guardrail.required())

    def violations(self, report: EvalReport) -> Iterator[str]:
        """Every violation of every guardrail."""
        for guardrail in self.each():
            yield from guardrail.violations(report)
