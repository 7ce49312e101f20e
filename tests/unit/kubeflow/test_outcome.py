"""The exit handler's record: one line per run, whatever it can do besides."""

import json
from pathlib import Path

import pytest

from cladeflow.kubeflow.attempts import RUN
from cladeflow.kubeflow.outcome import record


def test_every_run_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    for run, state in (("a", "FAILED"), ("b", "SUCCEEDED")):
        monkeypatch.setenv(RUN, run)
        record(str(home), '{"pipeline": "p", "project": false}', state, "")
    lines = [json.loads(line) for line in (home / "outcomes.jsonl").read_text().splitlines()]
    assert [(line["pipeline"], line["run"], line["state"]) for line in lines] == [
        ("p", "a", "FAILED"),
        ("p", "b", "SUCCEEDED"),
    ]


def test_a_home_that_cannot_be_projected_is_recorded_as_such(tmp_path: Path) -> None:
    record(str(tmp_path), '{"pipeline": "p", "project": true}', "FAILED", "plan failed")
    (line,) = map(json.loads, (tmp_path / "outcomes.jsonl").read_text().splitlines())
    assert line["reason"] == "plan failed"
    assert "holds no evolution" in line["projection"]
