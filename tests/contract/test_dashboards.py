"""What is committed under dashboards is what its source says, complete, and consistent."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cladeflow.telemetry import METRICS
from dashboards.src.__main__ import DOCUMENT, GENERATED
from dashboards.src.board import Board
from dashboards.src.boards import BOARDS
from dashboards.src.grafana import TAG, to_json
from dashboards.src.reference import with_reference
from tests.prometheus import needs_prometheus, promtool

ROOT = GENERATED.parent
RULES, ALERTS = ROOT / "rules" / "cladeflow.yaml", ROOT / "alerts" / "cladeflow.yaml"
METRIC = re.compile(r"\bcladeflow_[a-z_]+")
UIDS = {
    "cladeflow-overview",
    "cladeflow-generation",
    "cladeflow-exploration",
    "cladeflow-archive",
    "cladeflow-cluster",
}
"""Others link to these: they never change."""

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


def rules(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    asked = [query.expr for board in BOARDS for panel in board.panels for query in panel.queries]
    return [*asked, *(rule["expr"] for path in (RULES, ALERTS) for rule in rules(path))]


@each_board
def test_the_committed_dashboard_is_what_the_source_says(board: Board) -> None:
    committed = (GENERATED / f"{board.uid}.json").read_text()
    assert committed == to_json(board), "run: python -m dashboards.src"


def test_the_document_lists_every_metric() -> None:
    text = DOCUMENT.read_text()
    assert with_reference(text) == text, "run: python -m dashboards.src"
    assert all(f"`{name}`" in text for name in METRICS)


def test_there_are_these_dashboards_and_no_others() -> None:
    assert {board.uid for board in BOARDS} == {p.stem for p in GENERATED.glob("*.json")} == UIDS


@each_board
def test_every_panel_is_described_and_asks_the_chosen_prometheus(board: Board) -> None:
    made = json.loads(to_json(board))
    panels = [panel for panel in made["panels"] if panel["type"] != "row"]
    assert len(panels) == len(board.panels) > 0
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"], panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@each_board
def test_dashboards_lead_to_one_another_to_mlflow_and_to_kfp(board: Board) -> None:
    made = json.loads(to_json(board))
    variables = {variable["name"] for variable in made["templating"]["list"]}
    assert {"datasource", "mlflow", "kfp"} <= variables
    assert ("evolution" in variables) == board.of_evolution
    others, *services = made["links"]
    assert others["type"] == "dashboards" and others["tags"] == [TAG] == made["tags"]
    assert [service["url"] for service in services] == ["${mlflow}", "${kfp}"]


def test_only_metrics_that_exist_are_asked_for() -> None:
    asked = {name for expression in expressions() for name in METRIC.findall(expression)}
    labels = {name for name in asked if name == "label_cladeflow_stage"}
    known = {name + part for name in METRICS for part in ("", "_sum", "_count", "_bucket")}
    assert asked - labels <= known


def test_every_alert_has_its_runbook_and_two_tests() -> None:
    tests = {
        t["name"] for t in yaml.safe_load((ROOT / "tests" / "alerts.yaml").read_text())["tests"]
    }
    runbooks = {path.stem for path in (ROOT / "runbooks").glob("*.md")}
    names = {rule["alert"].removeprefix("Cladeflow"): rule for rule in rules(ALERTS)}
    assert set(names) == runbooks
    assert {f"{name} {what}" for name in names for what in ("fires", "is quiet")} <= tests
    for name, rule in names.items():
        assert rule["annotations"]["runbook"] == f"dashboards/runbooks/{name}.md"
        assert (ROOT / "runbooks" / f"{name}.md").read_text().startswith(f"# {rule['alert']}\n")


@needs_prometheus
def test_rules_are_valid_and_alerts_fire_only_on_what_they_are_for() -> None:
    checked = promtool("check", "rules", RULES, ALERTS)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", ROOT / "tests" / "alerts.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
