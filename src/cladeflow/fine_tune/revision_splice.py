"""A wrong attempt, what was said of it, and the right one that followed, as one response."""

from collections.abc import Iterable
from typing import ClassVar

from cladeflow.fine_tune.base import Builder, RoundData
from cladeflow.records import SftExample, Step, TrainingExample, Trajectory, WeightedExample


class RevisionSplice(Builder, name="revision_splice", version=1):
    """x → y_≤e ⊕ c ⊕ y′ with R(y) < τ ≤ R(y′): learn to notice a mistake and to put it right.

    y_≤e is the wrong attempt up to the step that was found wrong, c the critique's advice as the
    agent's own reflection, y′ the corrected attempt. The wrong span is masked from the loss, so
    that mistakes are seen and not imitated. Sources: STeP, arXiv:2505.20023 (the mask); Agent-R,
    arXiv:2501.11425 (revision from the first wrong step on).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"chain", "verdict"})
    gives: ClassVar[frozenset[str]] = frozenset({"examples:sft"})

    threshold: float = 1.0
    """τ, in units of the verdict's value."""
    mask: bool = True
    """Leave the wrong span out of the loss; without it the mistake is imitated too (ablation)."""
    weighted: bool = False
    """Weigh each example by the reward of the corrected attempt."""

    def build(self, data: RoundData) -> Iterable[TrainingExample]:
        attempts = {attempt.id: attempt for attempt in data.trajectories}
        for right in data.trajectories:
            for edge in right.parents:
                wrong = attempts.get(edge.traj_id)
                if wrong is not None and self._corrected(wrong, right, data):
                    yield self._example(wrong, edge.step_i, right, data)

    def _corrected(self, wrong: Trajectory, right: Trajectory, data: RoundData) -> bool:
        before, after = data.reward(wrong.id), data.reward(right.id)
        return before is not None and after is not None and before < self.threshold <= after

    def _example(
        self, wrong: Trajectory, last: int, right: Trajectory, data: RoundData
    ) -> TrainingExample:
        kind = WeightedExample if self.weighted else SftExample
        task = data.tasks[right.task_id]
        span = [self._wrong(step) for step in wrong.steps[: last + 1]]
        steps = [*span, *_reflection(wrong, span, data), *right.steps]
        return kind(
            gen=data.gen,
            role=data.role,
            prompt=data.render(task),
            steps=tuple(step.model_copy(update={"i": i}) for i, step in enumerate(steps)),
            sources=(wrong.id, right.id),
            licence=task.origin.licence,
            weight=data.verdicts[right.id].value if self.weighted else 1.0,
        )

    def _wrong(self, step: Step) -> Step:
        """As text: its tokens may end with the one that ends an attempt, and this one goes on."""
        update = {"tokens": None, "logp": None} if step.role == "agent" else {}
        return step.model_copy(update=update | ({"train": 0.0} if self.mask else {}))


def _reflection(wrong: Trajectory, span: list[Step], data: RoundData) -> list[Step]:
    """The first advice on the attempt, on a line of its own; none where none was given."""
    advice = next((c.advice for c in data.critiques.get(wrong.id, ()) if c.advice), None)
    if advice is None:
        return []
    gap = "" if not span or span[-1].text.endswith("\n") else "\n"
    return [Step(i=0, text=f"{gap}{advice.strip()}\n", kind="reflect")]
