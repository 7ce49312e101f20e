"""The arms of the comparison, each as what it changes of the default recipe."""

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cladeflow.environments.base import Environment
from cladeflow.recipes import Resolved

BASELINE = "default"


class Arm(NamedTuple):
    """Settings on top of the default recipe, as they are given to ``cladeflow evolve --set``."""

    name: str
    what: str
    settings: Callable[[Resolved], list[str]]
    """Of the resolved default recipe, whose parts it may wrap."""
    matched: bool = False
    """Whether every generation trains on as many loss tokens as the default's with that seed."""


def _setting(path: str, value: object) -> str:
    return f"{path}={json.dumps(value)}"


def _shuffled(default: Resolved) -> list[str]:
    (entry,) = default.recipe.rounds[0].verification
    return [_setting("verification", {"shuffled": {"of": {entry.name: entry.options}}})]


def _keep_everything(default: Resolved) -> list[str]:
    return [_setting("fine_tune.build.positives.threshold", -1), "promote=always"]


def _easy_demos(default: Resolved) -> list[str]:
    (entry,) = default.recipe.environments
    env = entry.build()
    assert isinstance(env, Environment)
    levels = {family: dict.fromkeys(levels, 1) for family, levels in env.mastered.items()}
    demos = _setting("task_synthesis", {"demos": {"levels": levels}})
    return [demos, "rollout=none", "promote=always"]


ARMS = {
    arm.name: arm
    for arm in (
        Arm(BASELINE, "the recipe under test", lambda default: []),
        Arm("shuffled", "its verdicts permuted over all samples of a round", _shuffled),
        Arm("keep_everything", "every checked sample is kept", _keep_everything, matched=True),
        Arm("easy_demos", "reference solutions of mastered levels", _easy_demos, matched=True),
    )
}


def budget(default: Resolved, loss_tokens: Sequence[int]) -> str:
    """The setting that trains generation g on ``loss_tokens[g - 1]`` loss tokens."""
    control = default.recipe.control
    assert control.name == "fixed", "a schedule of tokens needs the control fixed"
    schedule = control.options["schedule"] | {"loss_tokens": [max(n, 1) for n in loss_tokens]}
    return _setting("control", {"fixed": {"schedule": schedule}})
