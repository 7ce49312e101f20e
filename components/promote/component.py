"""Promote as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import Artifact, Metrics, Output


@dsl.component(base_image="cladeflow/core", install_kfp_package=False)
def promote_op(home: str, call: str, decision: Output[Artifact], metrics: Output[Metrics]) -> None:
    """Let the gates decide which child, if any, becomes champion.

    Args:
        home: Directory of the evolution.
        call: The stage call as JSON.
        decision: The decision's commit.
        metrics: What the gates decided.
    """
    from cladeflow.kubeflow.step import run

    run(home, call, decision, metrics)
