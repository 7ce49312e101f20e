"""The command line called within the test's process: a process of its own takes seconds."""

import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import NamedTuple
from unittest.mock import patch

from cladeflow.cli import main


class Ran(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def cladeflow(*arguments: object) -> Ran:
    """Run ``cladeflow ARGUMENTS``."""
    out, err, code = StringIO(), StringIO(), 0
    command = ["cladeflow", *map(str, arguments)]
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "argv", command):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())
