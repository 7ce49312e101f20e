"""What the tasks of a rollback do: a former champion takes over; then the two are compared."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.kubeflow.artifacts import page, write
from cladeflow.kubeflow.attempts import RUN
from cladeflow.kubeflow.complaints import complaint
from cladeflow.kubeflow.guard import PATIENCE_SECONDS
from cladeflow.kubeflow.step import attempted
from cladeflow.records import EvalReport, Value
from cladeflow.session import Session, silent

if TYPE_CHECKING:
    from cladeflow.promote.rollback import Rollback


class Request(Value):
    """What a rollback is asked for."""

    to: str = ""
    """A former champion, or its version in MLflow; the one before the present where empty."""
    reason: str = ""
    who: str = "kubeflow"


def roll_back(home: str, call: str, champion: Any) -> str:
    """Restore the agent that ``call`` asks for, once per run; who took over from whom as JSON."""
    directory = Path(home)
    found = attempted(directory, "rollback", lambda _: _swapped(directory, call))
    print(found)
    pair = json.dumps({"restored": found.restored.id, "replaced": found.replaced.id})
    champion.metadata.update(json.loads(pair))
    write(champion, found.restored.model_dump_json(indent=2))
    return pair


def reevaluate(home: str, call: str, metrics: Any, report: Any) -> None:
    """Compare the pair that `roll_back` gave; what was evaluated before is not run again."""
    directory, pair = Path(home), json.loads(call)
    restored, replaced = pair["restored"], pair["replaced"]
    said = f"{restored[:12]}, champion again, against {replaced[:12]}"
    if restored == replaced:
        said, values = f"{restored[:12]} was champion already", {}
    else:
        found = attempted(
            directory, "reevaluate", lambda reduced: _compared(directory, pair, reduced)
        )
        values = _values(found)
    print("\n".join([said, *(f"{name} {value:.4g}" for name, value in values.items())]))
    for name, value in values.items():
        metrics.log_metric(name, value)
    write(metrics, json.dumps({**pair, "metrics": values}, indent=2))
    write(report, page("rollback", said, values))


def _swapped(directory: Path, call: str) -> "Rollback":
    from cladeflow.evolution import in_charge
    from cladeflow.promote.rollback import roll_back

    asked = _request(call)
    with in_charge(Home(directory), silent, print, patience=PATIENCE_SECONDS) as session:
        run = os.environ.get(RUN)
        return roll_back(session, asked.who, asked.to or None, asked.reason, request=run)


def _request(call: str) -> Request:
    try:
        return Request.model_validate(json.loads(call))
    except ValidationError as error:
        raise CladeflowError(f"call: {complaint(Request, error)}") from error
    except ValueError as error:
        raise CladeflowError(
            f'call: {call!r} is no JSON such as {{"to": "3", "reason": "worse"}} ({error})'
        ) from error


def _compared(directory: Path, pair: dict[str, str], reduced: int) -> EvalReport:
    from cladeflow.promote.comparison import compare

    with Session(Home(directory), reduced=reduced) as session:
        agents = (session.archive.agent(pair[which]).agent for which in ("restored", "replaced"))
        return compare(session, *agents)


def _values(report: EvalReport) -> dict[str, float]:
    """Scores and differences over all tasks, each with its interval, by name."""
    found: dict[str, float] = {}
    for row in report.rows:
        if row.family == "all":
            found[f"{row.suite}_{row.metric}"] = row.value
    for delta in report.deltas:
        if delta.family == "all":
            name = f"{delta.suite}_{delta.metric}_difference"
            found |= {name: delta.delta, f"{name}_lo": delta.lo, f"{name}_hi": delta.hi}
    return found
