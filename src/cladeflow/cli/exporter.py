"""``cladeflow exporter``: an evolution's metrics for Prometheus."""

from gc import get_threshold, set_threshold
from pathlib import Path

import click

from cladeflow.cli.output import HOME_OPTION, PRICES_VARIABLE

_PYTHONS_OWN = get_threshold()
"""As long as the command line is being imported; then it asks for fewer garbage collections."""


@click.command()
@HOME_OPTION
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=9464, show_default=True, help="0 lets the system choose.")
@click.option(
    "--refresh",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="Seconds between two readings of the home.",
)
@click.option(
    "--prices",
    type=click.Path(path_type=Path),
    envvar=PRICES_VARIABLE,
    metavar="FILE",
    help="YAML of dollars per CPU hour, GPU hour and million tokens.  [default: the one shipped]",
)
@click.option(
    "--budget", type=click.FloatRange(min=0, min_open=True), help="Dollars that may be spent."
)
@click.option(
    "--interval",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds within which a generation is due, as on a schedule.  "
    "[default: as measured, while a process evolves the home]",
)
def exporter(
    home: Path,
    host: str,
    port: int,
    refresh: float,
    prices: Path | None,
    budget: float | None,
    interval: float | None,
) -> None:
    """Serve an evolution's metrics to Prometheus until interrupted.

    The home may still be empty: it is waited for.
    """
    import signal
    from threading import Event

    from cladeflow.exporter.reader import Terms
    from cladeflow.exporter.serve import serve
    from cladeflow.home import Home
    from cladeflow.telemetry.prices import Prices

    set_threshold(*_PYTHONS_OWN)  # it serves for months, and nobody waits for it
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    terms = Terms(Prices.read(prices), budget, interval)

    def say(text: str) -> None:
        click.echo(text, err=True)

    serve(Home(home), host, port, refresh, terms, say, stop)
