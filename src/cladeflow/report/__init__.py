"""One self-contained HTML page about an evolution.

`collect` reads the archive and the store into a `Report`, `render` writes that as a page. The page
loads nothing: styles, scripts, data and the plotting library (static/vendor) are part of it.
"""

from cladeflow.report.collect import collect
from cladeflow.report.page import render, write_page
from cladeflow.report.view import Report

__all__ = ["Report", "collect", "render", "write_page"]
