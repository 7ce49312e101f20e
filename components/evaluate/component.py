"""Evaluate as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import HTML, Metrics, Output


@dsl.component(base_image="cladeflow/rollout", install_kfp_package=False)
def evaluate_op(home: str, call: str, metrics: Output[Metrics], report: Output[HTML]) -> None:
    """Run child and incumbent on the held-out suites and compare them, or run one share.

    Args:
        home: Directory of the evolution.
        call: The stage call as JSON.
        metrics: Scores, and differences to the incumbent.
        report: The same as a page.
    """
    from cladeflow.kubeflow.step import run

    run(home, call, metrics, report)
