"""What a component runs: one task, as often as its failures are worth it. Light until work is due.

The module imports the standard library alone, so that a task that is done says so in milliseconds.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cladeflow.kubeflow.artifacts import Facts, point, write
from cladeflow.kubeflow.orders import Order
from cladeflow.kubeflow.receipts import Receipts

if TYPE_CHECKING:
    from cladeflow.kubeflow.attempts import Ledger

T = TypeVar("T")

MOST_ATTEMPTS = 4
"""Within one process, of work that fails in ways that may pass."""
_PAUSE_SECONDS = 1.0
"""Before the second attempt; each further pause is twice as long."""


def run(home: str, call: str, *artifacts: Any) -> int:
    """Do what ``call`` says in ``home`` and point the artifacts at its commits; its generation.

    That is 0 where the call begins a schedule's run that is to do nothing.

    Ends the process with status 1 and one message where it fails.
    """
    directory, order = Path(home), Order.read(call)
    schedule = order.terms.schedule
    if schedule is not None and (reason := _reason_not_to_begin(directory, schedule)):
        print(f"nothing is done: {reason}")
        for artifact in artifacts:
            write(artifact, reason)
        return 0
    # A plan that may found says whether another pipeline planned what it finds: no receipt does.
    done = Receipts(directory).find(order.path) if order.terms.start is None else None
    facts = [receipt.facts for receipt in done] if done else _worked(directory, order)
    if facts:
        for artifact in artifacts:
            point(artifact, Facts(**facts[-1]), directory)
        return int(facts[-1]["generation"])
    return int(order.call["generation"])


def _reason_not_to_begin(home: Path, schedule: Mapping[str, Any]) -> str:
    from cladeflow.kubeflow.guard import reason_not_to_begin

    return reason_not_to_begin(home, schedule)


def _worked(home: Path, order: Order) -> list[dict[str, Any]]:
    """The facts of the task's commits."""
    from cladeflow.kubeflow.work import work

    return attempted(home, order.task, lambda reduced: work(home, order, reduced))


def attempted(home: Path, task: str, work: Callable[[int], T]) -> T:
    """What ``work`` gives, after as many attempts as it takes; the ledger has each.

    It is told how often the size of what is computed at a time is to be halved.
    """
    from cladeflow.failures import failure
    from cladeflow.kubeflow.attempts import Ledger

    ledger = Ledger(home)
    _refuse_after_a_bug(ledger, task)
    reduced = 0
    for attempt in range(1, MOST_ATTEMPTS + 1):
        entry = ledger.begin(task, reduced)
        try:
            found = work(reduced)
        except Exception as error:
            kind = failure(error)
            entry.end(kind, str(error) or repr(error))
            if kind in ("mistake", "bug") or attempt == MOST_ATTEMPTS:
                _fail(task, kind, error)
            reduced += kind == "out_of_memory"
            time.sleep(_PAUSE_SECONDS * 2 ** (attempt - 1) if kind == "transient" else 0)
        else:
            entry.end("done")
            return found
    raise AssertionError("the last attempt returns or fails")


def _refuse_after_a_bug(ledger: "Ledger", task: str) -> None:
    """KFP starts a failed pod again whatever it failed of; what cannot get better stops here."""
    from cladeflow.kubeflow.attempts import RUN

    here = os.environ.get(RUN)
    for attempt in ledger.of(task) if here else []:
        if attempt.run == here and attempt.outcome in ("mistake", "bug"):
            sys.exit(f"cladeflow: {task} is not tried again in this run: {attempt.reason}")


def _fail(task: str, kind: str, error: Exception) -> None:
    """A mistake is explained in one line; a bug has its traceback."""
    if kind == "bug":
        raise error
    sys.exit(f"cladeflow: {task}: {error}")
