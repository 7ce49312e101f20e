"""The agent of a generation as far as it has come: its parent, with the patch of every update."""

from types import SimpleNamespace
from typing import Any

from cladeflow.graph import Node, StageCall
from cladeflow.records import Agent, Scaffold, digest
from cladeflow.stage import StageContext
from cladeflow.store import Commit, SetManifest

EXAMPLES = SetManifest(record="sft", schema_version=1)
PARENT = Agent(
    weights={"actor": "store:a#1", "critic": "store:c#1"},
    scaffold=Scaffold(prompts={"reasoning": "Solve {task}"}),
    memory="store:m#1",
)
REWRITTEN = Scaffold(prompts={"reasoning": "Think, then solve {task}"})


def update(models: dict[str, str], **values: Any) -> Commit:
    """What a fine_tune call committed."""
    return Commit(
        stage="fine_tune",
        input_hash=digest([models, values]),
        sets={"examples": EXAMPLES},
        models=models,
        values=values,
    )


def agent(*updates: Commit) -> Agent:
    calls = [
        StageCall(generation=1, stage="fine_tune", child=0, round="main", repeat=0, update=index)
        for index in range(len(updates))
    ]
    here = StageCall(generation=1, stage="evaluate", child=0)
    inputs = dict(zip(calls, updates, strict=True))
    session: Any = SimpleNamespace(store=None)
    context = StageContext(session, Node(here, tuple(calls)), inputs)
    resolved = SimpleNamespace(hash="composition")
    context.__dict__["plan"] = SimpleNamespace(parents=[PARENT], resolved=resolved, control={})
    return context.agent


def test_without_updates_the_child_is_its_parent() -> None:
    child = agent()
    assert child.behaviour == PARENT.behaviour and child.parents == (PARENT.id,)


def test_every_update_changes_what_it_names_and_no_more() -> None:
    child = agent(
        update({"actor": "store:a#2"}, memory="store:m#2"),
        update({}, scaffold=REWRITTEN.model_dump(mode="json")),
        update({"actor": "store:a#3"}),
    )
    assert child.weights == {"actor": "store:a#3", "critic": "store:c#1"}
    assert child.scaffold == REWRITTEN and child.memory == "store:m#2"
