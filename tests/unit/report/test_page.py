"""The page as text: nothing in it is anybody's but its own, and nothing is overwritten."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cladeflow.errors import CladeflowError
from cladeflow.report import Report, page
from cladeflow.report.view import (
    AgentNode,
    AttemptView,
    CritiqueView,
    Decided,
    Evaluated,
    Gap,
    Learned,
    Line,
    StageCost,
    TaskView,
)
from cladeflow.telemetry.prices import Prices

EVIL = '</script><script>alert(1)</script><img src="https://x.test/i" onerror=alert(2)> & \u2028'
EVIL_ATTRIBUTE = '"><b onmouseover=alert(3)>'


def report(text: str = "harmless") -> Report:
    """A report in which everything that a model, a file or a person wrote is ``text``."""
    line = Line(text=text, role=text, wrong=True)
    attempt = AttemptView(
        id=text, strategy=text, attempt=0, lines=(line,), answer=text, outcome="wrong", value=0,
        note=text, critiques=(CritiqueView(source=text, ok=False, text=text),),
    )  # fmt: skip
    agent = AgentNode(
        id="a" * 64, generation=0, child=0, status="valid", parents=(), ok=1, fail=1,
        clade_ok=1, clade_fail=1, children=0,
        created="2026-01-01T00:00:00+00:00",
        decided=Decided(outcome="pass", gates={text: text}, why=text, when=text),
    )  # fmt: skip
    learned = Learned(
        generation=1, update=text, role=text, kind="Sft", examples=1, contaminated=0, cells=(),
        prompt=text, sample=(line,),
    )  # fmt: skip
    return Report(
        recipe=text, summary=text, paper=text, seed=0, scale=text, environments=(text,),
        started="2026-01-01T00:00:00+00:00", written="2026-01-01T00:00:00+00:00", version=text,
        generations=0, initial=agent.id, champion=agent.id, line=(agent.id,),
        reigning=(agent.id,), agents=(agent,), champions=(), evaluated=(), costs=(),
        task=TaskView(id=text, generation=1, family=text, level=1, prompt=text,
                      attempts=(attempt,), refined=False),
        learned=(learned,), gaps=(Gap(where=text, why=text),),
    )  # fmt: skip


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of the element of data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data, self._in_data = "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_data = dict(attrs).get("id") == "data"

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False

    def handle_data(self, data: str) -> None:
        self.data += data if self._in_data else ""


@pytest.mark.parametrize("text", [EVIL, EVIL_ATTRIBUTE])
def test_text_of_models_and_files_adds_no_element_and_no_attribute(text: str) -> None:
    plain, attacked = Elements(page.render(report())), Elements(page.render(report(text)))
    assert [tag for tag, _ in attacked.tags] == [tag for tag, _ in plain.tags]
    assert [attrs.keys() for _, attrs in attacked.tags] == [a.keys() for _, a in plain.tags]


def test_the_data_survives_whatever_it_holds() -> None:
    found = json.loads(Elements(page.render(report(EVIL))).data)
    assert found["agents"][0]["decided"]["why"] == EVIL


def test_the_policy_allows_the_pages_own_scripts_and_style_and_nothing_else() -> None:
    text = page.render(report(EVIL))
    tags = Elements(text).tags
    (policy,) = (a["content"] for tag, a in tags if a.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy and "http" not in policy
    scripts = [attrs for tag, attrs in tags if tag == "script" and "type" not in attrs]
    assert scripts == [{}] * 3 == [{}] * len(re.findall("script-src.*?;", policy)[0].split()[1:])
    assert not [a for _, a in tags if {"src", "style", "onclick", "onload"} & a.keys()]
    assert all(str(a["href"]).startswith("#") for _, a in tags if "href" in a)


def test_costs_are_told_by_stage_generation_and_point_gained() -> None:
    costs = [
        StageCost(generation=g, stage=name, seconds=1, model_seconds=1, generated=1, trained=0,
                  dollars={"cpu": cpu, "gpu": 1.0, "tokens": 0.0})
        for g, name, cpu in ((1, "rollout", 0.5), (1, "evaluate", 0.25), (2, "rollout", 1.0))
    ]  # fmt: skip
    evaluated = [
        Evaluated(generation=g, child=0, agent=str(g), scores={}, tokens=1, seconds=1, gain=gain)
        for g, gain in ((1, 0.0), (2, 0.05))
    ]
    told = {"costs": tuple(costs), "evaluated": tuple(evaluated)}
    without = page.render(report().model_copy(update=told))
    assert "No prices set" in without and "--prices FILE" in without and 'id="paid"' not in without
    prices = Prices(cpu_hour=0.04, gpu_hour=3.5)
    text = page.render(report().model_copy(update={**told, "prices": prices}))
    assert "$0.04 per hour of CPU time and $3.50 per hour of a GPU" in text
    (table,) = re.findall('id="paid">.*?<tbody>(.*?)</tbody>', text, re.DOTALL)
    rows = [re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr>.*?</tr>", table, re.S)]
    assert rows == [
        ["1", "$1.50", "$1.25", "$0.75", "$2.00", "$0.00", "$2.75", "–", "–"],
        ["2", "$2.00", "$0.00", "$1.00", "$1.00", "$0.00", "$2.00", "5.0", "$0.40"],
        ["all", "$3.50", "$1.25", "$1.75", "$3.00", "$0.00", "$4.75", "5.0", "$0.95"],
    ]


@pytest.mark.parametrize(
    ("amount", "of", "written"),
    [(0, 0, "$0.00"), (1234.5, 0, "$1,234.50"), (0.00634, 0, "$0.00634"),
     (0.000001, 0.00634, "$0.00000"), (0.5, 20, "$0.50")],
)  # fmt: skip
def test_dollars_have_the_decimals_of_what_they_are_a_part_of(
    amount: float, of: float, written: str
) -> None:
    assert page._dollars(amount, of) == written


def test_a_report_replaces_a_report_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    page.write_page(report("one"), out)
    page.write_page(report("two"), out)
    assert "two" in out.read_text()
    out.write_text("my notes")
    with pytest.raises(CladeflowError, match=r"report\.html is there already and is no report"):
        page.write_page(report(), out)
    assert out.read_text() == "my notes"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(CladeflowError, match=r"missing/r\.html cannot be written \(No such file"):
        page.write_page(report(), tmp_path / "missing" / "r.html")
