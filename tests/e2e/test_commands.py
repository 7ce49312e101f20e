"""What a user types after the first evolution, and what it answers."""

import json
import re
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from cladeflow.store import seed_directory
from tests.command_line import Ran, cladeflow
from tests.homes import begun


def answer(*arguments: object) -> Any:
    """The JSON that a command prints."""
    ran = cladeflow(*arguments, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def first_cells(table: str) -> list[str]:
    return [line.split()[0] for line in table.splitlines() if line.strip()]


def test_evolve_prints_a_line_per_generation_the_champion_and_the_next_command(
    evolved: tuple[Path, Ran],
) -> None:
    home, ran = evolved
    header = next(line for line in ran.out.splitlines() if "greedy" in line)
    for column in ("sampled", "interval", "pass@k", "distinct correct", "gate", "tokens"):
        assert column in header
    lines = [line.split() for line in ran.out.splitlines() if re.match(r"\s+\d\s", line)]
    assert [line[0] for line in lines] == ["0", "1", "2"]
    assert "initial" in lines[0] and "promoted" in lines[2]
    assert f"champion: {lines[2][1]} of generation 2, in {home}" in ran.out
    command = f"cladeflow solve chain/6 --compare initial --home {home}"  # of the frontier
    assert ran.out.splitlines()[-1] == f"next: {command}"


def test_a_finished_home_says_so_names_the_next_command_and_changes_nothing(home: Path) -> None:
    before = sorted((home / "store").rglob("*"))
    ran = cladeflow("evolve", "--home", home, "--generations", 2)
    assert ran.code == 0
    assert f"{home} has its 2 generations" in ran.err
    assert f"cladeflow evolve --home {home} --generations 7" in ran.err
    assert "champion: " in ran.out
    assert sorted((home / "store").rglob("*")) == before


def test_evolve_goes_on_to_a_total_of_generations(tmp_path: Path, home: Path) -> None:
    import shutil

    copy = shutil.copytree(home, tmp_path / "copy")
    ran = cladeflow("evolve", "--home", copy, "--generations", 3, "--deterministic", "--json")
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert [view["generation"] for view in json.loads(ran.out)] == [0, 1, 2, 3]
    assert [row["generation"] for row in answer("generations", "--home", home)] == [0, 1, 2]


def test_status(home: Path) -> None:
    found = answer("status", "--home", home)
    assert found["generations"] == 2 and found["champion_generation"] == 2
    assert (found["recipe"], found["scale"], found["seed"]) == ("default", "tiny", 0)
    text = cladeflow("status", "--home", home).out
    assert found["champion"] in text and "default" in text
    assert found["done"] == []
    assert f"cladeflow evolve --home {home} --generations 7'" in found["next"]
    assert text.splitlines()[-1] == found["next"]


def test_status_of_a_home_without_generations(tmp_path: Path) -> None:
    home = begun(tmp_path / "home").directory
    command = f"cladeflow evolve --home {home} --generations 1"
    expected = f"no generation was begun; '{command}' makes the first"
    assert answer("status", "--home", home)["next"] == expected


def test_generations_shows_the_table_that_evolve_ended_with(evolved: tuple[Path, Ran]) -> None:
    home, ran = evolved
    table = cladeflow("generations", "--home", home).out
    assert table.strip() in ran.out
    for view in answer("generations", "--home", home):
        assert {"sampled", "greedy"} <= {row["metric"] for row in view["rows"]}


def test_lineage_leads_from_the_champion_to_the_initial_agent(home: Path) -> None:
    found = answer("lineage", "--home", home)
    assert [member["gen"] for member in found] == [2, 1, 0]
    assert [member["parents"] for member in found] == [[found[1]["id"]], [found[2]["id"]], []]
    assert [member["status"] for member in found] == ["promoted", "promoted", "valid"]
    of_first = answer("lineage", found[1]["id"][:10], "--home", home)
    assert [member["id"] for member in of_first] == [member["id"] for member in found[1:]]
    assert found[0]["id"][:12] in cladeflow("lineage", "--home", home).out


def test_history_tells_every_change_of_champion(home: Path) -> None:
    found = answer("history", "--home", home)
    assert [change["kind"] for change in found] == ["promoted", "promoted"]
    assert found[1]["incumbent_id"] == found[0]["agent_id"]
    assert all(change["why"] and change["created"] for change in found)
    assert cladeflow("history", "--home", home).out.count("promoted") == 2


def test_show_prints_the_attempt_that_an_id_starts(home: Path) -> None:
    trajectory = next(iter(trajectories(home)))
    found = answer("show", trajectory["id"][:12], "--home", home)
    assert found["trajectory"]["id"] == trajectory["id"]
    assert found["task"]["id"] == trajectory["task_id"]
    assert found["verdict"]["target"]["id"] == trajectory["id"]
    text = cladeflow("show", trajectory["id"][:12], "--home", home).out
    assert found["task"]["prompt"][0]["text"].strip() in text
    assert re.search(r"answer \S+: (right|wrong) \(reward", text)


def trajectories(home: Path) -> Sequence[dict[str, Any]]:
    import zstandard

    shard = sorted((home / "store/generations").rglob("trajectories.jsonl.zst"))[0]
    text = zstandard.ZstdDecompressor().decompress(shard.read_bytes())
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("task", ["chain 47+6-9", "chain/2"])
def test_solve_puts_a_text_or_a_cell_to_two_agents(home: Path, task: str) -> None:
    found = answer("solve", task, "--compare", "initial", "--home", home)
    assert [one["name"] for one in found] == ["champion", "initial"]
    assert found[0]["task"] == found[1]["task"] and found[0]["agent"] != found[1]["agent"]
    assert all(one["text"] and one["ok"] in (True, False) for one in found)


def test_solve_prints_the_task_the_steps_and_the_verdict(home: Path) -> None:
    ran = cladeflow("solve", "chain 47+6-9", "--home", home)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("chain 47+6-9\n")
    assert re.search(r"^answer \S+: (right|wrong) \(reward [01]\)$", ran.out, re.MULTILINE)


def test_an_exported_champion_loads_anywhere_and_can_evolve_further(
    home: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tests.e2e.conftest import SETTINGS

    directory = tmp_path / "champion"
    ran = cladeflow("export", "champion", directory, "--home", home)
    assert ran.code == 0 and str(directory) in ran.out, ran.err
    model = AutoModelForCausalLM.from_pretrained(directory)
    ids = AutoTokenizer.from_pretrained(directory)("chain 47+6-9\n", return_tensors="pt")
    assert model(ids["input_ids"]).logits.shape[1] == ids["input_ids"].shape[1] > 5

    second = tmp_path / "second"
    ran = cladeflow(
        *("evolve", "--model", directory, "--home", second, "--generations", 1, "--deterministic"),
        *SETTINGS,
    )
    assert ran.code == 0, ran.err
    mine = answer("solve", "chain 47+6-9", "--agent", "initial", "--home", second)
    champion = answer("solve", "chain 47+6-9", "--home", home)
    assert mine[0]["text"] == champion[0]["text"]


def test_an_export_is_all_of_the_model_or_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, partial = tmp_path / "champion", tmp_path / "champion" / ".cladeflow-export"
    before, after = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, after))
    try:
        ran = cladeflow("export", "champion", directory, "--home", home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, after))
    assert (ran.code, ran.err) == (2, f"cladeflow: {directory}: File too large\n")
    assert not directory.exists()

    partial.mkdir(parents=True)  # as a killed one leaves it
    (partial / "of-another.safetensors").touch()
    monkeypatch.chdir(directory)
    found = answer("export", "champion", ".", "--home", home)
    champion = answer("status", "--home", home)["champion"]
    assert found == {"directory": ".", "agent": champion, "role": "actor"}
    names = {path.name for path in directory.iterdir()}
    assert names == {path.name for path in seed_directory("seed-reasoning-1").iterdir()}


def test_doctor_finds_this_machine_fit(home: Path) -> None:
    found = answer("doctor", "--home", home)
    assert {check["check"] for check in found} >= {"libraries", "checker process", "home"}
    assert all(check["ok"] for check in found), found


def test_recipes(tmp_path: Path) -> None:
    listed = answer("recipes", "list")
    names = {row["name"] for row in listed}
    assert {"default", "star", "b_star"} <= names and len(names) > 90
    runnable = {row["name"] for row in answer("recipes", "list", "--built")}
    assert {"default", "star"} <= runnable < names
    assert "runs" in cladeflow("recipes", "list").out

    source = cladeflow("recipes", "show", "star").out
    assert "verifiable_reward" in source
    resolved = answer("recipes", "show", "star", "--set", "rollout.sample.n=3")
    assert resolved["recipe"]["rounds"][0]["rollout"][0]["options"]["n"] == 3

    own = tmp_path / "own.yaml"
    own.write_text(source)
    assert cladeflow("recipes", "check", own).out == f"{own}: fine\n"
    assert json.loads(cladeflow("recipes", "schema").out)["$schema"].startswith("http")


def test_a_recipe_that_is_not_built_says_what_it_lacks() -> None:
    lacking = next(row for row in answer("recipes", "list") if row["lacks"])
    ran = cladeflow("recipes", "check", lacking["name"])
    assert ran.code == 2
    assert all(strategy in ran.err for strategy in lacking["lacks"])


def test_a_recipe_that_is_not_built_can_be_shown() -> None:
    name = next(row["name"] for row in answer("recipes", "list") if row["lacks"])
    shown = answer("recipes", "show", name)
    assert shown["recipe"]["name"] == name and shown["scale"]["name"] == "tiny"
    ran = cladeflow("recipes", "show", name, "--resolved")
    assert ran.code == 0 and yaml.safe_load(ran.out) == shown


def test_a_recipe_is_checked_for_a_script(tmp_path: Path) -> None:
    assert answer("recipes", "check", "star") == {
        "recipe": "star",
        "runs": True,
        "missing": [],
        "problem": None,
    }
    lacking = next(row for row in answer("recipes", "list") if row["lacks"])
    ran = cladeflow("recipes", "check", lacking["name"], "--json")
    found = json.loads(ran.out)
    assert ran.code == 2 and found["runs"] is False
    assert {entry.split("'")[1] for entry in found["missing"]} == set(lacking["lacks"])
    assert ran.err == f"cladeflow: {found['problem']}\n"

    (tmp_path / "odd.yaml").write_text("name: odd\n")
    found = json.loads(cladeflow("recipes", "check", tmp_path / "odd.yaml", "--json").out)
    assert (found["runs"], found["missing"]) == (False, [])
    assert found["problem"] == "odd.yaml: environments is missing"
