"""An evaluation without training: what a recipe with ``rounds: []`` compiles to."""

from collections.abc import Sequence
from typing import Any

from cladeflow.kubeflow.build import generations_pipeline
from cladeflow.kubeflow.orders import Terms
from cladeflow.kubeflow.profile import Profile
from cladeflow.kubeflow.tasks import Task
from components.evaluate.component import evaluate_op
from components.plan.component import plan_op
from components.promote.component import promote_op
from components.record_outcome.component import record_outcome_op

COMPONENTS = {
    "plan": plan_op,
    "evaluate": evaluate_op,
    "promote": promote_op,
    "record_outcome": record_outcome_op,
}


def pipeline(name: str, tasks: Sequence[Task], profile: Profile, terms: Terms) -> Any:
    """Plan, evaluation and decision, whatever its end recorded."""
    return generations_pipeline(name, COMPONENTS, tasks, profile, terms)
