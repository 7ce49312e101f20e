from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cladeflow.environments.base import Environment
from cladeflow.models import Sampling
from cladeflow.models.transformers_engine import TransformersEngine
from cladeflow.records import Step, Target, Task, Verdict, Verifier
from cladeflow.rollout.episode import EpisodeContext, Role
from tests.tiny_models import save_tiny_model


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TransformersEngine]:
    engine = TransformersEngine(save_tiny_model(tmp_path_factory.mktemp("model")))
    yield engine
    engine.close()


@pytest.fixture
def make_context(engine: TransformersEngine) -> Callable[..., EpisodeContext]:
    def check(task: Task, steps: Any) -> Verdict:
        return Verdict(target=Target(id=task.id), value=1, ok=True, by=Verifier(strategy="test"))

    def make(env: Environment, **options: Any) -> EpisodeContext:
        settings: dict[str, Any] = {
            "env": env,
            "roles": {"actor": Role(engine, "{task}\n")},
            "agent_id": "agent",
            "seed": "0",
            "sampling": Sampling(max_tokens=16, stop=env.stop),
            "samples": 3,
            "check": check,
            "gen": 4,
        }
        return EpisodeContext(**(settings | options))

    return make


def written(steps: tuple[Step, ...]) -> list[int]:
    return [token for step in steps for token in step.tokens or ()]
