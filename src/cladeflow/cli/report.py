"""``cladeflow report``: the evolution as one HTML page."""

from pathlib import Path

import click

from cladeflow.cli.inspect import opened
from cladeflow.cli.output import HOME_OPTION, PRICES_VARIABLE


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("cladeflow-report.html"),
    show_default=True,
    metavar="FILE",
    help="Where to write the page; an older report there is replaced.",
)
@click.option(
    "--prices",
    type=click.Path(path_type=Path),
    envvar=PRICES_VARIABLE,
    metavar="FILE",
    help="YAML of dollars per CPU hour, GPU hour and million tokens, for what everything cost.",
)
@HOME_OPTION
def report(out: Path, prices: Path | None, home: Path) -> None:
    """Write one self-contained HTML page: lineage, scores, costs, decisions, a task in full."""
    from cladeflow.report import collect, write_page
    from cladeflow.telemetry.prices import Prices

    table = None if prices is None else Prices.read(prices)
    with opened(home) as session:
        found = collect(session, table)
    write_page(found, out)
    for gap in found.gaps:
        click.echo(f"{gap.where}: {gap.why}", err=True)
    click.echo(f"{out}: {found.generations} generations, {len(found.agents)} agents")
