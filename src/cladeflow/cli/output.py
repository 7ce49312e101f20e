"""What commands print: tables and progress for people, JSON for scripts."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

HOME_OPTION = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".cladeflow"),
    show_default=True,
    envvar="CLADEFLOW_HOME",
    help="Where the evolution lives.",
)
PRICES_VARIABLE = "CLADEFLOW_PRICES"
"""Names the price table where no option does."""
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")

_PLAIN_SECONDS = 10.0
"""How often a line of progress is printed where there is no terminal."""
_FILE_WIDTH = 160
"""Columns of a table that goes to a file or a pipe, where nothing says how wide it may be."""


def print_json(value: Any) -> None:
    """Print indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def console(stderr: bool = False) -> Console:
    """A console on standard output, or on standard error."""
    plain = Console(stderr=stderr, highlight=False, markup=False)
    return plain if plain.is_terminal else Console(stderr=stderr, width=_FILE_WIDTH, markup=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their columns; a column of numbers is aligned to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        cells = [row[index] for row in rows]
        numeric = bool(cells) and all(_numeric(cell) for cell in cells)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console().print(table)


def _numeric(cell: object) -> bool:
    return str(cell)[:1].isdigit() or cell in ("", "-")


class Reporter:
    """Progress on standard error: one live bar on a terminal, a line now and then elsewhere."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._live = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._bar = self._live.add_task("starting", total=None)
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Report that ``what`` has ``done`` of ``total``."""
        self._live.update(self._bar, description=what, completed=done, total=total)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last >= _PLAIN_SECONDS:
            self._last = now
            self._console.print(f"… {what} {done}/{total}", highlight=False)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
