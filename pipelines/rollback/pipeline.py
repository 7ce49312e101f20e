"""A rollback: a former champion takes over, then is compared with the agent that it replaced."""

import json
from typing import Any

from kfp import dsl

from cladeflow.kubeflow.build import Builder
from cladeflow.kubeflow.profile import Profile
from components.record_outcome.component import record_outcome_op
from components.reevaluate.component import reevaluate_op
from components.rollback.component import rollback_op

NAME = "cladeflow-rollback"
COMPONENTS = {
    "rollback": rollback_op,
    "reevaluate": reevaluate_op,
    "record_outcome": record_outcome_op,
}


def pipeline(profile: Profile) -> Any:
    """The swap, which needs no model, and after it the comparison, which may wait for a GPU."""
    builder = Builder(COMPONENTS, profile)

    def pipeline(home: str = profile.home, call: str = "{}") -> None:
        ended = json.dumps({"pipeline": NAME, "project": True})
        with dsl.ExitHandler(builder.single("record_outcome", home, ended)):
            swap = builder.single("rollback", home, call, like="record_outcome")
            builder.single("reevaluate", home, swap.outputs["Output"], like="evaluate")

    return dsl.pipeline(pipeline, name=NAME)
