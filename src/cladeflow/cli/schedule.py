"""``cladeflow schedule``: what a cluster does by itself, as a file that an operator edits."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cladeflow.cli.kubeflow import PROFILE_OPTION, write_example
from cladeflow.cli.output import JSON_OPTION, print_json, print_table
from cladeflow.cli.runs import connected

if TYPE_CHECKING:
    from cladeflow.kubeflow.api import Kfp
    from cladeflow.kubeflow.applying import Installed

_SHOWN = 10
"""Lost ticks and decisions that are listed one by one."""


@click.group()
def schedule() -> None:
    """Schedules: generations that a cluster runs by itself."""


@schedule.command("init")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="schedule.yaml")
def init_schedule(file: Path) -> None:
    """Write a commented example to FILE."""
    from cladeflow.kubeflow.schedule import example

    write_example(file, example())
    click.echo(f"{file}: put recipe, profile, cron and budget in it, then")
    click.echo(f"next: cladeflow schedule apply {file} --dry-run")


@schedule.command("apply")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@JSON_OPTION
def apply_schedule(file: Path, dry_run: bool, as_json: bool) -> None:
    """Let the cluster's schedule be as FILE says, and enabled.

    The same command finishes what was interrupted.
    """
    from cladeflow.kubeflow.applying import apply, changes, wanted
    from cladeflow.kubeflow.profile import read_profile
    from cladeflow.kubeflow.schedule import checked_cron, read_schedule

    asked = read_schedule(file)
    profile_file = file.parent / asked.profile
    profile = read_profile(profile_file)
    checked_cron(asked, profile)  # before the network is asked, and kfp imported
    api = connected(profile_file)
    want = wanted(asked, profile, file.parent)
    lines = changes(api, want)
    say = (lambda text: None) if as_json else click.echo
    for line in lines or [f"{asked.name} is as {file} says"]:
        say(line)
    if not dry_run:
        apply(api, want, say)
    if as_json:
        print_json({"schedule": asked.name, "changes": lines, "applied": not dry_run})


@schedule.command("list")
@PROFILE_OPTION
@JSON_OPTION
def list_schedules(profile_file: Path, as_json: bool) -> None:
    """The schedules of the profile's cluster."""
    from cladeflow.kubeflow.applying import installed

    found = [_summary(one) for one in installed(connected(profile_file))]
    if as_json:
        print_json(found)
    else:
        columns = ["schedule", "state", "recipe", "cron", "timezone", "recurring_run"]
        print_table(columns, [[one[name] for name in columns] for one in found])


@schedule.command("show")
@click.argument("name")
@PROFILE_OPTION
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="CLADEFLOW_HOME",
    help="The evolution's directory, to see what its runs decided.",
)
@JSON_OPTION
def show_schedule(name: str, profile_file: Path, home: Path | None, as_json: bool) -> None:
    """Schedule NAME: what it says, its runs, the moments at which none began."""
    from cladeflow.kubeflow.applying import require
    from cladeflow.kubeflow.decisions import decisions

    api = connected(profile_file)
    newest = require(api, name)[0]
    told = [one._asdict() for one in (decisions(home, name) if home else [])]
    facts = {**_summary(newest), **_activity(api, newest), "decisions": told}
    if as_json:
        print_json({**facts, "facts": newest.facts})
        return
    print_table(["key", "value"], [[key, value] for key, value in newest.facts.items()])
    click.echo(f"{name}: {facts['state']}, next run {facts['next'] or '-'}")
    for run in facts["runs"][:_SHOWN]:
        click.echo(f"run {run['id']}: {run['state']}, {run['created']}")
    for tick in facts["lost"][-_SHOWN:]:
        click.echo(f"no run at {tick['at']}: {tick['why']}")
    for one in told[-_SHOWN:]:
        click.echo(f"run {one['run']}: {one['reason'] or 'began'}")


@schedule.command("pause")
@click.argument("name")
@PROFILE_OPTION
def pause_schedule(name: str, profile_file: Path) -> None:
    """Let schedule NAME begin no more runs; one that is under way goes on."""
    from cladeflow.kubeflow.applying import require

    api = connected(profile_file)
    for one in require(api, name):
        api.disable(one.one.id)
    click.echo(f"{name}: paused; 'cladeflow schedule resume {name}' goes on")


@schedule.command("resume")
@click.argument("name")
@PROFILE_OPTION
def resume_schedule(name: str, profile_file: Path) -> None:
    """Let schedule NAME begin runs again."""
    from cladeflow.kubeflow.applying import resume

    enabled = resume(connected(profile_file), name)
    click.echo(f"{name}: enabled as {enabled.name}")


@schedule.command("delete")
@click.argument("name")
@PROFILE_OPTION
def delete_schedule(name: str, profile_file: Path) -> None:
    """Remove schedule NAME; its runs and what they made stay."""
    from cladeflow.kubeflow.applying import require

    api = connected(profile_file)
    for one in require(api, name):
        api.delete(one.one.id)
    click.echo(f"{name}: deleted; the evolution is where it was")


def _summary(one: "Installed") -> dict[str, Any]:
    return {
        "schedule": one.schedule,
        "state": "enabled" if one.one.enabled else "paused",
        "recipe": one.facts["recipe"],
        "cron": one.facts["cron"],
        "timezone": one.facts["timezone"],
        "recurring_run": one.one.id,
    }


def _activity(api: "Kfp", one: "Installed") -> dict[str, Any]:
    """Its runs, newest first, the moments without one, and the next moment."""
    from cladeflow.kubeflow.cron import Cron
    from cladeflow.kubeflow.ticks import lost

    now = datetime.now(UTC)
    cron = Cron(one.facts["cron"], one.facts["timezone"])
    runs = [run for run in api.runs() if run.recurring == one.one.id]
    missing = lost(cron, datetime.fromisoformat(one.one.created), runs, now)
    enabled = one.one.enabled
    return {
        "next": next(cron.after(now)).isoformat() if enabled else None,
        "runs": [run._asdict() for run in runs],
        "lost": [{"at": t.at.isoformat(), "why": t.why} for t in missing] if enabled else [],
    }
