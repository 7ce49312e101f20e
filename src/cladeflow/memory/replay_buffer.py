"""Attempts that stay at hand for later updates."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from cladeflow.fine_tune.base import RoundData
from cladeflow.memory.base import Memory
from cladeflow.records import DEMONSTRATION, Experience


class ReplayBuffer(Memory, name="replay_buffer", version=1):
    """Keeps the newest attempts with R ≥ τ, and mixes some of them into every update.

    An update sees ``share`` of them per attempt of its own that is worth keeping: `positives`
    rehearses them, `rl_batch` gives them an advantage against the present baseline. On-policy
    objectives get none. With τ = 1 and one per task it is the replay of WebRL, arXiv:2411.02337,
    without its filter by probability.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"off_policy"})

    size: int = Field(default=1000, gt=0)
    """Attempts at most."""
    per_task: int = Field(default=1, gt=0)
    threshold: float = 1.0
    """τ, in units of the verdict's value."""
    share: float = Field(default=1.0, gt=0)

    def replay(self, kept: Sequence[Experience], data: RoundData) -> RoundData:
        """``data`` with attempts drawn evenly from those that the round did not make itself."""
        fresh = {attempt.id for attempt in data.trajectories}
        old = [past for past in kept if past.trajectory.id not in fresh]
        count = min(len(old), round(self.share * len(self._worth(data))))
        seed = hashlib.sha256(f"{data.seed}/{self.name}".encode()).digest()
        generator = np.random.Generator(np.random.Philox(int.from_bytes(seed[:16])))
        drawn = [old[i] for i in sorted(generator.permutation(len(old))[:count].tolist())]
        return replace(
            data,
            replayed=[past.trajectory for past in drawn],
            tasks={**data.tasks, **{past.task.id: past.task for past in drawn}},
            verdicts={**data.verdicts, **{past.trajectory.id: past.verdict for past in drawn}},
        )

    def keep(self, kept: Sequence[Experience], data: RoundData) -> list[Experience]:
        """The buffer after a round: newest last, the newest of every task, no more than fit."""
        found = {past.trajectory.id: past for past in (*kept, *self._worth(data))}
        by_task: dict[str, int] = {}
        newest: list[Experience] = []
        for past in reversed(found.values()):
            by_task[past.task.id] = by_task.get(past.task.id, 0) + 1
            if by_task[past.task.id] <= self.per_task:
                newest.append(past)
        return newest[: self.size][::-1]

    def _worth(self, data: RoundData) -> list[Experience]:
        """The round's own attempts that are worth keeping."""
        own = (t for t in data.trajectories if t.agent_id != DEMONSTRATION)
        return [
            Experience(
                gen=data.gen,
                task=data.tasks[attempt.task_id],
                trajectory=attempt,
                verdict=data.verdicts[attempt.id],
            )
            for attempt in own
            if (reward := data.reward(attempt.id)) is not None and reward >= self.threshold
        ]
