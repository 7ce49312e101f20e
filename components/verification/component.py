"""Verification as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="cladeflow/core", install_kfp_package=False)
def verification_op(home: str, call: str, verdicts: Output[Dataset]) -> None:
    """Judge the attempts of a round, or one share of them.

    Args:
        home: Directory of the evolution.
        call: The stage call as JSON.
        verdicts: The verdicts' commit.
    """
    from cladeflow.kubeflow.step import run

    run(home, call, verdicts)
