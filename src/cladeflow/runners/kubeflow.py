"""The compiled pipeline on this machine: kfp.local runs every task as a process of its own."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.kubeflow.attempts import LOCAL, RUN, Attempt, Ledger
from cladeflow.kubeflow.compiling import recipe_pipeline
from cladeflow.kubeflow.profile import Profile, Retries, Volume
from cladeflow.recipes.model import Resolved
from cladeflow.session import Progress, Session
from cladeflow.visit import Visit

LOG = "kubeflow.log"
_WATCH_SECONDS = 0.5


def local_profile(home: Home) -> Profile:
    """This machine as a cluster: any Python, one task at a time, one more try for a killed one."""
    return Profile(
        name="local",
        images={"core": "python-of-this-machine"},
        digest_only=False,
        home=str(home.directory),
        volumes=(Volume(claim="local", mount="/"),),
        retries=Retries(count=1, seconds=0),
    )


def run(session: Session, generation: int) -> None:
    """Run what is missing of a generation, each task in a process of its own."""
    run_on(session, generation, local_profile(session.home))


def run_on(session: Session, generation: int, profile: Profile) -> None:
    """Run what is missing of a generation.

    Raises `CladeflowError` that names the stage which failed. What the tasks print goes to
    ``kubeflow.log`` in the home.
    """
    session.release()  # each process loads its own
    home = session.home
    recipe = Resolved.model_validate(session.archive.evolution.resolved).recipe
    planned = Visit(session).planned(generation)
    population = planned.population if planned else session.population
    pipeline = recipe_pipeline(recipe, profile, population=population)
    name = f"{LOCAL}{uuid4().hex}"
    with _environment(name), _watching(home, name, session.progress):
        try:
            _run_locally(pipeline, home, generation)
        except RuntimeError as error:
            raise CladeflowError(_explained(home, name, error)) from error


def _run_locally(pipeline: Any, home: Home, generation: int) -> None:
    from kfp import local

    with (home.directory / LOG).open("a") as log, redirect_stdout(log), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # settings that only a cluster heeds
        local.init(
            local.SubprocessRunner(use_venv=False), pipeline_root=str(home.directory / "kubeflow")
        )
        pipeline(home=str(home.directory), generation=generation)


@contextmanager
def _environment(run: str) -> Iterator[None]:
    """Tell the tasks which run they belong to."""
    before = os.environ.get(RUN)
    os.environ[RUN] = run
    try:
        yield
    finally:
        del os.environ[RUN]
        if before is not None:
            os.environ[RUN] = before


@contextmanager
def _watching(home: Home, run: str, progress: Progress) -> Iterator[None]:
    """Report the task under way, which only the ledger of attempts shows from here."""
    stop = Event()

    def watch() -> None:
        while not stop.wait(_WATCH_SECONDS):
            under_way = [attempt for attempt in _attempts(home, run) if attempt.outcome is None]
            if under_way:
                progress(under_way[-1].task, 0, 1)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def _attempts(home: Home, run: str) -> list[Attempt]:
    return [attempt for attempt in Ledger(home.directory).all() if attempt.run == run]


def _explained(home: Home, run: str, error: RuntimeError) -> str:
    """Which stage failed of what; kfp names its own task, and not why."""
    failed = [attempt for attempt in _attempts(home, run) if attempt.outcome != "done"]
    if not failed:
        return f"the pipeline failed: {error}; {home.directory / LOG} has what it printed"
    last = failed[-1]
    reason = last.reason or "it was killed"
    return f"stage {last.task} failed in its process: {reason}; see {home.directory / LOG}"
