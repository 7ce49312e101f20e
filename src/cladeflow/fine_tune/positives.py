"""Learning from success: the attempts that a verifier accepted."""

from collections.abc import Iterable, Iterator

from pydantic import Field

from cladeflow.fine_tune.base import Builder, RoundData
from cladeflow.records import SftExample, TrainingExample, Trajectory, WeightedExample


class Positives(Builder, name="positives", version=1):
    """Keeps trajectories with R ≥ τ: rejection sampling, STaR (Zelikman et al. 2022), ReST-EM.

    Attempts whose check ended in error or timeout have no reward and are left out, whatever τ.
    Those of a replay buffer are rehearsed beside the round's.
    """

    threshold: float = 1.0
    """τ, in units of the verdict's value."""
    best_k: int | None = Field(default=None, gt=0)
    """Attempts per task at most, best first and earlier samples before later ones."""
    dedupe: bool = True
    """Keep one of a task's attempts that say the same."""
    weighted: bool = False
    """Weigh each attempt by its reward."""

    def build(self, data: RoundData) -> Iterable[TrainingExample]:
        for attempts in _by_task(self._kept(data), data):
            for attempt in attempts[: self.best_k]:
                yield self._example(attempt, data)

    def _kept(self, data: RoundData) -> Iterator[Trajectory]:
        seen: set[tuple[str, str]] = set()
        for attempt in (*data.trajectories, *data.replayed):
            verdict = data.verdicts.get(attempt.id)
            if verdict is None or verdict.outcome != "checked" or verdict.value < self.threshold:
                continue
            said = (attempt.task_id, attempt.text)
            if not (self.dedupe and said in seen):
                seen.add(said)
                yield attempt

    def _example(self, attempt: Trajectory, data: RoundData) -> TrainingExample:
        kind = WeightedExample if self.weighted else SftExample
        task = data.tasks[attempt.task_id]
        return kind(
            gen=data.gen,
            role=data.role,
            prompt=attempt.context or data.render(task),
            steps=attempt.steps,
            sources=(attempt.id,),
            licence=task.origin.licence,
            weight=data.verdicts[attempt.id].value if self.weighted else 1.0,
        )


def _by_task(attempts: Iterable[Trajectory], data: RoundData) -> Iterator[list[Trajectory]]:
    """Each task's attempts, best first."""
    tasks: dict[str, list[Trajectory]] = {}
    for attempt in attempts:
        tasks.setdefault(attempt.task_id, []).append(attempt)
    for group in tasks.values():
        yield sorted(group, key=lambda t: (-data.verdicts[t.id].value, t.attempt, t.sample))
