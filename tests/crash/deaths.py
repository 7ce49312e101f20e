"""Deaths of a pipeline on kfp.local: in which write of which task, and who dies with the step."""

import os
import signal
from pathlib import Path
from typing import Literal, NamedTuple
from unittest.mock import patch

from cladeflow.kubeflow.attempts import Entry, Ledger

MARKS = "CRASH_MARKS"
"""Environment variable with the folder in which every death leaves its mark, so that it is one."""
DRIVER = "CRASH_DRIVER"
"""Environment variable with the pid of the process that drives the pipeline."""


class Death(NamedTuple):
    """SIGKILL in the middle of a write, as `Killer` names it."""

    task: str
    write: str
    who: Literal["step", "run", "driver"]
    """The step alone; with the process that drives the pipeline; or that one alone."""

    @property
    def mark(self) -> str:
        """Name of the file that says it has happened."""
        return f"{self.who} in {self.task}, {self.write}".replace("/", "-")


DEATHS = (
    Death("1/plan", "rename plan.json", "run"),  # its receipt: the commit is there
    Death("1/0/main.0/task_synthesis", "publish task_synthesis", "step"),
    Death("1/0/main.0/rollout", "publish shard-1", "run"),
    Death("1/0/main.0/rollout", "publish rollout", "step"),
    Death("1/0/main.0/verification", "publish verification", "driver"),
    Death("1/0/main.0/fine_tune.0", "rename checkpoint.pt", "step"),
    Death("1/0/main.0/fine_tune.0", "tree model", "run"),
    Death("1/0/evaluate", "publish shard-0", "step"),
    Death("1/promote", "publish promote", "step"),
    Death("1/promote", "transaction", "run"),
)


def expect() -> None:
    """Have this process die where its task is to, once it has begun with it.

    A task that is done never gets there, and pays nothing for it.
    """
    begin = Ledger.begin

    def began(ledger: Ledger, task: str, reduced: int = 0) -> Entry:
        entry = begin(ledger, task, reduced)
        if mine := [death for death in DEATHS if death.task == task]:
            _await(mine)
        return entry

    patch.object(Ledger, "begin", began).start()


def _await(deaths: list[Death]) -> None:
    from tests.crash.killer import Killer

    class Doomed(Killer):
        """Dies of the first of the deaths that has not happened yet."""

        def reach(self, what: str, partial: Path | None = None) -> None:
            for death in deaths:
                if death.write == what and _first(death):
                    _die(death, partial)

    Doomed().install()


def _first(death: Death) -> bool:
    """Whether it has not happened yet, in any process."""
    try:
        Path(os.environ[MARKS], death.mark).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _die(death: Death, partial: Path | None) -> None:
    if death.who != "step":
        os.kill(int(os.environ[DRIVER]), signal.SIGKILL)
    if death.who != "driver":
        if partial is not None:
            os.truncate(partial, partial.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
