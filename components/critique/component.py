"""Critique as a component: its definition, no behaviour."""

from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="cladeflow/rollout", install_kfp_package=False)
def critique_op(home: str, call: str, critiques: Output[Dataset]) -> None:
    """Criticise the attempts of a round that nobody has criticised yet, or one share of them.

    Args:
        home: Directory of the evolution.
        call: The stage call as JSON.
        critiques: The critiques' commit.
    """
    from cladeflow.kubeflow.step import run

    run(home, call, critiques)
