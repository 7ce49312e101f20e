"""A home whose archive holds many agents, some of them recombined; nothing was ever trained."""

import random
from collections.abc import Sequence
from pathlib import Path

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.home import Home
from cladeflow.recipes import Resolved, load_recipe, load_scale
from cladeflow.records import Agent, digest

TASKS = 400
PER_GENERATION = 10


def _agent(name: str, parents: Sequence[Agent], gen: int) -> Agent:
    weights = {"actor": f"store:{name}#{digest(name)}"}
    return Agent(weights=weights, parents=tuple(p.id for p in parents), gen=gen)


def populated(directory: Path, agents: int, seed: int = 0) -> Home:
    """A home with so many agents, ten in a generation; every seventh has two parents."""
    draw, home = random.Random(seed), Home(directory)
    home.create()
    initial = _agent("initial", (), 0)
    everyone, skill, champion = [initial], {initial.id: 0.2}, initial
    with Archive.create(home.archive_url) as archive:
        resolved = Resolved(recipe=load_recipe("star"), scale=load_scale("tiny"))
        archive.start_evolution(resolved, seed, initial)
        events: list[Event] = []
        for index in range(1, agents):
            generation, child = divmod(index - 1, PER_GENERATION)
            older = [a for a in everyone if a.gen <= generation]
            parents = draw.sample(older[-40:], 2 if index % 7 == 0 and len(older) > 1 else 1)
            agent = _agent(f"agent-{index}", parents, generation + 1)
            level = max(skill[p.id] for p in parents) + draw.gauss(0.0, 0.03)
            skill[agent.id] = min(0.98, max(0.02, level))
            better = skill[agent.id] > skill[champion.id] + 0.02
            events += _life(agent, child, skill[agent.id], champion.id if better else None)
            everyone.append(agent)
            champion = agent if better else champion
        archive.record(events)
    return home


def _life(agent: Agent, child: int, skill: float, replaced: str | None) -> list[Event]:
    """An agent's birth, evaluation and fate."""
    ok = round(skill * TASKS)
    exploration = {"distinct_correct": round(1 - skill / 2, 3), "positive_rate": round(skill, 3)}
    bounds = {name: {"lo": v - 0.02, "hi": v + 0.02, "n": TASKS} for name, v in exploration.items()}
    kept = {} if agent.gen == 1 else {"exploration_bounds": bounds}  # at first none were recorded
    return [
        Event.added(agent, child),
        Event(
            key=f"evaluated/{agent.id}",
            kind="evaluated",
            agent_id=agent.id,
            payload={"ok": ok, "fail": TASKS - ok, "exploration": exploration, **kept},
        ),
        Event(
            key=f"decided/{agent.id}",
            kind="promoted" if replaced else "rejected",
            agent_id=agent.id,
            incumbent_id=replaced,
            payload={"gates": {"threshold_gate": "pass" if replaced else "inconclusive"}},
            why="accuracy on frontier rose by 2.1 points (95 % interval +0.3 to +3.9, 400 tasks)",
        ),
    ]
