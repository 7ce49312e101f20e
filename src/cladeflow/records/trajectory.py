"""Trajectories: what an agent did, step by step, with the tokens as they were sampled."""

from typing import Any, Literal

from cladeflow.records.base import Record, Value

DEMONSTRATION = "demonstration"
"""In place of an agent's id: nobody's attempt, but a trace that was given with the task."""

StepKind = Literal["think", "act", "observe", "answer", "verify", "reflect", "plan", "inject"]


class ToolCall(Value):
    """A call an agent made and whether the tool accepted it."""

    tool: str
    args: dict[str, Any] = {}
    ok: bool = True


class Step(Value):
    """One step: a line of a solution, a tool call, an observation, a message.

    ``tokens`` and ``logp`` (natural log-probability under the sampling policy, rounded to six
    decimals) are present where a model wrote the step; both have one entry per token.
    """

    i: int
    role: str = "agent"
    text: str
    kind: StepKind = "think"
    call: ToolCall | None = None
    state: str | None = None
    tokens: tuple[int, ...] | None = None
    logp: tuple[float, ...] | None = None
    entropy: tuple[float, ...] | None = None
    train: float = 1.0
    """Weight of the step's tokens in a loss: 1 for what the agent wrote, 0 for what it was told."""


class Parent(Value):
    """An edge to the trajectory (and step) that this one continues or recombines."""

    traj_id: str
    step_i: int


class SearchStats(Value):
    """Visit count and mean value of a node of a search tree."""

    n: int
    q: float


class Usage(Value):
    """What a trajectory cost. Seconds are volatile and live in the commit's manifest."""

    prompt_tokens: int = 0
    gen_tokens: int = 0
    calls: int = 0
    env_steps: int = 0


class Trajectory(Record):
    """One attempt at one task."""

    task_id: str
    agent_id: str
    models: dict[str, str] = {}
    """Weights digest by role."""
    tokenizer: str = ""
    """Digest of the tokenizer that the steps' tokens belong to."""
    context: tuple[int, ...] = ()
    """Token ids of the prompt that the first step continues."""
    steps: tuple[Step, ...]
    answer: Any = None
    parents: tuple[Parent, ...] = ()
    group: str
    """Samples of one prompt share a group."""
    sample: int = 0
    attempt: int = 0
    strategy: str
    params: dict[str, Any] = {}
    search: SearchStats | None = None
    memory_used: tuple[str, ...] = ()
    truncated: bool = False
    """True where a token or turn limit ended the episode."""
    usage: Usage = Usage()

    @property
    def text(self) -> str:
        """Everything the agent wrote, steps joined as written."""
        return "".join(step.text for step in self.steps if step.role == "agent")
