"""Homes with agents whose models are a line of JSON: what is about keeping them needs no more."""

import json
from pathlib import Path
from typing import Any

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.home import Home
from cladeflow.recipes import Resolved, load_recipe, load_scale
from cladeflow.records import Agent, ReportRow, digest
from cladeflow.session import Session
from cladeflow.store import directory_ref
from cladeflow.work import Output, Work, once


def found(directory: Path, recipe: str = "star") -> Home:
    """A home with an evolution and its initial agent, whose model lies outside of it."""
    model = directory / "initial"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    home = Home(directory / "home")
    home.create()
    resolved = Resolved(recipe=load_recipe(recipe), scale=load_scale("tiny"))
    with Archive.create(home.archive_url) as archive:
        archive.start_evolution(resolved, 0, Agent(weights={"actor": directory_ref(model)}))
    return home


def score(value: float, lo: float) -> dict[str, Any]:
    """A measure over all tasks, as the archive keeps it of an evaluation."""
    row = ReportRow(
        suite="frontier", env="reasoning", family="all", split="heldout", metric="accuracy",
        value=value, lo=lo, hi=1, n=100,
    )  # fmt: skip
    return row.model_dump(mode="json")


def born(session: Session, gen: int, *parents: Agent, child: int = 0, ok: int = 0) -> Agent:
    """A child with a committed model, added to the archive and evaluated on 100 tasks."""
    key = f"generations/{gen}/{child}/main.0/fine_tune.0/{digest([gen, child])}"

    def train(work: Work) -> Output:
        directory = work.directory("model")
        (directory / "config.json").write_text(json.dumps([gen, child]))
        return Output(models={"actor": work.keep(directory, "model")})

    commit = once(session, key, "fine_tune", digest([gen, child]), train)
    agent = Agent(gen=gen, weights=commit.models, parents=tuple(p.id for p in parents))
    payload = {"ok": ok, "fail": 100 - ok, "score": score(ok / 100, (ok - 5) / 100)}
    evaluated = Event(
        key=f"evaluated/{agent.id}", kind="evaluated", agent_id=agent.id, payload=payload
    )
    session.archive.record([Event.added(agent, child), evaluated])
    return agent


def promoted(session: Session, agent: Agent, outcome: str = "pass", **fields: Any) -> None:
    """Make an agent champion, by a gate or whatever ``fields`` say."""
    archive = session.archive
    event = {
        "key": f"{agent.id}/{archive.event_id()}",
        "kind": "promoted",
        "agent_id": agent.id,
        "incumbent_id": archive.champion().agent.id,
        "payload": {"gates": {"threshold_gate": outcome}},
        **fields,
    }
    archive.record([Event.model_validate(event)])
