"""What a cluster's runs left in a home, printed; Kubeflow itself is not asked."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cladeflow.cli.output import print_table

if TYPE_CHECKING:
    from cladeflow.kubeflow.watching import TaskView

_RUNS_SHOWN = 5


def cluster_facts(home: Path) -> dict[str, Any]:
    """Tasks of the newest generation, how runs ended, what schedules decided, what it cost."""
    from cladeflow.kubeflow.attempts import Ledger
    from cladeflow.kubeflow.decisions import decisions, schedules
    from cladeflow.kubeflow.watching import outcomes, task_views

    ledger = Ledger(home)
    attempts = ledger.all()
    return {
        "tasks": [view._asdict() for view in task_views(home, ledger.all(ledger.newest))],
        "runs": list(outcomes(home).values()),
        "schedules": {
            name: [one._asdict() for one in decisions(home, name)] for name in schedules(home)
        },
        "gpu_hours": sum(view.gpu_hours for view in task_views(home, attempts)),
    }


def print_cluster(home: Path) -> None:
    """The same for people."""
    from cladeflow.kubeflow.watching import TaskView

    facts = cluster_facts(home)
    print_tasks([TaskView(**fields) for fields in facts["tasks"]])
    for run in facts["runs"][-_RUNS_SHOWN:]:
        reason = f" ({run['reason']})" if run["reason"] else ""
        click.echo(f"run {run['run']}: {run['state']}{reason}, {_moment(run['ended'])}")
        if promoted := run.get("promoted_external"):
            click.echo(f"  found the alias champion moved in MLflow, to {promoted[:12]}")
    for name, decided in facts["schedules"].items():
        for one in decided[-1:]:
            told = one["reason"] or "began"
            click.echo(f"schedule {name}: run {one['run']}: {told}, {_moment(one['at'])}")
    click.echo(f"all generations together: {facts['gpu_hours']:.2f} GPU hours")


def print_tasks(tasks: "Sequence[TaskView]") -> None:
    """Tasks with their shards, retries and cost."""
    rows = [
        [t.task, t.state, t.shards or "-", t.retries, f"{t.seconds:.0f}", f"{t.gpu_hours:.2f}"]
        for t in tasks
    ]
    print_table(["task", "state", "shards", "retries", "seconds", "GPU hours"], rows)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
