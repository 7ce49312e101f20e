"""What a report page shows, as JSON-able values: nothing that renders it reads anything else."""

from typing import Literal

from cladeflow.records import AgentStatus, Value
from cladeflow.telemetry.prices import Prices

Outcome = Literal["right", "wrong", "unchecked"]


class Score(Value):
    """A metric on held-out tasks with its 95 % interval; ``n`` counts tasks."""

    value: float
    lo: float
    hi: float
    n: int


class Measure(Value):
    """A measure of an agent's rollouts, with its 95 % interval over ``n`` tasks if it has one."""

    value: float
    lo: float | None = None
    hi: float | None = None
    n: int | None = None


class Decided(Value):
    """What the gates made of an agent."""

    outcome: str
    """promoted, pass, fail or inconclusive; a child that passed may not be the best of its kind."""
    gates: dict[str, str]
    why: str
    when: str


class AgentNode(Value):
    """An agent of the archive, a node of the tree."""

    id: str
    generation: int
    child: int
    status: AgentStatus
    parents: tuple[str, ...]
    ok: int
    """Held-out tasks solved at the first attempt."""
    fail: int
    clade_ok: int
    """The same of the agent and all its descendants together."""
    clade_fail: int
    children: int
    created: str
    decided: Decided | None = None
    """None for what the evolution started from."""
    exploration: dict[str, Measure] = {}
    """Measures of the rollouts that it learned from, by name."""


class ChampionChange(Value):
    """A change of champion; the first champion is the agent that the evolution started from."""

    when: str
    kind: str
    before: str
    after: str
    who: str
    why: str


class Evaluated(Value):
    """One child of one generation as its evaluation report has it; generation 0 is the start."""

    generation: int
    child: int
    agent: str
    scores: dict[str, dict[str, Score]]
    """By family (all: every task) and metric: greedy, sampled, pass@k."""
    tokens: int
    seconds: float
    gain: float = 0.0
    """Of a promoted child: the share of held-out tasks that it solves beyond its incumbent."""


class StageCost(Value):
    """What one stage of a generation spent, all its calls together."""

    generation: int
    stage: str
    seconds: float
    model_seconds: float
    generated: int
    """Tokens sampled."""
    trained: int
    """Loss tokens trained on."""
    dollars: dict[str, float] = {}
    """By resource: cpu, gpu, tokens; empty where no prices are set."""

    @property
    def together(self) -> float:
        """Dollars over all resources."""
        return sum(self.dollars.values())


class Line(Value):
    """A step of an attempt as a person reads it."""

    text: str
    role: str = "agent"
    wrong: bool = False
    """Whether the check, or the critique shown, finds the first mistake here."""


class CritiqueView(Value):
    """What a critic said of an attempt."""

    source: str
    ok: bool | None
    text: str


class AttemptView(Value):
    """An attempt, its verdict, and what was said of it."""

    id: str
    strategy: str
    attempt: int
    """0 for a first attempt, then one more for every refinement."""
    lines: tuple[Line, ...]
    answer: str
    outcome: Outcome
    value: float | None
    note: str = ""
    critiques: tuple[CritiqueView, ...] = ()


class TaskView(Value):
    """One task, with attempts at it in the order in which they were made."""

    id: str
    generation: int
    family: str
    level: int
    prompt: str
    attempts: tuple[AttemptView, ...]
    refined: bool
    """Whether the later attempts revise the earlier ones."""


class LearnedCell(Value):
    """Tasks of one family and level: how many were attempted, solved and learned from."""

    env: str
    family: str
    level: int
    attempts: int
    right: int
    kept: int


class Learned(Value):
    """What one update of the newest generation learned from."""

    generation: int
    update: str
    role: str
    kind: str
    examples: int
    contaminated: int
    """Left out because they overlap with held-out tasks."""
    cells: tuple[LearnedCell, ...]
    prompt: str = ""
    sample: tuple[Line, ...] = ()
    """The first example; what is not ``agent``'s is read and not imitated."""


class Gap(Value):
    """Something that could not be shown."""

    where: str
    why: str


class Report(Value):
    """Everything that the page of one evolution shows."""

    recipe: str
    summary: str
    paper: str
    seed: int
    scale: str
    environments: tuple[str, ...]
    started: str
    written: str
    version: str
    generations: int
    """Finished ones."""
    initial: str
    champion: str
    line: tuple[str, ...]
    """The champion's ancestors, itself included."""
    reigning: tuple[str, ...]
    """Whoever was champion after each generation, until the next one; of the last, now."""
    agents: tuple[AgentNode, ...]
    """Oldest first."""
    champions: tuple[ChampionChange, ...]
    evaluated: tuple[Evaluated, ...]
    costs: tuple[StageCost, ...]
    prices: Prices | None = None
    """None where no prices are set."""
    task: TaskView | None
    learned: tuple[Learned, ...]
    gaps: tuple[Gap, ...]
