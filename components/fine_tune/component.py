"""Fine-tuning as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import Metrics, Model, Output


@dsl.component(base_image="cladeflow/train", install_kfp_package=False)
def fine_tune_op(home: str, call: str, model: Output[Model], metrics: Output[Metrics]) -> None:
    """Train one role of the agent on what its round gathered.

    Args:
        home: Directory of the evolution.
        call: The stage call as JSON.
        model: The new weights' commit.
        metrics: Losses, tokens and examples.
    """
    from cladeflow.kubeflow.step import run

    run(home, call, model, metrics)
