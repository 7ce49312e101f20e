"""What a pipeline's evolution starts from, on a machine that is none of the cluster's."""

import pytest

from cladeflow.errors import ModelError
from cladeflow.kubeflow.compiling import founding
from cladeflow.start import Wish


def bound(binding: str) -> Wish:
    return Wish(settings=(f"roles={{actor: current, critic: '{binding}'}}",))


def test_a_role_may_be_bound_to_a_directory_of_the_pods_alone() -> None:
    roles = founding(bound("path:/volume/teacher")).resolved.recipe.roles
    assert roles["critic"] == "path:/volume/teacher"


@pytest.mark.parametrize("binding", ["models:/teacher@champion", "endpoint:http://teacher"])
def test_a_role_that_no_pod_could_reach_is_refused(binding: str) -> None:
    with pytest.raises(ModelError, match=f"roles.critic: {binding} cannot be reached"):
        founding(bound(binding))
