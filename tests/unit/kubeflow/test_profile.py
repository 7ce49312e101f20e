"""Profiles: what the example says, and what is refused with its place and the nearest name."""

from pathlib import Path

import pytest

from cladeflow.errors import RecipeError
from cladeflow.kubeflow.profile import example, parse_profile, read_profile
from tests.clusters import two_nodes

ZEROS = "@sha256:" + "0" * 64


def test_the_example_is_valid_and_a_stage_inherits_what_it_does_not_set() -> None:
    profile = parse_profile(example(), "example.yaml")
    assert profile.name == "example"
    assert profile.stage("plan") == profile.defaults
    rollout = profile.stage("rollout")
    assert (rollout.cpu, rollout.image) == ("4", "rollout")
    assert rollout.selectors == profile.defaults.selectors
    assert profile.stage("critique") == rollout


def test_images_name_registry_digest_and_stages() -> None:
    found = parse_profile(example(), "example.yaml").stages_by_image()
    core, rollout, train = (
        f"registry.example.org/cladeflow/{name}{ZEROS}" for name in ("core", "rollout", "train")
    )
    assert set(found) == {core, rollout, train}
    assert found[train] == ["fine_tune", "fused_round"]
    assert found[rollout] == ["rollout", "critique", "evaluate", "promote"]
    assert "plan" in found[core] and "record_outcome" in found[core]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("registry:", "registr:", "unknown key 'registr'; did you mean 'registry'"),
        ('  cpu: "1"', '  cpus: "1"', "defaults: unknown key 'cpus'; did you mean 'cpu'"),
        ("{type: nvidia.com/gpu", "{typ: x", "stages.rollout.gpu: unknown key 'typ'; did you mean"),
        ("critique: *gpu", "critic: *gpu", "stages: unknown 'critic'; did you mean 'critique'"),
        ("{rollout: 4", "{rolout: 4", "shards: unknown 'rolout'; did you mean 'rollout'"),
        ("{rollout: 4", "{rollout: 0", "shards: rollout: 0 is not between 1 and 200"),
        (f"core{ZEROS}", "core:1", "images.core: core:1 has no digest"),
        ("image: train", "image: trian", "stages.fine_tune.image: unknown image 'trian'; did you"),
        ("kfp_timezone: UTC", "kfp_timezone: Mars", "kfp_timezone: 'Mars' is no time zone"),
        ("home: /cladeflow", "home: /data", "home: /data/evolution lies on none of the volumes"),
        ("operator: Exists", "operator: Equal", "tolerations.0: operator Equal needs a value"),
        ("memory: 4Gi", "memory: lots", "defaults.memory: 'lots' is not of the form"),
        ("claim: cladeflow,", "claim: Clade,", "volumes.0.claim: 'Clade' is not of the form"),
        ("timeout: 3600", "timeout: 0", "defaults.timeout: Input should be greater than 0"),
        ("registry:", "registry: a\nregistry:", "'registry' is given twice"),
    ],
)
def test_a_mistake_is_refused_with_its_place(old: str, new: str, complaint: str) -> None:
    assert old in example()
    with pytest.raises(RecipeError) as refused:
        parse_profile(example().replace(old, new, 1), "p.yaml")
    assert str(refused.value).startswith("p.yaml")
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("  service_account: cladeflow", "#", "stages.fine_tune.nodes: the step makes a"),
        (
            "    nodes: 2\n    image: train\n",
            "    nodes: 0\n    image: train\n",
            "fine_tune.nodes: Inp",
        ),
        ("  rollout: &gpu\n", "  rollout: &gpu\n    nodes: 2\n", "stages.rollout.nodes: only"),
        ("defaults:\n", "defaults:\n  nodes: 2\n", "defaults.nodes: only stages.fine_tune trains"),
        (
            "    gpu: {type: nvidia.com/gpu, count: 2, roles: [actor]}\n",
            "",
            "stages.fine_tune.nodes: 2 nodes train on GPUs; say with stages.fine_tune.gpu on which",
        ),
        (
            "OMP_WAIT_POLICY: PASSIVE",
            "PET_NNODES: '3'",
            "environment.PET_NNODES is what torchrun is told",
        ),
        (
            "#trainer: {runtime: torch-d",
            "trainer: {runtme: torch-d",
            "trainer: unknown key 'runtme'",
        ),
    ],
)
def test_nodes_that_cannot_train_together_are_refused(old: str, new: str, complaint: str) -> None:
    text = two_nodes(example())
    assert old in text
    with pytest.raises(RecipeError) as refused:
        parse_profile(text.replace(old, new, 1), "p.yaml")
    assert complaint in str(refused.value)


def test_the_step_that_waits_for_nodes_has_no_gpu_and_the_stages_timeout() -> None:
    profile = parse_profile(two_nodes(example()), "p.yaml")
    assert profile.stage("fine_tune").nodes == 2
    pod = profile.pod("fine_tune")
    assert (pod.gpu, pod.image, pod.cpu, pod.timeout) == (None, "core", "1", 86400)
    assert profile.pod("rollout") == profile.stage("rollout")
    stages = profile.stages_by_image()
    assert all("fine_tune" in stages[profile.image(image)] for image in ("core", "train"))


def test_without_digest_only_a_tag_will_do() -> None:
    text = example().replace("digest_only: true", "digest_only: false")
    profile = parse_profile(text.replace(f"core{ZEROS}", "core:1.2"), "p.yaml")
    assert profile.image("core") == "registry.example.org/cladeflow/core:1.2"


def test_a_file_that_is_not_there_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cladeflow profile init"):
        read_profile(tmp_path / "none.yaml")
