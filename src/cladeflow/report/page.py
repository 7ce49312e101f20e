"""Renders a report as one HTML page that loads nothing, and puts it where it was asked for.

Whatever a model or a task file wrote is untrusted: the templates escape every value, the data for
the scripts cannot end its element, and the page's policy runs no script but the page's own.
"""

import base64
import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from math import floor, log10
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cladeflow.errors import CladeflowError
from cladeflow.report.view import Report, Score

GENERATOR = b'<meta name="generator" content="cladeflow report">'
"""Marks a page as a report, which a newer one may replace."""
_HEAD_BYTES = 4096
"""Where the mark stands in a page, at the latest."""
_LIBRARIES = ("vendor/d3.min.js", "vendor/plot.umd.min.js")
_SCRIPTS = ("format.js", "legend.js", "charts.js", "layout.js", "tree.js", "gestures.js", "main.js")
_IN_SCRIPTS = {
    "agents", "champion", "champions", "costs", "evaluated", "generations", "line", "reigning",
}  # fmt: skip
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
"""Characters that could end the element that holds the data, or a line of a script."""


def render(report: Report) -> str:
    """The page."""
    scripts = [*(_static(name) for name in _LIBRARIES), _own_script()]
    style = _static("report.css")
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            agents={agent.id: agent for agent in report.agents},
            scores={one.agent: one.scores.get("all", {}) for one in report.evaluated},
            data=Markup(_json(report)),
            style=Markup(style),
            scripts=[Markup(script) for script in scripts],
            policy=_policy(scripts, style),
            generator=Markup(GENERATOR.decode()),
        )
    )


def write_page(report: Report, path: Path) -> None:
    """Write the page to ``path`` all at once.

    Raises `CladeflowError` where that is not possible, or where a file is there that is no report.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not _is_report(path):
            raise CladeflowError(
                f"{path} is there already and is no report; remove it, or name another --out FILE"
            )
        partial.write_text(render(report), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CladeflowError(
            f"{path} cannot be written ({error.strerror}); name another --out FILE"
        ) from error


def _is_report(path: Path) -> bool:
    with path.open("rb") as file:
        return GENERATOR in file.read(_HEAD_BYTES)


def _json(report: Report) -> str:
    """What the scripts draw, as JSON that cannot end its element."""
    return report.model_dump_json(include=_IN_SCRIPTS).translate(_UNSAFE)


@cache
def _static(name: str) -> str:
    return (files("cladeflow.report") / "static" / name).read_text(encoding="utf-8")


def _own_script() -> str:
    """The page's scripts as one, with names of their own."""
    return "(() => {\n" + "\n".join(_static(name) for name in _SCRIPTS) + "})();\n"


def _policy(scripts: list[str], style: str) -> str:
    """Content security policy: nothing is loaded, nothing runs but what is here now."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    sha256 = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{sha256}'"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cladeflow.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "coverage": _coverage,
        "dollars": _dollars,
        "duration": _duration,
        "interval": _interval,
        "moment": _moment,
        "percent": _percent,
        "price": _price,
        "short": _short,
    }
    return environment


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(score: Score) -> str:
    return f"{100 * score.lo:.1f} to {100 * score.hi:.1f}"


def _short(agent_id: str) -> str:
    return agent_id[:12]


def _coverage(scores: Mapping[str, Score]) -> Score | None:
    """pass@k, whatever k is."""
    return next((score for name, score in scores.items() if name.startswith("pass@")), None)


def _moment(iso: str) -> str:
    """A time of the archive, which keeps UTC, as people write it."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _price(amount: float) -> str:
    """As its table has it, cents at least."""
    return f"${amount:.2f}" if round(amount, 2) == amount else f"${amount:g}"


def _dollars(amount: float, of: float = 0.0) -> str:
    """Cents, or as many decimals as show three digits of a smaller sum that it is a part ``of``."""
    whole = of or amount
    decimals = 2 if whole >= 1 or whole <= 0 else 2 - floor(log10(whole))
    return f"${amount:,.{decimals}f}"


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min"
