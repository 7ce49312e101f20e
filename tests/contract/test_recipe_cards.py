"""Cards and index of methods against the recipes that run and the results that ship."""

import pytest

from benchmarks.evolutions.results import load
from benchmarks.recipes.__main__ import DOCUMENTS, WORK
from benchmarks.recipes.checks import CHECKS
from benchmarks.recipes.index import index, status
from benchmarks.recipes.report import card
from cladeflow.recipes import recipe_paths

RESULTS = load(WORK)
HOW = "run: python -m benchmarks.recipes report"


@pytest.mark.parametrize("name", CHECKS)
def test_a_card_shows_the_recipe_the_check_and_the_results_that_ship(name: str) -> None:
    text = (DOCUMENTS / "recipes" / f"{name}.md").read_text()
    assert card(CHECKS[name], text, RESULTS) == text, HOW


def test_every_card_has_its_check() -> None:
    assert {path.stem for path in (DOCUMENTS / "recipes").glob("*.md")} == set(CHECKS)


def test_every_result_belongs_to_a_check() -> None:
    assert {arm.partition(".")[0] for arm in RESULTS} <= set(CHECKS)


def test_the_index_has_the_status_of_every_method() -> None:
    text = (DOCUMENTS / "methods.md").read_text()
    assert index(text, RESULTS) == text, HOW


def test_what_runs_and_was_not_measured_is_smoke_only() -> None:
    assert status("star", {}) == "smoke only"
    assert status("imitate_explore", {}) == "smoke only"
    assert status("dgm", {}) == status("no_such_recipe", {}) == "not built"


@pytest.mark.parametrize("old", ["skeleton", "measured"])
def test_a_status_that_is_not_so_is_corrected(old: str) -> None:
    text = (DOCUMENTS / "methods.md").read_text()
    row = next(line for line in text.splitlines() if "/published/dgm.yaml)" in line)
    assert row.endswith("| not built |")
    wrong = text.replace(row, row.replace("| not built |", f"| {old} |"))
    assert wrong != text and index(wrong, RESULTS) == text


def test_no_hand_written_status_hides_a_recipe() -> None:
    """Rows that say why there is no recipe are left alone, so none of them may have one."""
    text = (DOCUMENTS / "methods.md").read_text()
    left = [line for line in text.splitlines() if "| needs a VLM |" in line]
    left += [line for line in text.splitlines() if "| not planned" in line]
    assert len(left) > 40
    assert not [name for name in recipe_paths() if any(f"`{name}`" in line for line in left)]
