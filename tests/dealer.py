"""An engine without a model, and attempts at tasks of both environments that it makes."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from cladeflow.critique.base import Critic
from cladeflow.environments import Environment, Reasoning, Toolbox
from cladeflow.models import Completion, Request, Sampling
from cladeflow.models.tokenizer import Tokenizer
from cladeflow.records import Trajectory
from cladeflow.rollout import Rollout
from cladeflow.rollout.episode import EpisodeContext, Role, run_episodes
from tests.tiny_models import END, tiny_tokenizer

ENVIRONMENTS: dict[str, Environment] = {env.name: env for env in (Reasoning(), Toolbox())}
POSED = {
    name: [
        posed
        for family, levels in env.levels.items()
        for level in levels[:3]
        for posed in env.tasks(family=family, level=level, split="train", n=4, seed=0)
    ]
    for name, env in ENVIRONMENTS.items()
}
TOKENIZER = Tokenizer(tiny_tokenizer())
REPLIES = {
    "reasoning": ("1+2=3\n=3", "2+2=5\n=5", "=44", "err 2", "ok", "what?"),
    "toolbox": ("lookup ab\n", "calc 2*3\n", "calc 2*\n", "answer 6\n", "answer 7\n", "what?\n"),
}


def pick(key: str, count: int) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % count


class Dealer:
    """An engine without a model: the key of a request decides which reply it gets."""

    name, dtype, max_length = "dealer", "float32", 10_000
    model_digest, tokenizer_digest = "model", "tokenizer"
    tokenizer = TOKENIZER

    def __init__(self, replies: Sequence[str]) -> None:
        self.replies = replies

    def submit(self, requests: Sequence[Request]) -> list[Future[list[Completion]]]:
        promises = []
        for request in requests:
            promise: Future[list[Completion]] = Future()
            promise.set_result([self.reply(f"{request.key}/{i}") for i in range(request.n)])
            promises.append(promise)
        return promises

    def reply(self, key: str) -> Completion:
        text = self.replies[pick(key, len(self.replies))]
        tokens = (*TOKENIZER.encode(text), *(() if text.endswith("\n") else (END,)))
        return Completion(tokens, tuple(-i / 8 for i in range(len(tokens))), text, "stop")


def episodes(env_name: str, critics: Sequence[Critic] = ()) -> EpisodeContext:
    env = ENVIRONMENTS[env_name]
    golds = {posed.task.id: posed.gold for posed in POSED[env_name]}
    role: Any = Role(Dealer(REPLIES[env_name]), "{task}\n")
    return EpisodeContext(
        env=env,
        roles={"actor": role, "critic": role},
        agent_id="agent",
        seed="golden",
        sampling=Sampling(stop=env.stop),
        samples=2,
        check=lambda task, steps: env.check(task, golds[task.id], steps),
        critics=critics,
        gen=3,
    )


def attempts(strategy: Rollout, env_name: str, critics: Sequence[Critic] = ()) -> list[Trajectory]:
    tasks = [posed.task for posed in POSED[env_name]]
    return run_episodes(strategy, tasks, episodes(env_name, critics))
