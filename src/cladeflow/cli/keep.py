"""What is kept of an evolution: pin, unpin, gc."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cladeflow.cli.champion import SHORT, person
from cladeflow.cli.inspect import opened
from cladeflow.cli.output import HOME_OPTION, JSON_OPTION, Reporter, print_json, print_table
from cladeflow.errors import CladeflowError
from cladeflow.home import Home

if TYPE_CHECKING:
    from cladeflow.archive.archive import Archive
    from cladeflow.collection import Collection

_UNITS = ("B", "kB", "MB", "GB", "TB")


@click.command()
@click.argument("agent")
@click.option("--reason", default="", help="Kept in the archive.")
@HOME_OPTION
def pin(agent: str, reason: str, home: Path) -> None:
    """Keep AGENT whole, whatever gc deletes."""
    with _archive(home) as archive:
        found = archive.agent(agent).usable()
        if found.id not in archive.pinned():
            _record(archive, "pinned", found.id, reason)
    click.echo(f"{found.id[:SHORT]} is pinned")


@click.command()
@click.argument("agent")
@HOME_OPTION
def unpin(agent: str, home: Path) -> None:
    """Take back a pin."""
    with _archive(home) as archive:
        found = archive.agent(agent).agent
        if found.id not in archive.pinned():
            raise CladeflowError(f"{found.id[:SHORT]} is not pinned")
        _record(archive, "unpinned", found.id, "")
    click.echo(f"{found.id[:SHORT]} is not pinned any more")


@contextmanager
def _archive(home: Path) -> Iterator["Archive"]:
    """The archive, while no collection runs."""
    from cladeflow.archive.lease import Lease

    with opened(home) as session, Lease(session.archive, "in charge"):
        yield session.archive


def _record(archive: "Archive", kind: str, agent_id: str, why: str) -> None:
    from cladeflow.archive import Event

    key = f"{kind}/{agent_id}/{archive.event_id()}"
    fields = {"key": key, "kind": kind, "agent_id": agent_id, "who": person(), "why": why}
    archive.record([Event.model_validate(fields)])


@click.command()
@click.option("--keep", type=click.IntRange(0), default=5, show_default=True, help="The K best.")
@click.option("--dry-run", is_flag=True, help="Say what would go, delete nothing.")
@HOME_OPTION
@JSON_OPTION
def gc(keep: int, dry_run: bool, home: Path, as_json: bool) -> None:
    """Delete the weights of agents that nobody needs, and what crashes left behind.

    Champions that a rollback can restore stay whole, and so do the KEEP best agents, pinned ones,
    those a begun generation needs, and the ancestors of all these. Records and reports stay.
    """
    from cladeflow.archive.lease import Lease
    from cladeflow.collection import collect, survey
    from cladeflow.evolution import in_charge
    from cladeflow.kubeflow.guard import require_quiet

    if dry_run:
        with opened(home) as session:
            found = survey(session, keep)
    else:
        with (
            Reporter(quiet=as_json) as told,
            in_charge(Home(home), told, told.say) as session,
            Lease(session.archive),
        ):
            require_quiet(session.archive, session.home)
            found = survey(session, keep)
            collect(session, found, person(), f"gc --keep {keep}")
    if as_json:
        print_json(_json(found, dry_run))
    else:
        _print(found, dry_run)


def _json(found: "Collection", dry_run: bool) -> dict[str, object]:
    return {
        "deleted": not dry_run,
        "kept": found.kept,
        "agents": list(found.agents),
        "pieces": [piece._asdict() for piece in found.pieces],
        "bytes": sum(piece.bytes for piece in found.pieces),
    }


def _print(found: "Collection", dry_run: bool) -> None:
    reasons = list(found.kept.values())
    rows = [[why, reasons.count(why)] for why in dict.fromkeys(reasons)]
    print_table(["kept whole because", "agents"], rows)
    kinds = dict.fromkeys(piece.what for piece in found.pieces)
    sizes = {kind: [p.bytes for p in found.pieces if p.what == kind] for kind in kinds}
    rows = [[kind, len(bytes_), size(sum(bytes_))] for kind, bytes_ in sizes.items()]
    if rows:
        print_table(["would go" if dry_run else "deleted", "pieces", "size"], rows)
    shown = ", ".join(agent_id[:SHORT] for agent_id in found.agents)
    if shown:
        click.echo(f"{'would lose' if dry_run else 'lost'} their weights: {shown}")
    total = size(sum(piece.bytes for piece in found.pieces))
    click.echo(f"{total} {'would be freed' if dry_run else 'freed'}")


def size(count: float) -> str:
    """Bytes as a person reads them."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"
