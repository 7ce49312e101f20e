"""Runs on a cluster: submit, list, wait for, cancel."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from cladeflow.cli.champion import person
from cladeflow.cli.cluster import print_tasks
from cladeflow.cli.kubeflow import PROFILE_OPTION
from cladeflow.cli.output import HOME_OPTION, JSON_OPTION, print_json, print_table
from cladeflow.cli.pipelines import pipeline_options, pipeline_text
from cladeflow.errors import CladeflowError

if TYPE_CHECKING:
    from cladeflow.kubeflow.api import Kfp


def connected(profile_file: Path) -> "Kfp":
    """The API of a profile, which has answered."""
    from cladeflow.kubeflow.api import Kfp
    from cladeflow.kubeflow.profile import read_profile
    from cladeflow.kubeflow.submitting import endpoint_of

    api = Kfp(endpoint_of(read_profile(profile_file)))
    api.check()
    return api


@click.command()
@pipeline_options
@PROFILE_OPTION
@click.option(
    "--generation", default=0, help="The first of them.  [default: the next unfinished one]"
)
@click.option("--home", help="Directory in the pods.  [default: the profile's]")
@click.option("--key", help="One key never makes two runs.  [default: by content, see --help]")
@click.option("--to", metavar="VERSION|AGENT", help="Of a rollback.  [default: the one before]")
@click.option("--reason", default="", help="Of a rollback, kept in the history.")
@JSON_OPTION
def submit(
    profile_file: Path,
    generation: int,
    home: str | None,
    key: str | None,
    to: str | None,
    reason: str,
    as_json: bool,
    **asked: Any,
) -> None:
    """Compile RECIPE and submit it as a run.

    Submitting again what is still under way gives that run; when it has ended, a new one.
    """
    from cladeflow.kubeflow.profile import read_profile
    from cladeflow.kubeflow.submitting import submit as submit_to

    profile = read_profile(profile_file)
    place = profile.on_a_volume(home) if home else profile.home
    if generation < 0:
        raise CladeflowError(f"--generation {generation}: a number from 1, or 0 for the next one")
    api = connected(profile_file)
    parameters: dict[str, Any] = {"home": place, "generation": generation}
    if asked["pipeline"] == "rollback":
        call = {"to": to or "", "reason": reason, "who": person()}
        parameters = {"home": place, "call": json.dumps(call)}
    run, new = submit_to(api, pipeline_text(profile, asked), parameters, key)
    link = f"{api.endpoint.endpoint.rstrip('/')}/#/runs/details/{run.id}"
    if as_json:
        print_json({**run._asdict(), "new": new, "home": place, "link": link})
        return
    click.echo(f"{run.id}: {run.name}, {'submitted' if new else f'was there, {run.state}'}")
    click.echo(f"seen at {link}")
    click.echo(f"next: cladeflow wait {run.id} --profile {profile_file} --home {place}")


@click.command()
@PROFILE_OPTION
@click.option("--limit", default=20, show_default=True, help="Of the newest.")
@JSON_OPTION
def runs(profile_file: Path, limit: int, as_json: bool) -> None:
    """The runs of the profile's experiment, newest first."""
    found = connected(profile_file).runs(limit=limit)
    if as_json:
        print_json([run._asdict() for run in found])
        return
    rows = [[r.id, r.name, r.state, r.created, r.finished or "-"] for r in found]
    print_table(["run", "name", "state", "created", "ended"], rows)


@click.command()
@click.argument("run")
@PROFILE_OPTION
@JSON_OPTION
def cancel(run: str, profile_file: Path, as_json: bool) -> None:
    """End RUN; what it has committed stays, and a new run goes on from there."""
    api = connected(profile_file)
    before = api.run(run)
    if not before.ended:
        api.cancel(run)
    after = api.run(run)
    if as_json:
        print_json(after._asdict())
    elif before.ended:
        click.echo(f"{run} had ended: {before.state}")
    else:
        click.echo(f"{run}: {after.state}; a new run goes on after the last commit")


@click.command()
@click.argument("run")
@PROFILE_OPTION
@HOME_OPTION
@click.option("--interval", default=10.0, show_default=True, help="Seconds between looks.")
@click.option("--timeout", type=float, help="Seconds to wait at most.  [default: no limit]")
@JSON_OPTION
def wait(
    run: str,
    profile_file: Path,
    home: Path,
    interval: float,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Wait until RUN has ended; exit status 0 where it went well, 1 where it did not.

    Stages, shards and retries are read in the home, where the volume is mounted here; that goes on
    while Kubeflow does not answer.
    """
    from cladeflow.kubeflow.following import Look, follow
    from cladeflow.kubeflow.profile import read_profile
    from cladeflow.kubeflow.submitting import endpoint_of

    endpoint = endpoint_of(read_profile(profile_file))
    said: set[str] = set()
    last: Look | None = None
    for last in follow(endpoint, home, run, interval, timeout):
        for line in [] if as_json else last.lines():
            if line not in said:
                said.add(line)
                click.echo(line, err=True)
    assert last is not None
    _tell(run, last, as_json)


def _tell(run: str, last: Any, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"run": run, **last.to_json()})
    else:
        click.echo(f"{run}: {last.state}{f' ({last.reason})' if last.reason else ''}")
        if last.tasks:
            print_tasks(last.tasks)
    raise SystemExit(0 if last.succeeded else 1)
