"""Samples with what they were worth, for objectives that learn from rewards."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean, median
from typing import ClassVar

from cladeflow.errors import RecipeError
from cladeflow.fine_tune.base import Builder, RoundData
from cladeflow.records import GroupAdvantageExample, TrainingExample, Trajectory


class RlBatch(Builder, name="rl_batch", version=2):
    """Every checked attempt of a prompt with its reward r and advantage r − mean r of the group.

    Groups whose rewards are all equal have no gradient; they are left out and counted, as in
    dynamic sampling (Yu et al. 2025, DAPO, arXiv:2503.14476). Attempts from a replay buffer have
    no group to be compared with any more: theirs is r − the median of this round's group means,
    which moves with the policy (Qin et al. 2025, SPEAR, arXiv:2509.22601).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"verdict"})
    gives: ClassVar[frozenset[str]] = frozenset({"examples:group_advantage"})

    def build(self, data: RoundData) -> Iterable[TrainingExample]:
        groups = data.groups()
        refuse_single(groups, self.name)
        means = {name: fmean(_rewards(group, data)) for name, group in groups.items()}
        for name, group in groups.items():
            if len(set(_rewards(group, data))) == 1:
                data.dropped["equal_rewards"] += 1
                continue
            yield from self._examples(group, data, name, means[name], replay=False)
        if data.replayed:
            level = median(means.values()) if means else 0.0
            yield from self._examples(data.replayed, data, "replay", level, replay=True)

    def _examples(
        self,
        attempts: Sequence[Trajectory],
        data: RoundData,
        group: str,
        baseline: float,
        replay: bool,
    ) -> Iterator[TrainingExample]:
        for attempt, reward in zip(attempts, _rewards(attempts, data), strict=True):
            yield GroupAdvantageExample(
                gen=data.gen,
                role=data.role,
                prompt=attempt.context,
                steps=attempt.steps,
                sources=(attempt.id,),
                licence=data.tasks[attempt.task_id].origin.licence,
                group=group,
                reward=reward,
                advantage=reward - baseline,
                replay=replay,
            )


def _rewards(attempts: Sequence[Trajectory], data: RoundData) -> list[float]:
    return [data.verdicts[attempt.id].value for attempt in attempts]


def refuse_single(groups: dict[str, list[Trajectory]], builder: str) -> None:
    """Raise `RecipeError` where no prompt was attempted more than once: nothing to compare."""
    if groups and max(map(len, groups.values())) == 1:
        raise RecipeError(
            f"{builder} compares the attempts at a prompt, and there is one of each (a revision"
            " has a prompt of its own); set rollout.sample.n, or scale.samples, to 2 or more"
        )
