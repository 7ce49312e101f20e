"""The command line. Heavy libraries are imported by the commands that need them, never here."""

import atexit
import os
import sys
from gc import freeze, set_threshold

# Two waiting OpenMP threads that spin cost tenfold on a busy machine; the libraries read these
# once, when torch is first imported, so they are set before anything else.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("KMP_BLOCKTIME", "0")
# Models come from directories; nothing is ever looked up on a hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import click

from cladeflow import __version__
from cladeflow.cli.approve import approve
from cladeflow.cli.archive import archive
from cladeflow.cli.champion import promote, rollback
from cladeflow.cli.doctor import doctor
from cladeflow.cli.evolve import evolve, step
from cladeflow.cli.exporter import exporter
from cladeflow.cli.inspect import generations, history, lineage, show, status
from cladeflow.cli.keep import gc, pin, unpin
from cladeflow.cli.kubeflow import compile_pipeline, images, profile
from cladeflow.cli.models import export, ui
from cladeflow.cli.recipes import recipes
from cladeflow.cli.report import report
from cladeflow.cli.retry import retry
from cladeflow.cli.runs import cancel, runs, submit, wait
from cladeflow.cli.schedule import schedule
from cladeflow.cli.solve import solve
from cladeflow.errors import CladeflowError

GC_THRESHOLDS = (1_000_000, 10, 10)
"""Imports and records are millions of objects and next to no cycles: at the default threshold of
700, looking for some takes a fifth of the time that an evolution spends outside models; at 10,000,
still a tenth."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cladeflow")
def cli() -> None:
    """An agent that keeps improving itself: evolve it, watch it, promote it, roll it back."""


for command in (
    evolve,
    solve,
    approve,
    show,
    status,
    generations,
    lineage,
    history,
    report,
    archive,
    promote,
    rollback,
    pin,
    unpin,
    gc,
    export,
    ui,
    exporter,
    recipes,
    profile,
    images,
    compile_pipeline,
    submit,
    runs,
    wait,
    cancel,
    retry,
    schedule,
    doctor,
    step,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; a user's mistake prints one message and exits with 2."""
    set_threshold(*GC_THRESHOLDS)
    atexit.register(freeze)  # or the interpreter looks for cycles in all that it is about to free
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except CladeflowError as error:
        click.echo(f"cladeflow: {error}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("cladeflow: interrupted; the same command resumes", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
