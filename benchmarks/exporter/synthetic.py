"""A home of many generations, made from the commits of one.

The further generations' commits are hard links to those of the first, whose metrics documents they
name: the exporter reads as many files as it would of real ones, and they take no room.
"""

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.exporter.commits import call_of
from cladeflow.home import Home
from cladeflow.records import Agent, digest

_PROMOTED_EVERY = 50
"""So lines of descent get long, and clades large, without either being the whole archive."""


class Template:
    """The first generation of a home, to be written again under further numbers."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._root = home.directory / "store"
        below = self._root / "generations" / "1"
        self._commits = [
            path
            for path in below.rglob("commit.json")
            if call_of(path.parent.relative_to(self._root).as_posix())
        ]
        evaluations = (self._root / "evals").rglob("commit.json")
        self._evaluation = next(p for p in evaluations if len(p.parts) == len(self._root.parts) + 4)
        with Archive.open(home.archive_url) as archive:
            self._champion = archive.champion().agent

    def extend(self, first: int, last: int) -> None:
        """Write generations ``first`` to ``last``: commits, and what the archive holds of them."""
        events: list[Event] = []
        for number in range(first, last + 1):
            self._link(number)
            events += self._happened(number)
        with Archive.open(self._home.archive_url) as archive:
            for at in range(0, len(events), 3000):
                archive.record(events[at : at + 3000])

    def _link(self, number: int) -> None:
        below = self._root / "generations"
        for path in self._commits:
            place = below / str(number) / path.relative_to(below / "1")
            place.parent.mkdir(parents=True)
            place.hardlink_to(path)

    def _happened(self, number: int) -> list[Event]:
        promoted = number % _PROMOTED_EVERY == 0
        before = self._champion
        weights = {"actor": f"file:///{number}#{digest(number)}"}
        child = Agent(gen=number, weights=weights, scaffold=before.scaffold, parents=(before.id,))
        self._evaluate(child.behaviour)
        trials = {"ok": 200 + number % 100, "fail": 200 - number % 100, "cells": {}}
        if promoted:
            self._champion = child
        return [
            Event.added(child),
            Event(key=f"evaluated/{child.id}", kind="evaluated", agent_id=child.id, payload=trials),
            Event(
                key=f"decided/{child.id}",
                kind="promoted" if promoted else "rejected",
                agent_id=child.id,
                incumbent_id=before.id if promoted else None,
                payload={"gates": {"threshold_gate": "pass" if promoted else "inconclusive"}},
            ),
        ]

    def _evaluate(self, behaviour: str) -> None:
        place = self._root / "evals" / behaviour / self._evaluation.parent.name
        place.mkdir(parents=True)
        (place / "commit.json").hardlink_to(self._evaluation)
