"""Re-evaluation as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import HTML, Metrics, Output


@dsl.component(base_image="cladeflow/rollout", install_kfp_package=False)
def reevaluate_op(home: str, call: str, metrics: Output[Metrics], report: Output[HTML]) -> None:
    """Compare the agent that a rollback restored with the one that it replaced.

    Args:
        home: Directory of the evolution.
        call: Who took over from whom, as JSON.
        metrics: Scores of the restored agent, and its differences to the other one.
        report: The same as a page.
    """
    from cladeflow.kubeflow.restoring import reevaluate

    reevaluate(home, call, metrics, report)
