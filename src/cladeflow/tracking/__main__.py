"""``python -m cladeflow.tracking DIRECTORY``: project a home once per line of input.

Answers each line with one of JSON: ``moved`` (see `sync_home`), or ``error``. A process of its own
keeps MLflow's second-long import and its small writes away from the process that computes, and one
that stays pays for the import once.
"""

import json
import os
import sys
from pathlib import Path
from typing import TextIO

from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.tracking.collect import sync_home

_NICENESS = 10


def main() -> None:
    """Serve until the input ends."""
    os.nice(_NICENESS)
    home, answers = Home(Path(sys.argv[1])), _answers()
    for _ in sys.stdin:
        try:
            answer: dict[str, object] = {"moved": sync_home(home)}
        except CladeflowError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


def _answers() -> TextIO:
    """What was standard output: MLflow tells people there where a server shows their runs."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


main()
