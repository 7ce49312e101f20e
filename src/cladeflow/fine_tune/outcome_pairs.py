"""Pairs of whole responses to one prompt, the better one chosen."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from pydantic import Field

from cladeflow.fine_tune.base import Builder, RoundData
from cladeflow.records import PreferenceExample, TrainingExample, Trajectory


class OutcomePairs(Builder, name="outcome_pairs", version=2):
    """The k-th best attempt at a prompt over its k-th worst, where R_w − R_l > 0 and ≥ margin.

    Attempts that say the same count once. Prompts without such a pair are counted.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"verdict", "group"})
    gives: ClassVar[frozenset[str]] = frozenset({"examples:preference"})

    margin: float = Field(default=0.0, ge=0)
    """In units of the verdict's value."""
    per_prompt: int = Field(default=1, ge=1)
    """Pairs of a prompt at most; no attempt is in two."""

    def build(self, data: RoundData) -> Iterable[TrainingExample]:
        for group in data.groups().values():
            pairs = list(self._pairs(group, data))
            if not pairs:
                data.dropped["no_pair"] += 1
            yield from pairs

    def _pairs(self, group: list[Trajectory], data: RoundData) -> Iterator[PreferenceExample]:
        distinct = {attempt.text: attempt for attempt in reversed(group)}.values()
        ranked = sorted(distinct, key=lambda t: (-data.verdicts[t.id].value, t.sample))
        half = ranked[: min(self.per_prompt, len(ranked) // 2)]
        for better, worse in zip(half, reversed(ranked), strict=False):
            margin = data.verdicts[better.id].value - data.verdicts[worse.id].value
            if margin > 0 and margin >= self.margin:
                yield PreferenceExample(
                    gen=data.gen,
                    role=data.role,
                    prompt=better.context or data.render(data.tasks[better.task_id]),
                    chosen=better.steps,
                    rejected=worse.steps,
                    sources=(better.id, worse.id),
                    licence=data.tasks[better.task_id].origin.licence,
                    margin=margin,
                )
