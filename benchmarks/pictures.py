"""The pictures of the README: the report page of a home in a browser, and a table in a terminal.

``make pictures`` writes docs/images anew; it needs chromium.
"""

import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.browser import Browser
from tests.command_line import cladeflow

IMAGES = Path(__file__).parents[1] / "docs" / "images"
COLUMNS = 120
_WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""A picture loads nothing; the reader's own monospaced font will do."""
WIDE, PHONE = (1280, 1500), (390, 844)


def main(home: Path) -> None:
    IMAGES.mkdir(exist_ok=True)
    _terminal(home, IMAGES / "generations.svg")
    with tempfile.TemporaryDirectory() as place, Browser() as browser:
        page = Path(place) / "report.html"
        ran = cladeflow("report", "--home", home, "--out", page)
        assert ran.code == 0, ran.err
        for name, (width, height), dark in (
            ("report", WIDE, False),
            ("report-phone", PHONE, True),
        ):
            browser.open(page, width=width, height=height, dark=dark)
            browser.screenshot(IMAGES / f"{name}.png")


def _terminal(home: Path, path: Path) -> None:
    """What a terminal shows of ``cladeflow generations``."""
    table = cladeflow("generations", "--home", home).out.strip("\n")
    console = Console(record=True, width=COLUMNS, file=sys.stderr)
    console.print("$ cladeflow generations", highlight=False)
    for line in table.splitlines():
        console.print(Text(line.rstrip()), no_wrap=True, crop=True)
    drawn = console.export_svg(title="cladeflow")
    path.write_text(_WEB_FONTS.sub("", drawn), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
