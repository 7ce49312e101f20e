"""``python -m cladeflow.tracking DIRECTORY [TRACKING_URI]``: project a home once per line of input.

Answers each line with one of JSON: ``moved`` (see `sync_home`), or ``error``. A process of its own
keeps MLflow's second-long import and its small writes away from the process that computes, and one
that stays pays for the import once.
"""

import json
import os
import sys
from pathlib import Path

from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.tracking.collect import sync_home

_NICENESS = 10


def main() -> None:
    """Serve until the input ends."""
    os.nice(_NICENESS)
    directory, *tracking_uri = sys.argv[1:]
    home = Home(Path(directory), *tracking_uri)
    for _ in sys.stdin:
        try:
            answer: dict[str, object] = {"moved": sync_home(home)}
        except CladeflowError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main()
