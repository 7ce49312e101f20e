"""A population from the command line, and the commands that look at its archive."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import cladeflow
from tests.micro import MICRO

SETTINGS = [part for setting in MICRO for part in ("--set", setting)]


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two generations: of two children by two parents, and as many again without being told."""
    home = tmp_path_factory.mktemp("population") / "home"
    evolve = ("evolve", "default", "--home", home, "--deterministic", *SETTINGS)
    asked = (*evolve, "--set", "selection=clade_thompson", "--children", 2)
    ran = cladeflow(*asked, "--generations", 1)
    assert ran.code == 0, ran.err
    ran = cladeflow("evolve", "--home", home, "--deterministic", "--generations", 2)
    assert ran.code == 0, ran.err
    return home


def answer(*arguments: object) -> Any:
    ran = cladeflow(*arguments, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_every_child_has_a_line_and_later_generations_go_on_alike(population: Path) -> None:
    found = answer("generations", "--home", population)
    assert [(row["generation"], row["child"]) for row in found] == [
        (0, 0),
        (1, 0),
        (1, 1),
        (2, 0),
        (2, 1),
    ]


def test_the_tree_shows_lineage_scores_clades_and_status(population: Path) -> None:
    found = answer("archive", "tree", "--home", population)
    assert len(found) == 5 and sum(node["champion"] for node in found) == 1
    initial = found[0]
    assert initial["parents"] == [] and initial["ok"] + initial["fail"] == 1
    assert initial["clade_ok"] == sum(node["ok"] for node in found)
    text = cladeflow("archive", "tree", "--home", population).out
    lines = [line for line in text.splitlines() if any(n["id"][:12] in line for n in found)]
    assert len(lines) == 5
    assert all("├─ " in line or "└─ " in line for line in lines[1:])
    (champion,) = [node for node in found if node["champion"]]
    assert any(champion["id"][:12] in line and "champion" in line for line in lines)
    alone = cladeflow("archive", "tree", "--depth", 0, "--home", population).out
    assert initial["id"][:12] in alone and found[1]["id"][:12] not in alone


def test_show_and_best(population: Path) -> None:
    champion = answer("archive", "show", "--home", population)
    assert champion["champion"] and champion["agent"]["weights"]["actor"]
    assert [event["kind"] for event in champion["events"]] == ["added", "evaluated", "promoted"]
    text = cladeflow("archive", "show", champion["id"][:10], "--home", population).out
    assert champion["id"] in text and "promoted" in text
    ranked = answer("archive", "best", "--count", 3, "--home", population)
    assert len(ranked) == 3
    believed = [node["believed"] for node in ranked]
    assert believed == sorted(believed, reverse=True) and 0 < believed[0] < 1
    assert ranked[0]["id"][:12] in cladeflow("archive", "best", "--home", population).out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("evolve", "--parents", 3, "--children", 2), "3 parents cannot share 2 children"),
        (("evolve", "--workers", 2), "add --runner subprocess"),
        (("archive", "show", "abcdef"), "no agent 'abcdef'"),
        (("archive", "tree", "nobody"), "no agent 'nobody'"),
    ],
)
def test_bad_input_is_told(population: Path, arguments: tuple[object, ...], says: str) -> None:
    ran = cladeflow(*arguments, "--home", population)
    assert ran.code == 2 and says in ran.err and "Traceback" not in ran.err


def test_an_export_is_imported_whole_and_again_changes_nothing(
    population: Path, tmp_path: Path
) -> None:
    file, copy = tmp_path / "archive.jsonl", tmp_path / "copy"
    assert cladeflow("archive", "export", file, "--home", population).code == 0
    for _ in range(2):
        ran = cladeflow("archive", "import", file, "--home", copy)
        assert ran.code == 0, ran.err
        assert "has 5 agents" in ran.out
    exports = [answer("archive", "export", "--home", home) for home in (population, copy)]
    trees = [answer("archive", "tree", "--home", home) for home in (population, copy)]
    for record in (record for found in (*exports, *trees) for record in found):
        record.pop("created", None)  # a copy's events are its own
    assert exports[0] == exports[1] and trees[0] == trees[1]
    whole = tmp_path / "archive.json"
    whole.write_text(cladeflow("archive", "export", "--json", "--home", population).out)
    assert cladeflow("archive", "import", whole, "--home", copy).code == 0


def changed(lines: list[dict[str, Any]], how: str) -> list[dict[str, Any]]:
    header, *others = json.loads(json.dumps(lines))
    if how == "newer":
        header["schema"] = "9999"
    elif how == "other":
        header["evolution"]["id"] = "0" * 64
        header["evolution"]["seed"] = 7
    else:
        others[0]["content"]["parents"] = [others[1]["id"]]
    return [header, *others]


@pytest.mark.parametrize(
    ("how", "says"),
    [("newer", "newer version"), ("other", "another evolution"), ("cycle", "from themselves")],
)
def test_an_export_that_cannot_be_taken_is_told_and_changes_nothing(
    population: Path, tmp_path: Path, how: str, says: str
) -> None:
    lines = answer("archive", "export", "--home", population)
    file = tmp_path / "lines.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in changed(lines, how)))
    into = population if how == "other" else tmp_path / "home"
    ran = cladeflow("archive", "import", file, "--home", into)
    assert ran.code == 2 and says in ran.err and "Traceback" not in ran.err
    assert not (tmp_path / "home").exists()
    assert answer("archive", "export", "--home", population) == lines


@pytest.mark.parametrize("text", ["{not json\n", "[1]\n", "{}\n7\n"])
def test_a_file_that_is_no_export_makes_no_home(tmp_path: Path, text: str) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text(text)
    ran = cladeflow("archive", "import", file, "--home", tmp_path / "home")
    assert ran.code == 2 and "cannot be read as an archive" in ran.err
    assert not (tmp_path / "home").exists()
