"""Rollout as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="cladeflow/rollout", install_kfp_package=False)
def rollout_op(home: str, call: str, trajectories: Output[Dataset]) -> None:
    """Attempt the tasks of a round, or one share of its shards.

    Args:
        home: Directory of the evolution.
        call: The stage call as JSON.
        trajectories: The attempts' commit.
    """
    from cladeflow.kubeflow.step import run

    run(home, call, trajectories)
