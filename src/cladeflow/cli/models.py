"""``cladeflow export`` and ``cladeflow ui``: a model as a directory, the evolution in MLflow."""

import shutil
from pathlib import Path

import click

from cladeflow.cli.output import HOME_OPTION
from cladeflow.errors import CladeflowError
from cladeflow.home import Home


@click.command()
@click.argument("agent")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--role", default="actor", show_default=True)
@HOME_OPTION
def export(agent: str, directory: Path, role: str, home: Path) -> None:
    """Write AGENT's model (champion, initial, previous or an id) as a Hugging Face DIRECTORY."""
    from cladeflow.archive.archive import Archive
    from cladeflow.store import explained, materialise

    place = Home(home)
    place.require()
    with Archive.open(place.archive_url) as archive:
        record = archive.agent(agent).usable()
    if role not in record.weights:
        raise CladeflowError(f"{agent} has no role {role!r}; it has {', '.join(record.weights)}")
    if directory.exists() and any(directory.iterdir()):
        raise CladeflowError(f"{directory} is not empty; name a directory that does not exist")
    source = materialise(place.store(), record.weights[role])
    with explained(directory):
        shutil.copytree(source, directory, dirs_exist_ok=True)
    click.echo(f"{directory}: {role} of {record.id[:12]}, loads with from_pretrained")


@click.command()
@click.option("--port", default=5000, show_default=True)
@HOME_OPTION
def ui(port: int, home: Path) -> None:
    """Open MLflow's pages on the home's runs and models."""
    import subprocess
    import sys

    place = Home(home)
    place.require()
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port)]
    command += ["--backend-store-uri", place.tracking_uri]
    command += ["--default-artifact-root", place.artifact_uri]
    click.echo(f"http://127.0.0.1:{port} (Ctrl-C ends it)")
    subprocess.run(command, check=False)
