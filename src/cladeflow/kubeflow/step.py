"""What a component runs: one task, as often as its failures are worth it. Light until work is due.

The module imports the standard library alone, so that a task that is done says so in milliseconds.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from cladeflow.kubeflow.artifacts import Facts, point, write
from cladeflow.kubeflow.attempts import RUN, Ledger
from cladeflow.kubeflow.orders import Order
from cladeflow.kubeflow.receipts import Receipts

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
    if order.schedule is not None and (reason := _reason_not_to_begin(directory, order.schedule)):
        print(f"nothing is done: {reason}")
        for artifact in artifacts:
            write(artifact, reason)
        return 0
    done = Receipts(directory).find(order.path)
    facts = [receipt.facts for receipt in done] if done else _attempted(directory, order)
    if facts:
        for artifact in artifacts:
            point(artifact, Facts(**facts[-1]), directory)
        return int(facts[-1]["generation"])
    return int(order.call["generation"])


def _reason_not_to_begin(home: Path, schedule: dict[str, Any]) -> str:
    from cladeflow.kubeflow.guard import reason_not_to_begin

    return reason_not_to_begin(home, schedule)


def _attempted(home: Path, order: Order) -> list[dict[str, Any]]:
    """The facts of the task's commits, after as many attempts as it takes."""
    from cladeflow.failures import failure
    from cladeflow.kubeflow.work import work

    ledger = Ledger(home)
    _refuse_after_a_bug(ledger, order.task)
    reduced = 0
    for attempt in range(1, MOST_ATTEMPTS + 1):
        entry = ledger.begin(order.task, reduced)
        try:
            found = work(home, order, reduced)
        except Exception as error:
            kind = failure(error)
            entry.end(kind, str(error) or repr(error))
            if kind in ("mistake", "bug") or attempt == MOST_ATTEMPTS:
                _fail(order.task, kind, error)
            reduced += kind == "out_of_memory"
            time.sleep(_PAUSE_SECONDS * 2 ** (attempt - 1) if kind == "transient" else 0)
        else:
            entry.end("done")
            return found
    raise AssertionError("the last attempt returns or fails")


def _refuse_after_a_bug(ledger: Ledger, task: str) -> None:
    """KFP starts a failed pod again whatever it failed of; what cannot get better stops here."""
    here = os.environ.get(RUN)
    for attempt in ledger.of(task) if here else []:
        if attempt.run == here and attempt.outcome in ("mistake", "bug"):
            sys.exit(f"cladeflow: {task} is not tried again in this run: {attempt.reason}")


def _fail(task: str, kind: str, error: Exception) -> None:
    """A mistake is explained in one line; a bug has its traceback."""
    if kind == "bug":
        raise error
    sys.exit(f"cladeflow: {task}: {error}")
