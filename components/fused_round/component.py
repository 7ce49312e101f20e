"""Fused round as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import Metrics, Model, Output


@dsl.component(base_image="cladeflow/train", install_kfp_package=False)
def fused_round_op(home: str, call: str, model: Output[Model], metrics: Output[Metrics]) -> None:
    """Run all passes of a repeated round in one process, which keeps its models loaded.

    Args:
        home: Directory of the evolution.
        call: The stage call as JSON.
        model: The commit of the last pass.
        metrics: What the last pass measured.
    """
    from cladeflow.kubeflow.step import run

    run(home, call, model, metrics)
