"""Learning from success: the attempts, or critiques, that a verifier accepted."""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from cladeflow.fine_tune.base import Builder, RoundData
from cladeflow.fine_tune.shortcut import is_shortcut
from cladeflow.records import (
    SftExample,
    Step,
    Task,
    TrainingExample,
    Trajectory,
    WeightedExample,
)


class Positives(Builder, name="positives", version=1):
    """Keeps trajectories with R ≥ τ: rejection sampling, STaR (Zelikman et al. 2022), ReST-EM.

    Attempts whose check ended in error or timeout have no reward and are left out, whatever τ.
    Those of a replay buffer are rehearsed beside the round's.

    Of ``critiques``, it keeps those with R(c) ≥ τ (verification refinement_gain) and makes
    examples of what a judge is asked and what the critique says: the critic's own training.

    ``barrier`` b leaves out a refinement y' of y that may have skipped the work, one with fewer
    than min(N(reference), N(y)) - b numbers (the shortcut barrier of MathCritique, Xi et al. 2024,
    arXiv:2411.16579, where b = 2).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"verdict"})
    gives: ClassVar[frozenset[str]] = frozenset({"examples:sft"})

    threshold: float = 1.0
    """τ, in units of the verdict's value; a control may set it."""
    best_k: int | None = Field(default=None, gt=0)
    """Attempts per task at most, best first and earlier samples before later ones."""
    dedupe: bool = True
    """Keep one of a task's attempts that say the same."""
    weighted: bool = False
    """Weigh each attempt by its reward."""
    of: Literal["attempts", "critiques"] = "attempts"
    barrier: int | None = Field(default=None, ge=0)
    direct: bool = False
    """Put the task itself before a refinement, not what its reviser was asked, so that the agent
    learns to get there at the first attempt."""

    def required(self) -> frozenset[str]:
        critiques = frozenset({"critique", "verdict:critiques"})
        return critiques if self.of == "critiques" else self.needs

    def build(self, data: RoundData) -> Iterable[TrainingExample]:
        candidates = _critiques(data) if self.of == "critiques" else self._attempts(data)
        for found in _by_task(self._kept(candidates, data), data):
            for candidate in found[: self.best_k]:
                yield self._example(candidate, data)

    def _attempts(self, data: RoundData) -> Iterator["_Candidate"]:
        known = {attempt.id: attempt for attempt in data.trajectories}
        for attempt in (*data.trajectories, *data.replayed):
            task = data.tasks[attempt.task_id]
            if self.barrier is not None and is_shortcut(attempt, known, task, data, self.barrier):
                continue
            asked = () if self.direct and attempt.parents else attempt.context
            prompt = asked or data.render(task)
            yield _Candidate(attempt.id, task, attempt, attempt.text, prompt, attempt.steps)

    def _kept(self, candidates: Iterable["_Candidate"], data: RoundData) -> Iterator["_Candidate"]:
        threshold = self.threshold if data.threshold is None else data.threshold
        seen: set[tuple[str, str]] = set()
        for candidate in candidates:
            reward = data.reward(candidate.id)
            if reward is None or reward < threshold:
                continue
            said = (candidate.task.id, candidate.said)
            if not (self.dedupe and said in seen):
                seen.add(said)
                yield candidate

    def _example(self, candidate: "_Candidate", data: RoundData) -> TrainingExample:
        kind = WeightedExample if self.weighted else SftExample
        return kind(
            gen=data.gen,
            role=data.role,
            prompt=candidate.prompt,
            steps=tuple(candidate.steps),
            sources=(candidate.id,),
            licence=candidate.task.origin.licence,
            weight=data.verdicts[candidate.id].value if self.weighted else 1.0,
        )


class _Candidate(NamedTuple):
    """What may become an example: an attempt, or a critique of one."""

    id: str
    task: Task
    attempt: Trajectory
    said: str
    prompt: tuple[int, ...] | str
    steps: Sequence[Step]


def _critiques(data: RoundData) -> Iterator[_Candidate]:
    """Every critique as the answer to what a judge is asked, as text: whoever wrote it."""
    for attempt in data.trajectories:
        task = data.tasks[attempt.task_id]
        for critique in data.critiques.get(attempt.id, ()):
            said = Step(i=0, text=critique.text, kind="verify")
            prompt = data.judge(task, attempt)
            yield _Candidate(critique.id, task, attempt, prompt + said.text, prompt, (said,))


def _by_task(candidates: Iterable[_Candidate], data: RoundData) -> Iterator[list[_Candidate]]:
    """Each task's candidates, best first."""
    tasks: dict[str, list[_Candidate]] = {}
    for candidate in candidates:
        tasks.setdefault(candidate.task.id, []).append(candidate)
    for group in tasks.values():
        yield sorted(
            group, key=lambda c: (-data.verdicts[c.id].value, c.attempt.attempt, c.attempt.sample)
        )
