"""Task synthesis as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="cladeflow/core", install_kfp_package=False)
def task_synthesis_op(home: str, call: str, tasks: Output[Dataset]) -> None:
    """Pose the tasks of a round.

    Args:
        home: Directory of the evolution.
        call: The stage call as JSON.
        tasks: The tasks' commit.
    """
    from cladeflow.kubeflow.step import run

    run(home, call, tasks)
