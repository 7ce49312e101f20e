"""``cladeflow retry``: do a stage of the generation under way again, and what follows from it."""

from pathlib import Path

import click

from cladeflow.cli.output import HOME_OPTION, JSON_OPTION, print_json
from cladeflow.errors import CladeflowError
from cladeflow.home import Home


@click.command()
@click.option("--from", "stage", required=True, help="A stage, or one call as status names it.")
@click.option("--generation", type=int, help="[default: the one that is under way]")
@click.option("--reason", default="", help="Kept in the archive.")
@HOME_OPTION
@JSON_OPTION
def retry(stage: str, generation: int | None, reason: str, home: Path, as_json: bool) -> None:
    """Have a stage done again, with new code or another image; what was before it is kept.

    The stages after it follow where its output differs. The next 'evolve' or 'submit' does it.
    """
    from cladeflow.archive.lease import Lease
    from cladeflow.graph import Node, plan_call
    from cladeflow.kubeflow.guard import require_quiet
    from cladeflow.kubeflow.receipts import Receipts
    from cladeflow.redo import once_more, record_redo
    from cladeflow.session import Session
    from cladeflow.visit import Visit

    place = Home(home)
    place.require()
    with Session(place) as session, Lease(session.archive):
        require_quiet(session.archive, place)
        done = session.archive.generations()
        number = done + 1 if generation is None else generation
        if number <= done:
            raise CladeflowError(
                f"generation {number} has ended, and what it decided is in the archive; "
                "'cladeflow rollback' takes a promotion back, and 'cladeflow evolve' goes on"
            )
        visit = Visit(session)
        if visit.found(Node(plan_call(number), ())) is None:
            raise CladeflowError(f"generation {number} was not begun; there is nothing to redo")
        calls = [node.call for node in visit.nodes(number)]
        again, receipts = once_more(calls, stage), Receipts(place.directory)
        for call in again:  # first: a receipt would hide that there is something to do
            receipts.drop(call.path)
        record_redo(session.archive, again, reason)
    if as_json:
        print_json([{"call": str(call), "redo": call.redo} for call in again])
        return
    for call in again:
        click.echo(f"{call}: to be done again, redo {call.redo}")
    click.echo(
        f"next: cladeflow evolve --home {home} --generations {number}, or cladeflow submit on a "
        "cluster"
    )
