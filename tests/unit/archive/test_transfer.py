"""What is exported is imported, and what is no honest export is refused whole."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cladeflow.archive import ChampionMoved, Event
from cladeflow.archive.archive import Archive
from cladeflow.archive.transfer import export_archive, import_archive
from cladeflow.errors import HomeError
from cladeflow.recipes.model import Resolved
from cladeflow.records import Agent

Lines = list[dict[str, Any]]


@pytest.fixture
def lines(archive: Archive, initial: Agent, make_agent: Any) -> Lines:
    """Two children, the second of them promoted, and their child, as lines of a file."""
    left, right = make_agent("left", initial), make_agent("right", initial)
    joined = make_agent("joined", left, right, gen=2)
    archive.record([Event.added(left), Event.added(right, child=1, who="ada")])
    trials = {"ok": 3, "fail": 2, "cells": {"chain/2": {"n": 5, "mean": 0.6}}}
    archive.record([Event(key="e", kind="evaluated", agent_id=left.id, payload=trials)])
    swap = {"kind": "promoted", "agent_id": right.id, "incumbent_id": initial.id}
    archive.record([Event(key="p", why="better", **swap), Event.added(joined)])
    return [json.loads(json.dumps(line)) for line in export_archive(archive)]


@pytest.fixture
def empty(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    Archive.create(url).close()
    return url


def content(archive: Archive) -> list[Any]:
    return [archive.evolution, archive.events(), archive.agents(), archive.champion()]


def test_what_is_exported_is_imported(archive: Archive, lines: Lines, empty: str) -> None:
    assert [line["type"] for line in lines] == ["archive"] + ["agent"] * 4 + ["event"] * 6
    with Archive.open(empty) as other:
        import_archive(other, lines)
        assert content(other) == content(archive)
        import_archive(other, lines)
        assert content(other) == content(archive)
        assert list(export_archive(other)) == lines


def test_an_import_adds_to_an_archive_of_the_same_evolution(
    lines: Lines, empty: str, initial: Agent
) -> None:
    with Archive.open(empty) as other:
        import_archive(other, lines[:-3])
        before = other.event_id()
        other.record([Event(key="mine", kind="approved", agent_id=initial.id)])
        import_archive(other, lines)
        assert [event.key for event in other.events(since=before)][:2] == ["mine", "e"]


def test_histories_that_went_apart_are_not_merged(lines: Lines, empty: str, initial: Agent) -> None:
    left = lines[2]["id"]
    with Archive.open(empty) as other:
        import_archive(other, lines[:-2])
        swap = {"kind": "promoted", "agent_id": left, "incumbent_id": initial.id}
        other.record([Event(key="mine", **swap)])
        with pytest.raises(ChampionMoved):
            import_archive(other, lines)
        assert len(other.agents()) == 3


def descends_from(child: int, parent: int) -> Callable[[Lines], None]:
    def change(lines: Lines) -> None:
        lines[child]["content"]["parents"] = [lines[parent]["id"]]

    return change


def unknown_parent(lines: Lines) -> None:
    lines[2]["content"]["parents"] = ["e" * 64]


def newer(lines: Lines) -> None:
    lines[0]["schema"] = "0999"


def no_header(lines: Lines) -> None:
    del lines[0]


def other_weights(lines: Lines) -> None:
    lines[2]["content"]["weights"] = {"actor": "store:x#" + "e" * 64}


def no_kind(lines: Lines) -> None:
    del lines[7]["kind"]


def strange_kind(lines: Lines) -> None:
    lines[8]["kind"] = "exploded"


def no_first_event(lines: Lines) -> None:
    del lines[5]


def agent_among_events(lines: Lines) -> None:
    lines.append(lines[2])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (descends_from(2, 4), r"descend from themselves \(\w{12} → \w{12}.*export the archive"),
        (descends_from(2, 2), r"descend from themselves \(\w{12} → \w{12}\)"),
        (unknown_parent, "eeeeeeeeeeee, a parent of agent .*, is neither in the export nor"),
        (newer, "line 1: the export has schema 0999, this Cladeflow reads up to"),
        (no_header, "line 1: this is no export of an archive"),
        (other_weights, "is not what its id says"),
        (no_kind, "line 8: 'kind' is missing or wrong"),
        (strange_kind, "line 9: kind: Input should be 'added'"),
        (no_first_event, "is not in this archive"),
        (agent_among_events, "line 12: 'agent' stands among the events"),
    ],
)
def test_what_is_no_honest_export_is_refused_whole(
    change: Callable[[Lines], None], said: str, lines: Lines, empty: str
) -> None:
    change(lines)
    with Archive.open(empty) as other:
        with pytest.raises(HomeError, match=said):
            import_archive(other, lines)
        assert not other.started and other.event_id() == 0


def test_another_evolution_is_refused(
    lines: Lines, empty: str, resolved: Resolved, initial: Agent
) -> None:
    with Archive.open(empty) as other:
        other.start_evolution(resolved, 7, initial)
        with pytest.raises(HomeError, match=r"another evolution: its seed is 7, not 0; import"):
            import_archive(other, lines)
        assert other.event_id() == 1
