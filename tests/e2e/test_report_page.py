"""The report page in a real browser: what a person sees, clicks, prints, and reads on a phone."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cladeflow.graph import StageCall
from tests.browser import Browser
from tests.command_line import cladeflow
from tests.populations import populated

MIB = 1 << 20
VENDORED = Path(__file__).parents[2] / "src/cladeflow/report/static/vendor"
NODES = "document.querySelectorAll('.node').length"
FOCUSED = "document.activeElement.dataset.agent"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def answer(*arguments: object) -> Any:
    ran = cladeflow(*arguments, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a real evolution."""
    out = tmp_path_factory.mktemp("page") / "report.html"
    ran = cladeflow("report", "--home", home, "--out", out)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{out}: 2 generations, 3 agents\n"
    return out


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 500 agents, of which the archive alone is there."""
    place = tmp_path_factory.mktemp("crowd")
    populated(place / "home", 500)
    ran = cladeflow("report", "--home", place / "home", "--out", place / "report.html")
    assert ran.code == 0, ran.err
    assert ran.err.startswith("generation 1 to 50: its commits are not all there")
    return place / "report.html"


def cells(browser: Browser, table: str) -> list[list[str]]:
    found: list[list[str]] = browser.evaluate(
        f"[...document.querySelectorAll('#{table} tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )
    return found


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wrong_and_nothing_is_loaded(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.complaints() == []
    assert browser.evaluate(OVERFLOW) == 0
    red, green, blue = map(int, re.findall(r"\d+", browser.evaluate(BACKGROUND)))
    assert (max(red, green, blue) < 64) if dark else (min(red, green, blue) > 192)


def test_the_numbers_are_those_of_the_archive(browser: Browser, page: Path, home: Path) -> None:
    browser.open(page)
    views = answer("generations", "--home", home)
    solved = {m["id"][:12]: m for m in answer("lineage", "--home", home)}
    rows = cells(browser, "scores")
    assert [(row[0], row[1]) for row in rows] == [
        (str(view["generation"]), view["agent"][:12]) for view in views
    ]
    assert {row[1] for row in rows} == solved.keys()
    for row, view in zip(rows, views, strict=True):
        found = {r["metric"]: r for r in view["rows"] if r["family"] == "all"}
        sampled = found["sampled"]
        assert row[3] == f"{100 * found['greedy']['value']:.1f} %"
        assert row[4] == f"{100 * sampled['value']:.1f} %"
        assert row[5] == f"{100 * sampled['lo']:.1f} to {100 * sampled['hi']:.1f}"
    spent = {int(row[0]): row for row in cells(browser, "spent")}
    for view in views[1:]:
        tokens = [int(cell.replace(",", "")) for cell in spent[view["generation"]][-2:]]
        assert sum(tokens) == view["tokens"]


def test_decisions_and_champions_are_those_of_the_history(
    browser: Browser, page: Path, home: Path
) -> None:
    browser.open(page)
    changes = answer("history", "--home", home)[::-1]
    assert [row[1:4] for row in cells(browser, "changes")] == [
        [c["kind"], c["incumbent_id"][:12], c["agent_id"][:12]] for c in changes
    ]
    assert [row[5] for row in cells(browser, "changes")] == [c["why"] for c in changes]
    decided = [(row[1], row[2], row[3]) for row in cells(browser, "gates")]
    assert decided == [(c["agent_id"][:12], "promoted", "always: pass") for c in changes]


def test_a_task_is_shown_with_an_attempt_that_the_store_holds(
    browser: Browser, page: Path, home: Path
) -> None:
    browser.open(page)
    (shown, *_) = browser.texts(".attempt .small code")
    found = answer("show", shown.split()[-1], "--home", home)
    assert browser.texts("#task ~ .prompt") == [found["task"]["prompt"][0]["text"].strip()]
    steps = [step["text"].rstrip("\n") for step in found["trajectory"]["steps"]]
    assert browser.texts(".attempts .attempt:first-child .trace code") == [s.strip() for s in steps]


def test_what_was_measured_is_drawn_and_has_a_name(
    browser: Browser, page: Path, crowd: Path
) -> None:
    for path, drawn in (
        (page, ["accuracy", "coverage", "seconds", "tokens"]),
        (crowd, ["accuracy", "diversity", "exploration"]),
    ):
        browser.open(path)
        names = browser.evaluate(
            "[...document.querySelectorAll('figure:not([hidden]) > svg')].map(svg =>"
            "[svg.parentElement.id, svg.getAttribute('role'), svg.getAttribute('aria-label')])"
        )
        assert [figure for figure, _, _ in names] == drawn
        assert all(role == "img" and name for _, role, name in names)
    assert browser.evaluate(
        "[...document.querySelectorAll('button, input, select')]"
        ".every(e => (e.getAttribute('aria-label') ?? e.textContent).trim() || e.labels.length)"
    )


def test_children_with_bounds_have_intervals_and_those_without_have_none(
    browser: Browser, crowd: Path
) -> None:
    browser.open(crowd)
    for figure in ("diversity", "exploration"):
        drawn = f"document.querySelectorAll('#{figure} [aria-label=rule] line').length"
        # all but the start and the ten of the first generation, and the line at zero
        assert browser.evaluate(drawn) == 500 - 1 - 10 + 1
        bands = f"document.querySelectorAll('#{figure} [aria-label=area] path').length"
        assert browser.evaluate(bands) == 1


def test_nothing_is_offered_to_choose_from_where_there_is_one(
    browser: Browser, crowd: Path
) -> None:
    browser.open(crowd)
    style = "getComputedStyle(document.getElementById('family').closest('.tools')).display"
    assert browser.evaluate(style) == "none"


def test_a_page_opens_at_the_champion_on_a_phone_too(browser: Browser, crowd: Path) -> None:
    for width in (1280, 390):
        browser.open(crowd, width=width)
        inside = browser.evaluate(
            "(() => { const frame = document.getElementById('tree').getBoundingClientRect();"
            "const star = document.querySelector('.node[aria-selected=true] .dot')"
            ".getBoundingClientRect();"
            "return frame.left <= star.left && star.right <= frame.right"
            " && frame.top <= star.top && star.bottom <= frame.bottom; })()"
        )
        assert inside


def test_prices_make_a_bill(browser: Browser, home: Path, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("{cpu_hour: 40000, gpu_hour: 3.5}")
    out = tmp_path / "report.html"
    ran = cladeflow("report", "--home", home, "--out", out, "--prices", tmp_path / "prices.yaml")
    assert ran.code == 0, ran.err
    browser.open(out)
    assert browser.complaints() == []
    rows = cells(browser, "paid")
    assert [row[0] for row in rows] == ["1", "2", "all"]
    totals = [float(row[-3].lstrip("$").replace(",", "")) for row in rows]
    assert 0 < totals[0] < totals[2] == pytest.approx(sum(totals[:2]), rel=0.01)
    assert browser.evaluate("document.querySelectorAll('#dollars rect').length") > 0


def test_the_tree_opens_and_closes_by_mouse_and_keyboard(browser: Browser, crowd: Path) -> None:
    browser.open(crowd)
    few = browser.evaluate(NODES)
    assert 0 < few < 200
    browser.click("[data-tree=expand]")
    assert browser.evaluate(NODES) == 500
    browser.click("[data-tree=collapse]")
    assert browser.evaluate(NODES) == few
    assert browser.evaluate("document.querySelectorAll('.edge.line').length") > 0

    closed = browser.evaluate("document.querySelector('.node[aria-expanded=false]').dataset.agent")
    node = f".node[data-agent='{closed}']"
    state = f'document.querySelector("{node}").getAttribute("aria-expanded")'
    browser.click(f"{node} .dot")
    opened = browser.evaluate(NODES)
    assert opened > few and browser.evaluate(state) == "true"
    assert browser.evaluate(FOCUSED) == closed
    assert closed in browser.texts("#selected dd")
    browser.press("ArrowLeft")
    assert browser.evaluate(NODES) == few and browser.evaluate(state) == "false"
    browser.press("ArrowRight", "ArrowRight")
    assert browser.evaluate(NODES) == opened
    assert browser.evaluate(FOCUSED) not in (closed, None)
    browser.press("ArrowLeft", "Enter")
    assert browser.evaluate(NODES) == few
    assert browser.complaints() == []


def test_an_agent_is_found_by_its_id_and_shows_both_its_parents(
    browser: Browser, crowd: Path
) -> None:
    browser.open(crowd)
    read = "JSON.parse(document.getElementById('data').textContent).agents"
    child = browser.evaluate(f"{read}.find(agent => agent.parents.length === 2)")
    browser.evaluate(
        "(() => { const find = document.getElementById('find');"
        f"find.value = '{child['id'][:10]}'; find.dispatchEvent(new Event('input')); }})()"
    )
    assert child["id"] in browser.texts("#selected dd")
    assert browser.texts("#selected .agent") == [parent[:12] for parent in child["parents"]]
    browser.click("[data-tree=expand]")
    assert browser.evaluate("document.querySelectorAll('.edge.second').length") > 20


def test_five_hundred_agents_fit_and_their_scores_are_the_archives(
    browser: Browser, crowd: Path
) -> None:
    libraries = sum(path.stat().st_size for path in VENDORED.glob("*.js"))
    assert crowd.stat().st_size - libraries < 2 * MIB
    browser.open(crowd)
    champion = answer("lineage", "--home", crowd.parent / "home")[0]
    (row,) = [row for row in cells(browser, "scores") if row[1] == champion["id"][:12]]
    status = answer("status", "--home", crowd.parent / "home")
    assert status["champion"].startswith(row[1])
    shown = browser.texts(f".node[data-agent='{champion['id']}'] .share")
    ok, trials = map(int, row[2].split("/"))
    assert shown == [f"{round(100 * ok / trials)} %"]


def test_it_prints(browser: Browser, page: Path) -> None:
    browser.open(page, dark=True)
    printed = browser.pdf()
    assert printed.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", printed)) in range(
        2, 9
    )
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate(BACKGROUND) == "rgb(255, 255, 255)"
    assert browser.evaluate("getComputedStyle(document.querySelector('.tools')).display") == "none"


def test_a_damaged_commit_is_a_gap_that_names_the_file(
    browser: Browser, home: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(home, tmp_path / "home")
    (commit,) = copy.glob("store/generations/2/0/evaluate/*/commit.json")
    commit.write_text("{")
    ran = cladeflow("report", "--home", copy, "--out", tmp_path / "report.html")
    assert ran.code == 0
    assert ran.err.startswith("generation 2: ") and f"{commit} is damaged" in ran.err
    browser.open(tmp_path / "report.html")
    assert browser.complaints() == []
    assert "commit.json is damaged" in browser.texts(".gaps li")[0]
    assert len(browser.texts("#gates tbody tr")) == 2, "the archive still knows what was decided"
    assert [row[0] for row in cells(browser, "spent")] == ["1"]


def test_a_half_finished_generation_is_marked(home: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(home, tmp_path / "home")
    call = StageCall(generation=3, child=0, round="main", stage="task_synthesis")
    assert cladeflow("step", "--home", copy, "--call", call.model_dump_json()).code == 0
    ran = cladeflow("report", "--home", copy, "--out", tmp_path / "report.html")
    said = "generation 3: begun and not finished; so far: plan, task_synthesis\n"
    assert (ran.code, ran.err) == (0, said)
    assert "begun and not finished" in (tmp_path / "report.html").read_text()


def test_an_empty_home_and_a_file_that_is_no_report_are_refused(home: Path, tmp_path: Path) -> None:
    ran = cladeflow("report", "--home", tmp_path / "nothing", "--out", tmp_path / "r.html")
    assert ran.code == 2 and "holds no evolution" in ran.err
    (tmp_path / "r.html").write_text("notes")
    ran = cladeflow("report", "--home", home, "--out", tmp_path / "r.html")
    assert ran.code == 2 and "is no report" in ran.err
    assert (tmp_path / "r.html").read_text() == "notes"
