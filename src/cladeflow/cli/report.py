"""``cladeflow report``: the evolution as one HTML page."""

from pathlib import Path

import click

from cladeflow.cli.inspect import opened
from cladeflow.cli.output import HOME_OPTION


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("cladeflow-report.html"),
    show_default=True,
    metavar="FILE",
    help="Where to write the page; an older report there is replaced.",
)
@HOME_OPTION
def report(out: Path, home: Path) -> None:
    """Write one self-contained HTML page: lineage, scores, costs, decisions, a task in full."""
    from cladeflow.report import collect, write_page

    with opened(home) as session:
        found = collect(session)
    write_page(found, out)
    for gap in found.gaps:
        click.echo(f"{gap.where}: {gap.why}", err=True)
    click.echo(f"{out}: {found.generations} generations, {len(found.agents)} agents")
