"""Generations of a recipe, one after the other: its rounds unrolled, its shards side by side."""

from collections.abc import Sequence
from typing import Any

from cladeflow.kubeflow.build import generations_pipeline
from cladeflow.kubeflow.orders import Terms
from cladeflow.kubeflow.profile import Profile
from cladeflow.kubeflow.tasks import Task
from components.critique.component import critique_op
from components.evaluate.component import evaluate_op
from components.fine_tune.component import fine_tune_op
from components.fused_round.component import fused_round_op
from components.plan.component import plan_op
from components.promote.component import promote_op
from components.record_outcome.component import record_outcome_op
from components.rollout.component import rollout_op
from components.task_synthesis.component import task_synthesis_op
from components.verification.component import verification_op

COMPONENTS = {
    "plan": plan_op,
    "task_synthesis": task_synthesis_op,
    "rollout": rollout_op,
    "critique": critique_op,
    "verification": verification_op,
    "fine_tune": fine_tune_op,
    "fused_round": fused_round_op,
    "evaluate": evaluate_op,
    "promote": promote_op,
    "record_outcome": record_outcome_op,
}


def pipeline(name: str, tasks: Sequence[Task], profile: Profile, terms: Terms) -> Any:
    """The generations that ``tasks`` make up."""
    return generations_pipeline(name, COMPONENTS, tasks, profile, terms)
