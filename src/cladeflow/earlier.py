"""What the passes before gathered: what tasks, rollouts and verdicts of a round may start from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cladeflow.evaluate.suite import correctness
from cladeflow.records import DEMONSTRATION, Task, Trajectory, Verdict


@dataclass(frozen=True)
class Earlier:
    """The sets of earlier passes of one child, in the order in which they were made."""

    tasks: Mapping[str, Task] = field(default_factory=dict)
    """By id."""
    trajectories: Sequence[Trajectory] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    """By trajectory id."""

    def by_task(self) -> dict[str, list[Trajectory]]:
        """Each task's attempts by an agent; what was given with tasks is left out."""
        found: dict[str, list[Trajectory]] = {}
        for trajectory in self.trajectories:
            if trajectory.agent_id != DEMONSTRATION:
                found.setdefault(trajectory.task_id, []).append(trajectory)
        return found

    def correct(self, trajectory: Trajectory) -> float:
        """1 or 0, or nan where nothing was found out about an attempt."""
        return correctness(self.verdicts.get(trajectory.id))

    @cached_property
    def failures(self) -> dict[str, list[Trajectory]]:
        """Each task's wrong attempts, those that no other one continues."""
        continued = {parent.traj_id for t in self.trajectories for parent in t.parents}
        return {
            task_id: failed
            for task_id, attempts in self.by_task().items()
            if (
                failed := [
                    attempt
                    for attempt in attempts
                    if self.correct(attempt) == 0 and attempt.id not in continued
                ]
            )
        }


NOTHING = Earlier()
"""What there is before the first pass."""
