"""Rollback as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import Artifact, Output


@dsl.component(base_image="cladeflow/core", install_kfp_package=False)
def rollback_op(home: str, call: str, champion: Output[Artifact]) -> str:
    """Put a former champion in charge again, with its weights, scaffold and memory.

    Args:
        home: Directory of the evolution.
        call: As JSON, all of it optional: `to` (agent or version in MLflow), `reason`, `who`.
        champion: The agent that is in charge now.

    Returns:
        Who took over from whom, which the comparison is called with.
    """
    from cladeflow.kubeflow.restoring import roll_back

    return roll_back(home, call, champion)
