"""Single responses labelled right or wrong, with how often their prompt is got right."""

from collections.abc import Iterable
from statistics import fmean
from typing import ClassVar

from cladeflow.fine_tune.base import Builder, RoundData
from cladeflow.fine_tune.rl_batch import refuse_single
from cladeflow.records import TrainingExample, UnpairedExample


class Unpaired(Builder, name="unpaired", version=2):
    """Every checked attempt with its label 1[R ≥ τ] and the mean label r_q of its prompt's.

    Prompts got always right or always wrong are left out and counted.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"verdict"})
    gives: ClassVar[frozenset[str]] = frozenset({"examples:unpaired"})

    threshold: float = 1.0
    """τ, in units of the verdict's value."""

    def build(self, data: RoundData) -> Iterable[TrainingExample]:
        groups = data.groups()
        refuse_single(groups, self.name)
        for group in groups.values():
            labels = [float(data.verdicts[t.id].value >= self.threshold) for t in group]
            rate = fmean(labels)
            if rate in (0.0, 1.0):
                data.dropped["equal_labels"] += 1
                continue
            for attempt, label in zip(group, labels, strict=True):
                yield UnpairedExample(
                    gen=data.gen,
                    role=data.role,
                    prompt=attempt.context,
                    response=attempt.steps,
                    sources=(attempt.id,),
                    licence=data.tasks[attempt.task_id].origin.licence,
                    label=label,
                    rate=rate,
                )
