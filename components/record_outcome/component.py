"""The exit handler as a component: its definition, no behaviour."""

from kfp import dsl


@dsl.component(base_image="cladeflow/core", install_kfp_package=False)
def record_outcome_op(home: str, call: str, status: dsl.PipelineTaskFinalStatus) -> None:
    """Record how a run ended, whether it went well or not, and project the home to MLflow.

    Args:
        home: Directory of the evolution.
        call: The pipeline as JSON.
        status: How the run ended.
    """
    from cladeflow.kubeflow.outcome import record

    record(home, call, status.state, status.error_message)
