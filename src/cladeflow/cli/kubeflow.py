"""Kubeflow: profiles of clusters, the images they name, compiled pipelines."""

from pathlib import Path
from typing import Any

import click

from cladeflow.cli.output import JSON_OPTION, print_json, print_table
from cladeflow.cli.pipelines import pipeline_options, pipeline_text, what
from cladeflow.errors import CladeflowError

PROFILE_OPTION = click.option(
    "--profile",
    "profile_file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    envvar="CLADEFLOW_PROFILE",
    help="What the cluster offers; 'cladeflow profile init' writes an example.",
)


def write_example(file: Path, text: str) -> None:
    """Write ``text`` to a file that is not there yet."""
    try:
        with file.open("x") as opened:
            opened.write(text)
    except FileExistsError as error:
        raise CladeflowError(f"{file} exists; name another file") from error
    except OSError as error:
        raise CladeflowError(f"{file}: cannot be written ({error.strerror})") from error


@click.group()
def profile() -> None:
    """Profiles: what a cluster offers to the stages of a pipeline."""


@profile.command("init")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="profile.yaml")
def init_profile(file: Path) -> None:
    """Write a commented example to FILE."""
    from cladeflow.kubeflow.profile import example

    write_example(file, example())
    click.echo(f"{file}: put your registry, images, volume and GPUs in it, then")
    click.echo(f"next: cladeflow profile check {file}")


@profile.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def check_profile(file: Path) -> None:
    """Whether FILE is a valid profile."""
    from cladeflow.kubeflow.profile import read_profile

    read_profile(file)
    click.echo(f"{file}: fine")


@click.command()
@PROFILE_OPTION
@JSON_OPTION
def images(profile_file: Path, as_json: bool) -> None:
    """Every image that an installation without internet must mirror, and the stages it runs."""
    from cladeflow.kubeflow.profile import read_profile

    found = read_profile(profile_file).stages_by_image()
    if as_json:
        print_json([{"image": image, "stages": stages} for image, stages in found.items()])
    else:
        print_table(["image", "stages"], [[i, ", ".join(s)] for i, s in found.items()])


@click.command("compile")
@pipeline_options
@PROFILE_OPTION
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write it.  [default: standard output]",
)
def compile_pipeline(profile_file: Path, output: Path | None, **asked: Any) -> None:
    """Compile RECIPE for a cluster: the YAML that Kubeflow Pipelines runs.

    The evolution that its first run founds is the one that 'cladeflow evolve' would start with
    the same options.
    """
    from cladeflow.kubeflow.profile import read_profile

    text = pipeline_text(read_profile(profile_file), asked)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise CladeflowError(f"{output}: cannot be written ({error.strerror})") from error
    click.echo(f"{output}: {what(asked)}")
