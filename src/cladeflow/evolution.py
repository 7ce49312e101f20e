"""An evolution from the outside: start it or take it up, and run its generations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from cladeflow.archive.archive import Archive
from cladeflow.archive.lease import Lease
from cladeflow.errors import CladeflowError
from cladeflow.evaluate.first import require_readable
from cladeflow.home import Home
from cladeflow.kubeflow.guard import require_quiet
from cladeflow.models.binding import external_refs
from cladeflow.plan.model import Population
from cladeflow.promote.approval import GATE as APPROVAL
from cladeflow.promote.approval import promote_approved
from cladeflow.promote.signatures import require_signers
from cladeflow.recipes import Resolved
from cladeflow.runners import inline, kubeflow, subprocess
from cladeflow.session import Progress, Session
from cladeflow.start import Start, Wish, start
from cladeflow.telemetry.live import served
from cladeflow.tracking.background import Projector
from cladeflow.views import GenerationView, generation_views, nothing_left
from cladeflow.visit import Visit

Runner = Callable[[Session, int], None]
"""Runs what is missing of a generation."""
Say = Callable[[str], None]
"""Tells whoever gave the command."""
RUNNERS: dict[str, Runner] = {
    "inline": inline.run,
    "subprocess": subprocess.run,
    "kubeflow-local": kubeflow.run,
}


def evolve(
    home: Home,
    wish: Wish,
    generations: int,
    runner: Runner,
    progress: Progress,
    say: Say,
    population: Population | None = None,
    live: str | None = None,
) -> list[GenerationView]:
    """Run ``home`` until it has so many generations, resuming whatever was begun.

    What is planned from now on has the ``population``, or that of the newest plan. ``live`` is the
    ``[HOST:]PORT`` at which this process serves its counters meanwhile. Raises `CladeflowError`
    before anything is written where the wish cannot be met, and `HomeError` where another process
    or a cluster's run is at work on the home.
    """
    begun = start(home, wish)
    if begun is not None:
        _require_approvers(home, begun.resolved)
        external_refs(begun.resolved.recipe.roles)  # raises for a model that is not there
    home.create()
    with Archive.create(home.archive_url) as archive, Lease(archive):
        require_quiet(archive, home)
        home.settle(say)
        _found(home, archive, begun)
        with (
            Session(home, progress) as session,
            served(session.live, live) as url,
            Projector(home, say) as projector,
        ):
            if url:
                say(f"live counters: {url}")
            session.population = population or _population(session)
            _look_back(session, projector, say)
            _carry_on(session, projector, generations, runner, say)
            return generation_views(session)


def _found(home: Home, archive: Archive, begun: Start | None) -> None:
    """Start what is asked for, or take it up; raises `CladeflowError` where that cannot be."""
    if begun is not None:
        archive.start_evolution(begun.resolved, begun.seed, begun.initial)
    else:
        _require_approvers(home, Resolved.model_validate(archive.evolution.resolved))


def _require_approvers(home: Home, resolved: Resolved) -> None:
    """Raise `CladeflowError` where the recipe waits for approvals that nobody could give."""
    if any(entry.name == APPROVAL for entry in resolved.recipe.promote):
        require_signers(home.allowed_signers)


def _look_back(session: Session, projector: Projector, say: Say) -> None:
    """Bring MLflow up to date; or, before the first generation, see whether there can be one."""
    projector.project()
    if session.archive.generations():
        projector.wait()  # an alias that was moved by hand since the last command counts from now
    else:
        require_readable(session, say)


def _carry_on(
    session: Session, projector: Projector, generations: int, runner: Runner, say: Say
) -> None:
    """Run what is missing of so many generations; what people decided is settled in between."""
    done = session.archive.generations()
    _settle(session, projector, say)
    if done >= generations:
        say(nothing_left(session))
    for generation in range(done + 1, generations + 1):
        runner(session, generation)
        projector.project()
        _settle(session, projector, say)
    projector.wait()
    projector.honour(session.archive)


def _settle(session: Session, projector: Projector, say: Say) -> None:
    """Put in charge whom people chose meanwhile: by an alias in MLflow, or by an approval."""
    projector.honour(session.archive)
    promote_approved(session, say)


@contextmanager
def in_charge(home: Home, progress: Progress, say: Say, patience: float = 0.0) -> Iterator[Session]:
    """What goes around a command that changes by hand who is champion, or what is kept.

    Such commands take turns, for which one waits ``patience`` seconds at most, but wait for no
    generation: the archive's swap tells a generation whose incumbent went that its winner was
    compared with the wrong agent. An alias that was moved in MLflow is honoured before, and the
    aliases follow after.
    """
    home.require()
    with (
        Session(home, progress) as session,
        Lease(session.archive, "in charge", patience=patience),
        Projector(home, say) as projector,
    ):
        projector.project()
        projector.wait()
        projector.honour(session.archive)
        yield session
        projector.project()
        projector.wait()


def runner_of(name: str, workers: int) -> Runner:
    """The runner called so; raises `CladeflowError` for workers that it would not use."""
    if name == "subprocess":
        return partial(subprocess.run, workers=workers)
    if workers > 1:
        raise CladeflowError(
            f"--workers {workers}: {name} runs one task at a time; add --runner subprocess"
        )
    return RUNNERS[name]


def _population(session: Session) -> Population:
    """That of the newest plan: of the generation that was begun, or else of the last one."""
    visit = Visit(session)
    planned = visit.begun() or visit.planned(session.archive.generations())
    return planned.population if planned else Population()
