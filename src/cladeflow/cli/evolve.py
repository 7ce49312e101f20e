"""``cladeflow evolve``: start an evolution, or carry one on."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cladeflow.cli.inspect import opened, print_generations
from cladeflow.cli.output import HOME_OPTION, JSON_OPTION, Reporter, print_json
from cladeflow.cli.remarks import cell, remarks
from cladeflow.errors import CladeflowError
from cladeflow.home import ARCHIVE_VARIABLE, TRACKING_VARIABLE, Home
from cladeflow.telemetry.live import VARIABLE

LIVE_OPTION = click.option(
    "--live",
    metavar="[HOST:]PORT",
    envvar=VARIABLE,
    help="Serve live counters of the stage at work; port 0 means any.",
)

if TYPE_CHECKING:
    from cladeflow.plan.model import Population
    from cladeflow.views import GenerationView


@click.command()
@click.argument("recipe", required=False)
@click.option("--model", type=click.Path(path_type=Path), help="A Hugging Face directory.")
@click.option(
    "--tasks",
    multiple=True,
    metavar="ENV|FILE",
    help="Environments, or a JSONL file of questions and answers, instead of the recipe's.",
)
@click.option(
    "--checker",
    type=click.Choice(["exact", "numeric", "regex", "choice"]),
    help="For lines of the file that name none.  [default: as the answer looks]",
)
@click.option("--tolerance", type=float, help="Of the numeric checker.  [default: 0]")
@click.option(
    "--prompt",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instruction with {task} in it, instead of the environment's.",
)
@click.option("--generations", default=5, show_default=True, help="In total, earlier ones counted.")
@click.option(
    "--children",
    type=click.IntRange(1),
    help="Per generation, from here on.  [default: as many as before, at first 1]",
)
@click.option(
    "--parents",
    type=click.IntRange(1),
    help="Draws of a parent per generation; children share them in turn.  [default: one per child]",
)
@click.option(
    "--runner", type=click.Choice(["inline", "subprocess", "kubeflow-local"]), default="inline"
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes at a time: children of a generation run beside each other.",
)
@click.option("--seed", type=int, help="Root seed of every random generator.  [default: 0]")
@click.option("--scale", help="tiny, small, large or a file.  [default: by the model's size]")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Any resolved key.")
@click.option(
    "--archive",
    metavar="URL",
    help="The archive's database, such as postgresql://me@server/name; a password comes from "
    "CLADEFLOW_ARCHIVE, PGPASSWORD or ~/.pgpass.  [default: SQLite in the home]",
)
@click.option(
    "--tracking",
    metavar="URI",
    help="The MLflow to project to, such as http://server:5000; credentials come from "
    "MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN.  [default: MLFLOW_TRACKING_URI, else as "
    "before, at first SQLite in the home]",
)
@click.option("--deterministic", is_flag=True, help="float32 and one thread: bit-identical runs.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: all cores]")
@LIVE_OPTION
@HOME_OPTION
@JSON_OPTION
def evolve(
    generations: int,
    children: int | None,
    parents: int | None,
    runner: str,
    workers: int,
    archive: str | None,
    tracking: str | None,
    threads: int | None,
    live: str | None,
    home: Path,
    as_json: bool,
    **asked: Any,
) -> None:
    """Run RECIPE until there are GENERATIONS of it; an existing home carries on.

    An interrupted run resumes with the same command.
    """
    from cladeflow.evolution import evolve as run_evolution
    from cladeflow.evolution import runner_of
    from cladeflow.start import Wish

    _require_possible(generations, runner)
    wish = Wish(**asked)
    population, run = asked_population(parents, children), runner_of(runner, workers)
    _limit_threads(1 if wish.deterministic else threads or _share_of_cores(workers))
    _use_archive(archive)
    _use_tracking(tracking)
    with Reporter(quiet=as_json) as reporter:
        say, mine = reporter.say, _mine(live, runner)
        views = run_evolution(Home(home), wish, generations, run, reporter, say, population, mine)
    if as_json:
        print_json([view.to_json() for view in views])
    else:
        _tell(views, home)


def _require_possible(generations: int, runner: str) -> None:
    """Raise `CladeflowError` for what no home could do."""
    if generations < 1:
        raise CladeflowError(f"--generations {generations}: ask for at least 1")
    if runner == "kubeflow-local":
        from cladeflow.kubeflow.compiling import require_kfp

        require_kfp()


def _tell(views: "Sequence[GenerationView]", home: Path) -> None:
    """What became of it, and what to try next."""
    print_generations(views)
    for line in remarks(views):
        click.echo(line)
    with opened(home) as session:
        champion = session.archive.champion().agent
    click.echo(f"champion: {champion.id[:12]} of generation {champion.gen}, in {home}")
    click.echo(f"next: cladeflow solve {cell(views)} --compare initial --home {home}")


@click.command(hidden=True)
@click.option("--call", required=True, help="A stage call as JSON.")
@click.option("--reduced", default=0, help="How often what is computed at a time was halved.")
@LIVE_OPTION
@HOME_OPTION
def step(call: str, reduced: int, live: str | None, home: Path) -> None:
    """Run one stage call whose inputs are committed: what workers and pods do.

    Under torchrun, its processes do so together.
    """
    from cladeflow.graph import StageCall
    from cladeflow.kubeflow.last_words import last_words
    from cladeflow.ranks import joined
    from cladeflow.runners.subprocess import step as run_step
    from cladeflow.session import Session
    from cladeflow.telemetry.live import served

    place = Home(home)
    place.require()
    with (
        last_words(home),
        joined() as ranks,
        Session(place, reduced=reduced, ranks=ranks) as session,
        served(session.live, live, required=False),
    ):
        run_step(session, StageCall.model_validate_json(call))


def asked_population(parents: int | None, children: int | None) -> "Population | None":
    """What was asked for; one parent per child where only one of the two was."""
    from cladeflow.plan.model import Population

    if parents is None and children is None:
        return None
    return Population(parents=parents or children or 1, children=children or parents or 1)


def _share_of_cores(workers: int) -> int | None:
    """Threads of each of several workers; one alone may have them all."""
    import os

    return max(1, (os.cpu_count() or 1) // workers) if workers > 1 else None


def _mine(live: str | None, runner: str) -> str | None:
    """The address for this process's counters, unless stages get processes of their own."""
    import os

    if live and runner != "inline":
        os.environ[VARIABLE] = live
        return None
    return live


def _limit_threads(threads: int | None) -> None:
    """Tell the libraries before they start their pools; child processes inherit it."""
    import os

    if threads:
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[variable] = str(threads)


def _use_archive(url: str | None) -> None:
    """Tell the home, and those of child processes, which database it is about."""
    import os

    from cladeflow.archive.addresses import has_secret, parse

    if url is None:
        return
    if has_secret(parse(url)):
        raise CladeflowError(
            "--archive: others can read a password on a command line; leave it out and set "
            f"PGPASSWORD, write it into ~/.pgpass, or give the whole address in {ARCHIVE_VARIABLE}"
        )
    os.environ[ARCHIVE_VARIABLE] = url


def _use_tracking(uri: str | None) -> None:
    """Tell the home, and those of child processes, which MLflow it is projected to."""
    import os

    from cladeflow.tracking.addresses import parse, public

    if uri is None:
        return
    if public(uri) != uri:
        raise CladeflowError(
            "--tracking: others can read credentials on a command line; leave them out and set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or "
            f"give the whole address in {TRACKING_VARIABLE}"
        )
    os.environ[TRACKING_VARIABLE] = parse(uri)
