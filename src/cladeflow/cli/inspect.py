"""Reading an evolution: status, generations, lineage, history, show."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cladeflow.archive.reign import Reign, moment, reign
from cladeflow.cli.cluster import cluster_facts, print_cluster
from cladeflow.cli.output import HOME_OPTION, JSON_OPTION, print_json, print_table
from cladeflow.cli.remarks import next_step
from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.session import Session

if TYPE_CHECKING:
    from cladeflow.records import ReportRow, Task, Trajectory, Verdict
    from cladeflow.views import GenerationView

_SHORT = 12


def opened(directory: Path) -> Session:
    """A session on a home that holds an evolution."""
    home = Home(directory)
    home.require()
    return Session(home)


@click.command()
@HOME_OPTION
@JSON_OPTION
def generations(home: Path, as_json: bool) -> None:
    """Every generation: scores with intervals, the gate's verdict, tokens and seconds."""
    from cladeflow.views import require_finished

    with opened(home) as session:
        views = require_finished(session)
    if as_json:
        print_json([view.to_json() for view in views])
    else:
        print_generations(views)


def print_generations(views: Sequence["GenerationView"]) -> None:
    """The table that ``evolve`` ends with."""
    columns = ["gen", "agent", "greedy", "sampled", "95 % interval", "pass@k", "distinct correct"]
    columns += ["gate", "tokens", "seconds"]
    rows = []
    for view in views:
        sampled, passed = view.row("sampled"), view.row("pass@")
        distinct = view.report.exploration.get("distinct_correct")
        rows.append(
            [
                view.generation,
                view.agent_id[:_SHORT],
                _percent(view.row("greedy")),
                _percent(sampled),
                f"{100 * sampled.lo:.1f} to {100 * sampled.hi:.1f}" if sampled else "-",
                _percent(passed),
                "-" if distinct is None else f"{distinct:.2f}",
                "promoted" if view.promoted else view.outcome,
                f"{view.tokens:,}" if view.generation else "-",
                f"{view.seconds:.0f}" if view.generation else "-",
            ]
        )
    print_table(columns, rows)


def _percent(row: "ReportRow | None") -> str:
    return f"{100 * row.value:.1f}" if row else "-"


@click.command()
@HOME_OPTION
@click.option("--cluster", is_flag=True, help="Tasks, shards, retries, cost and runs of a cluster.")
@JSON_OPTION
def status(home: Path, cluster: bool, as_json: bool) -> None:
    """What the home holds, how far it is, and what to do next."""
    from cladeflow.kubeflow.attempts import Ledger, troubled
    from cladeflow.redo import redo_counts
    from cladeflow.tracking.addresses import public
    from cladeflow.views import stage_views

    with opened(home) as session:
        archive = session.archive
        evolution, champion = archive.evolution, archive.champion()
        done = archive.generations()
        begun = any(session.store.list(f"generations/{done + 1}"))
        stages = stage_views(session, done + 1) if begun else []
        redone = redo_counts(archive)
        advice = next_step(session, begun=bool(stages))
    ledger = Ledger(session.home.directory)
    trouble = troubled(ledger.all(ledger.newest))
    facts: dict[str, Any] = {
        "home": str(session.home.directory),
        "recipe": evolution.recipe,
        "tasks": [
            entry["options"].get("path") or entry["name"]
            for entry in evolution.resolved["recipe"]["environments"]
        ],
        "scale": evolution.scale,
        "seed": evolution.seed,
        "generations": done,
        "champion": champion.agent.id,
        "champion_generation": champion.agent.gen,
        "mlflow": public(session.home.tracking_uri),
        "done": [str(stage.call) for stage in stages],
    }
    if as_json:
        attempts = {task: [a._asdict() for a in tried] for task, tried in trouble.items()}
        more = {"cluster": cluster_facts(session.home.directory)} if cluster else {}
        print_json({**facts, "attempts": attempts, "redone": redone, "next": advice, **more})
        return
    texts = [", ".join(v) if isinstance(v, list) else v for v in facts.values()]
    print_table(["home", str(facts.pop("home"))], list(zip(facts, texts[1:], strict=True)))
    for task, tried in trouble.items():
        click.echo(f"{task}: {', then '.join(map(str, tried))}")
    for call, count in redone.items():
        click.echo(f"{call}: redone {count} time{'s' * (count > 1)}")
    if cluster:
        print_cluster(session.home.directory)
    click.echo(advice)


@click.command()
@click.argument("agent", default="champion")
@HOME_OPTION
@JSON_OPTION
def lineage(agent: str, home: Path, as_json: bool) -> None:
    """AGENT and its ancestors, newest first."""
    with opened(home) as session:
        members = session.archive.lineage(session.archive.agent(agent).agent.id)
    if as_json:
        print_json(
            [
                {"status": m.status, **m.agent.model_dump(mode="json"), "id": m.agent.id}
                for m in members
            ]
        )
        return
    print_table(
        ["agent", "gen", "status", "own tasks solved", "children"],
        [
            [m.agent.id[:_SHORT], m.agent.gen, m.status, _solved(m.tally), m.tally.children]
            for m in members
        ],
    )


def _solved(tally: Any) -> str:
    trials = tally.ok + tally.fail
    return f"{tally.ok}/{trials}" if trials else "-"


_WHAT = {"promoted_external": "promoted (external)", "rolled_back": "rolled back"}
"""How a change of champion is called, where not by its kind."""


@click.command()
@click.option(
    "--on",
    metavar="DATE",
    help="Who was champion then: at the end of a day, or at a time such as 2026-05-01T12:00 (UTC).",
)
@HOME_OPTION
@JSON_OPTION
def history(on: str | None, home: Path, as_json: bool) -> None:
    """Every change of champion: when, from, to, who, why."""
    with opened(home) as session:
        if on is not None:
            _print_reign(reign(session.archive, moment(on)), as_json)
            return
        changes = session.archive.history()
    if as_json:
        print_json([change._asdict() for change in changes])
        return
    if not changes:
        click.echo("no agent has been promoted; the initial one is champion")
        return
    rows = [
        [
            c.created,
            _WHAT.get(c.kind, c.kind),
            str(c.incumbent_id)[:_SHORT],
            c.agent_id[:_SHORT],
            c.who,
            c.why,
        ]
        for c in changes
    ]
    print_table(["when (UTC)", "what", "from", "to", "who", "why"], rows)


def _print_reign(found: Reign, as_json: bool) -> None:
    if as_json:
        print_json(found.to_json())
        return
    change = found.change
    how = f"{_WHAT.get(change.kind, change.kind)} by {change.who}: {change.why}" if change else ""
    click.echo(f"{found.agent_id[:_SHORT]} was champion on {found.on.isoformat()}")
    click.echo(f"since {found.since}, {how or 'as what the evolution started from'}")
    click.echo(f"until {found.until}" if found.until else "it is champion today")


@click.command()
@click.argument("trajectory")
@HOME_OPTION
@JSON_OPTION
def show(trajectory: str, home: Path, as_json: bool) -> None:
    """One TRAJECTORY (the start of its id): task, steps, verdict."""
    with opened(home) as session:
        task, found, verdict = _find(session, trajectory)
    if as_json:
        print_json({"task": _json(task), "trajectory": _json(found), "verdict": _json(verdict)})
        return
    print_attempt(task, found, verdict)


def print_attempt(task: "Task", trajectory: "Trajectory", verdict: "Verdict | None") -> None:
    """An attempt as a person reads it."""
    for message in task.prompt:
        click.echo(message.text.rstrip("\n"))
    wrong = -1 if verdict is None else int(verdict.parts.get("first_error", -1))
    for index, step in enumerate(trajectory.steps):
        who = "" if step.role == "agent" else f"{step.role}: "
        mark = "   <- first wrong step" if index == wrong else ""
        click.echo(f"  {who}{step.text.rstrip()}{mark}")
    if verdict is not None:
        said = {True: "right", False: "wrong", None: verdict.outcome}[verdict.ok]
        click.echo(f"answer {trajectory.answer}: {said} (reward {verdict.value:g})")


def _json(record: Any) -> Any:
    return None if record is None else {"id": record.id, **record.model_dump(mode="json")}


def _find(session: Session, prefix: str) -> "tuple[Task, Trajectory, Verdict | None]":
    """The trajectory whose id starts so, with its task and the last verdict on it."""
    from cladeflow.records import Task, Trajectory, Verdict
    from cladeflow.store import search

    lines = {*search(session.store, "trajectories", f'"id":"{prefix}')}
    if len(lines) != 1:
        what = "no trajectory" if not lines else f"{len(lines)} trajectories"
        raise CladeflowError(
            f"{what} in {session.home.directory} with an id like {prefix!r}; "
            "ids are in the commits' trajectories.jsonl.zst"
        )
    trajectory = Trajectory.from_line(lines.pop())
    task = next(search(session.store, "tasks", f'"id":"{trajectory.task_id}"'))
    verdicts = [*search(session.store, "verdicts", f'"target":{{"id":"{trajectory.id}"')]
    verdict = Verdict.from_line(verdicts[-1]) if verdicts else None
    return Task.from_line(task), trajectory, verdict
