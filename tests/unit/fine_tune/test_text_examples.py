"""Examples of text must read, token by token, as the episode that they stand for would have."""

import pytest

from cladeflow.environments import Reasoning, Toolbox
from cladeflow.environments.base import Environment
from cladeflow.fine_tune import Positives, RoundData
from cladeflow.fine_tune.sequences import flatten
from cladeflow.models.context import Context
from cladeflow.models.engine import Completion
from cladeflow.models.tokenizer import Tokenizer
from cladeflow.records import Target, Task, Verdict, Verifier
from cladeflow.task_synthesis import Demos
from tests.tiny_models import CHAT_TEMPLATE, END, tiny_tokenizer

PLAIN = Tokenizer(tiny_tokenizer())
CHAT = Tokenizer(tiny_tokenizer(chat_template=CHAT_TEMPLATE))


def completion(tokenizer: Tokenizer, text: str, *, ended: bool) -> Completion:
    tokens = (*tokenizer.encode(text), *((END,) if ended else ()))
    return Completion(tokens, (0.0,) * len(tokens), text, "stop")


@pytest.mark.parametrize("tokenizer", [PLAIN, CHAT], ids=["plain", "chat"])
@pytest.mark.parametrize("env", [Reasoning(), Toolbox()], ids=lambda env: env.name)
def test_a_demonstration_is_tokenised_as_an_episode_would_have_been(
    env: Environment, tokenizer: Tokenizer
) -> None:
    def render(task: Task) -> str:
        return f"solve {env.render(task.prompt)}\n"

    task = Demos().generate(env, n=1, gen=1, draw=0, seed=0)[0].task
    demo = Demos().given(env, task, 1)
    judged = Verdict(target=Target(id=demo.id), value=1, by=Verifier(strategy="test"))
    data = RoundData({task.id: task}, [demo], {demo.id: judged}, render=render)
    (example,) = Positives().build(data)

    episode = Context.open(tokenizer, render(task))
    for i, step in enumerate(demo.steps):
        if step.role == "agent":
            last = i == len(demo.steps) - 1
            episode.accept(completion(tokenizer, step.text, ended=last))
        else:
            episode.append(step.role, step.text)

    row = flatten(example.prompt, example.steps, tokenizer)
    assert list(row.tokens) == episode.ids
    learned = [token for token, weight in zip(row.tokens, row.weights, strict=True) if weight]
    written = [token for turn in episode.turns if turn.logp is not None for token in turn.tokens]
    assert learned == written
