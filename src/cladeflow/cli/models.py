"""``cladeflow export`` and ``cladeflow ui``: a model as a directory, the evolution in MLflow."""

import shutil
from pathlib import Path

import click

from cladeflow.cli.output import HOME_OPTION, JSON_OPTION, print_json
from cladeflow.errors import CladeflowError
from cladeflow.home import Home

_PARTIAL = ".cladeflow-export"
"""Where the files of an export lie until all are there; one that was killed leaves it behind."""


@click.command()
@click.argument("agent")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--role", default="actor", show_default=True)
@HOME_OPTION
@JSON_OPTION
def export(agent: str, directory: Path, role: str, home: Path, as_json: bool) -> None:
    """Write AGENT's model (champion, initial, previous or an id) as a Hugging Face DIRECTORY."""
    from cladeflow.archive.archive import Archive
    from cladeflow.store import explained, materialise

    place = Home(home)
    place.require()
    with Archive.open(place.archive_url) as archive:
        record = archive.agent(agent).usable()
    if role not in record.weights:
        raise CladeflowError(f"{agent} has no role {role!r}; it has {', '.join(record.weights)}")
    if directory.exists() and any(path.name != _PARTIAL for path in directory.iterdir()):
        raise CladeflowError(f"{directory} is not empty; name a directory that does not exist")
    source = materialise(place.store(), record.weights[role])
    with explained(directory):
        _copy(source, directory)
    if as_json:
        print_json({"directory": str(directory), "agent": record.id, "role": role})
    else:
        click.echo(f"{directory}: {role} of {record.id[:12]}, loads with from_pretrained")


def _copy(source: Path, directory: Path) -> None:
    """Copy a model into a directory that is empty, or is made; all of its files or none.

    Not by `shutil.copytree`, whose error no longer says what the operating system refused.
    """
    made, partial = not directory.exists(), directory / _PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for path in source.rglob("*"):
            if path.is_file():
                target = partial / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
        for path in partial.iterdir():
            path.rename(directory / path.name)
        partial.rmdir()
    except BaseException:
        shutil.rmtree(directory if made else partial, ignore_errors=True)
        raise


@click.command()
@click.option("--port", default=5000, show_default=True)
@HOME_OPTION
def ui(port: int, home: Path) -> None:
    """Open MLflow's pages on the home's runs and models, or say which server has them."""
    import os
    import subprocess
    import sys

    from cladeflow.tracking.addresses import is_local, public

    place = Home(home)
    place.require()
    if not is_local(place.tracking_uri):
        click.echo(f"{public(place.tracking_uri)}: experiment {_experiment(place)}")
        return
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port)]
    command += ["--default-artifact-root", place.artifact_uri]
    click.echo(f"http://127.0.0.1:{port} (Ctrl-C ends it)")
    # A command line would show the password of a database, where it has one.
    store = {"MLFLOW_BACKEND_STORE_URI": place.tracking_uri}
    subprocess.run(command, check=False, env=os.environ | store)


def _experiment(home: Home) -> str:
    """What the evolution is called in MLflow."""
    from cladeflow.archive.archive import Archive
    from cladeflow.tracking.view import evolution_name

    with Archive.open(home.archive_url) as archive:
        return evolution_name(archive.evolution.recipe, archive.evolution.uid)
