"""``python -m cladeflow``."""

from cladeflow.cli import main

main()
