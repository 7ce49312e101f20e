"""Plan as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import Artifact, Output


@dsl.component(base_image="cladeflow/core", install_kfp_package=False)
def plan_op(home: str, call: str, plan: Output[Artifact]) -> str:
    """Fix what a generation starts from: parents, incumbent, recipe, control settings, seed.

    Args:
        home: Directory of the evolution.
        call: The stage call as JSON.
        plan: The plan's commit.

    Returns:
        The generation that was planned, which the calls after it name.
    """
    from cladeflow.kubeflow.step import run

    return str(run(home, call, plan))
