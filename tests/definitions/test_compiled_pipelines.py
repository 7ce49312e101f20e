"""What is compiled is what the recipe unrolls to, on what the profile says; what ships is current.

A compiled pipeline is two documents: the PipelineSpec, and what it asks of Kubernetes.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from cladeflow.graph import unroll
from cladeflow.kubeflow.profile import Profile, example, parse_profile
from cladeflow.kubeflow.tasks import Task, tasks
from cladeflow.plan.model import Population
from cladeflow.recipes import resolve
from dashboards.src.cluster import CLUSTER
from tests.clusters import two_nodes
from tests.command_line import cladeflow
from tests.kfp_extra import require_kfp

require_kfp()

from cladeflow.kubeflow.compiling import compiled, recipe_pipeline  # noqa: E402
from cladeflow.kubeflow.trainjob import STAGE_LABEL, template  # noqa: E402
from tools.definitions import generated  # noqa: E402

ROOT = Path(__file__).parents[2]
EXTRAS = """
pull_secrets: [regcred]
secrets: {mlflow: {password: MLFLOW_TRACKING_PASSWORD}}
environment: {OMP_WAIT_POLICY: PASSIVE, LEVEL: debug}
"""
CASES = (("default", 3), ("grpo", 2), ("mathcritique", 1))
"""Recipes, and how many children a generation has."""


def profile() -> Profile:
    text = re.sub(r"(?m)^(pull_secrets|secrets|environment):.*\n(  OMP.*\n)?", "", example())
    text = text.replace("roles: [actor]", "roles: [actor, critic, verifier, judge]")
    text = text.replace("selectors: {}", "selectors: {pool: big, zone: a}")
    return parse_profile(text + EXTRAS, "p.yaml")


class Compiled(NamedTuple):
    """One compiled pipeline, taken apart."""

    spec: dict[str, Any]
    kubernetes: dict[str, Any]
    tasks: tuple[Task, ...]
    placed: dict[str, dict[str, Any]]
    """The pipeline's own tasks by display name, without the nested pipelines of shares."""

    def executor(self, task: dict[str, Any]) -> str:
        label: str = self.spec["components"][task["componentRef"]["name"]]["executorLabel"]
        return label

    def container(self, task: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.spec["deploymentSpec"]["executors"][self.executor(task)]
        return dict(found["container"])

    def asked(self, task: dict[str, Any]) -> dict[str, Any]:
        return dict(self.kubernetes["deploymentSpec"]["executors"][self.executor(task)])

    def shares(self, name: str) -> list[dict[str, Any]]:
        """The tasks that the loop of a call's shares holds, with the loop's items."""
        nested = self.body()[self.key(f"{name} shares")]["componentRef"]["name"]
        (loop,) = self.spec["components"][nested]["dag"]["tasks"].values()
        (task,) = self.spec["components"][loop["componentRef"]["name"]]["dag"]["tasks"].values()
        items = json.loads(loop["parameterIterator"]["items"]["raw"])
        return [{"item": item, **task} for item in items]

    def body(self) -> dict[str, dict[str, Any]]:
        root = self.spec["root"]["dag"]["tasks"]["exit-handler-1"]["componentRef"]["name"]
        found: dict[str, dict[str, Any]] = self.spec["components"][root]["dag"]["tasks"]
        return found

    def key(self, name: str) -> str:
        (found,) = (k for k, task in self.body().items() if task["taskInfo"]["name"] == name)
        return found


@cache
def made(name: str, children: int = 1, generations: int = 1) -> Compiled:
    recipe = resolve(name, scale="tiny").recipe
    population = Population(children=children)
    text = compiled(recipe_pipeline(recipe, profile(), generations, population=population))
    spec, platforms = yaml.safe_load_all(text)
    found = Compiled(
        spec,
        platforms["platforms"]["kubernetes"],
        tasks(recipe, profile(), generations, children),
        {},
    )
    for task in found.body().values():
        if not task["taskInfo"]["name"].endswith(" shares"):
            found.placed[task["taskInfo"]["name"]] = task
    return found


def call(task: dict[str, Any]) -> dict[str, Any]:
    """The call's JSON, the generation left out that KFP fills in."""
    text = task["inputs"]["parameters"]["call"]["runtimeValue"]["constant"]
    fields: dict[str, Any] = json.loads(re.sub(r"\{\{[^}]*\}\}", "0", text))
    fields.pop("generation")
    return fields


@pytest.mark.parametrize(("name", "children"), CASES)
def test_every_unrolled_call_is_compiled_once(name: str, children: int) -> None:
    found = made(name, children)
    recipe = resolve(name, scale="tiny").recipe
    nodes = unroll(recipe, 1, children)
    assert [c for task in found.tasks for c in task.calls] == [node.call for node in nodes]
    assert set(found.placed) == {task.name for task in found.tasks}
    for task in found.tasks:
        expected = task.call.model_dump(
            mode="json", exclude_defaults=True, exclude={"generation"}, exclude_none=True
        )
        if task.stage == "plan" and children > 1:
            expected["population"] = {"children": children}
        assert call(found.placed[task.name]) == expected


@pytest.mark.parametrize(("name", "children"), CASES)
def test_edges_are_the_commits_that_a_task_reads(name: str, children: int) -> None:
    found = made(name, children)
    names = {key: task["taskInfo"]["name"] for key, task in found.body().items()}
    for task in found.tasks:
        needed = {names[key] for key in found.placed[task.name].get("dependentTasks", ())}
        shares = {f"{task.name} shares"} if task.shares > 1 else set()
        assert needed == {*task.needs, *shares}


@pytest.mark.parametrize(("name", "children"), CASES)
def test_images_and_resources_are_the_profiles(name: str, children: int) -> None:
    found = made(name, children)
    for task in found.tasks:
        wanted, container = profile().stage(task.stage), found.container(found.placed[task.name])
        assert container["image"] == profile().image(wanted.image)
        resources = container["resources"]
        assert resources["resourceCpuLimit"] == resources["resourceCpuRequest"] == wanted.cpu
        assert resources["resourceMemoryLimit"] == wanted.memory
        gpus = wanted.gpu and {"resourceType": wanted.gpu.type, "resourceCount": "1"}
        accelerator = resources.get("accelerator", {})
        assert not gpus if not accelerator else gpus and gpus.items() <= accelerator.items()
        assert {"name": "LEVEL", "value": "debug"} in container["env"]


def test_what_is_asked_of_kubernetes_is_the_profiles() -> None:
    found = made("default")
    asked = found.asked(found.placed["1/0/main.0/fine_tune.0"])
    assert asked["activeDeadlineSeconds"] == "86400"
    assert asked["imagePullPolicy"] == "IfNotPresent"
    assert [secret["secretName"] for secret in asked["imagePullSecret"]] == ["regcred"]
    (secret,) = asked["secretAsEnv"]
    assert secret["secretName"] == "mlflow"
    assert secret["keyToEnv"] == [{"envVar": "MLFLOW_TRACKING_PASSWORD", "secretKey": "password"}]
    (volume,) = asked["pvcMount"]
    assert (volume["constant"], volume["mountPath"]) == ("cladeflow", "/cladeflow")
    assert asked["nodeSelector"]["labels"] == {"pool": "big", "zone": "a"}
    assert asked["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]
    assert asked["podMetadata"]["labels"]["app.kubernetes.io/component"] == "fine-tune"
    assert asked["fieldPathAsEnv"] == [
        {"name": "CLADEFLOW_RUN", "fieldPath": "metadata.labels['pipeline/runid']"}
    ]


def test_pods_carry_the_label_that_the_cluster_dashboard_counts_them_by() -> None:
    panels = [panel for row in CLUSTER.rows for panel in row.panels]
    (panel,) = (one for one in panels if "kube_pod_labels" in str(one.queries))
    # kube-state-metrics calls a label label_ and its name, with _ for what a metric cannot hold,
    # and shows what it was told to.
    shown = "label_" + re.sub(r"[^a-zA-Z0-9_]", "_", STAGE_LABEL)
    (query,) = panel.queries
    assert f'kube_pod_labels{{{shown}!=""}}' in query.expr
    assert f"--metric-labels-allowlist=pods=[{STAGE_LABEL}]" in panel.description
    for name, children in CASES:
        found = made(name, children)
        for task in found.tasks:
            labels = found.asked(found.placed[task.name])["podMetadata"]["labels"]
            assert labels[STAGE_LABEL] == task.stage
    (share, *_) = made("default").shares("1/0/main.0/rollout")
    assert made("default").asked(share)["podMetadata"]["labels"][STAGE_LABEL] == "rollout"


def test_every_task_is_retried_and_none_is_cached() -> None:
    found = made("default")
    for task in (*found.placed.values(), *found.shares("1/0/main.0/rollout")):
        assert task["retryPolicy"] == {
            "maxRetryCount": 3,
            "backoffDuration": "30s",
            "backoffFactor": 2.0,
            "backoffMaxDuration": "600s",
        }
        assert task["cachingOptions"] == {}


def test_shares_run_side_by_side_before_the_call_gathers_them() -> None:
    found = made("default")
    shares = found.shares("1/0/main.0/rollout")
    assert [share["item"] for share in shares] == ["0/4", "1/4", "2/4", "3/4"]
    assert call(shares[0]) == {"child": 0, "round": "main", "stage": "rollout", "share": "0"}
    nested = found.body()[found.key("1/0/main.0/rollout shares")]
    gathering = found.placed["1/0/main.0/rollout"]["dependentTasks"]
    assert set(nested["dependentTasks"]) == set(gathering) - {nested_key(found)}
    assert found.container(shares[0])["image"].split("@")[0].endswith("/rollout")


def nested_key(found: Compiled) -> str:
    return found.key("1/0/main.0/rollout shares")


def test_the_end_of_a_run_is_recorded_whatever_it_was() -> None:
    spec = made("default").spec
    handler = spec["root"]["dag"]["tasks"]["record-outcome-op"]
    assert handler["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    assert handler["inputs"]["parameters"]["status"] == {
        "taskFinalStatus": {"producerTask": "exit-handler-1"}
    }


def test_generations_follow_each_other_and_name_what_was_planned() -> None:
    found = made("default", generations=2)
    names = {key: task["taskInfo"]["name"] for key, task in found.body().items()}
    plan = found.placed["2/plan"]
    assert [names[key] for key in plan["dependentTasks"]] == ["1/promote"]
    for number in (1, 2):
        parameters = found.placed[f"{number}/promote"]["inputs"]["parameters"].values()
        (producer,) = (p["taskOutputParameter"] for p in parameters if "taskOutputParameter" in p)
        assert names[producer["producerTask"]] == f"{number}/plan"


def test_what_is_generated_is_current() -> None:
    stale = [path for path, text in generated() if not path.exists() or path.read_text() != text]
    assert not stale, "run python -m tools.definitions"


def test_the_command_compiles_what_a_first_run_needs(tmp_path: Path) -> None:
    file = tmp_path / "profile.yaml"
    assert cladeflow("profile", "init", file).code == 0
    assert cladeflow("profile", "init", file).code == 2
    out = tmp_path / "star.yaml"
    options = ("--seed", 3, "--set", "scale.tasks=7", "-o", out)
    ran = cladeflow("compile", "star", "--profile", file, *options)
    assert ran.code == 0, ran.err
    spec, _ = yaml.safe_load_all(out.read_text())
    body = next(v for k, v in spec["components"].items() if k.startswith("comp-exit-handler"))
    start = call(body["dag"]["tasks"]["plan-op"])["start"]
    assert start["seed"] == 3
    assert start["resolved"]["recipe"]["name"] == "star"
    assert start["resolved"]["scale"]["tasks"] == 7
    assert start["initial"]["weights"]["actor"].startswith("cladeflow:seed-reasoning-1#")


def test_an_evaluation_compiles_to_a_plan_an_evaluation_and_a_decision(tmp_path: Path) -> None:
    recipe = resolve("star", scale="tiny", settings=["rounds=[]"]).recipe
    spec, _ = yaml.safe_load_all(compiled(recipe_pipeline(recipe, profile())))
    body = next(v for k, v in spec["components"].items() if k.startswith("comp-exit-handler"))
    placed = {task["taskInfo"]["name"] for task in body["dag"]["tasks"].values()}
    assert placed == {"1/plan", "1/0/evaluate shares", "1/0/evaluate", "1/promote"}


def test_nodes_that_train_together_are_a_trainjob_that_a_light_step_makes() -> None:
    cluster = parse_profile(two_nodes(example()), "p.yaml")
    recipe = resolve("default", scale="tiny").recipe
    spec, platforms = yaml.safe_load_all(compiled(recipe_pipeline(recipe, cluster)))
    found = Compiled(spec, platforms["platforms"]["kubernetes"], (), {})
    placed = {task["taskInfo"]["name"]: task for task in found.body().values()}
    step = placed["1/0/main.0/fine_tune.0"]
    container, asked = found.container(step), found.asked(step)
    assert container["image"] == cluster.image("core")
    assert "accelerator" not in container["resources"]
    assert container["resources"]["resourceCpuLimit"] == "1"
    assert {"name": "CLADEFLOW_GPUS", "value": "4"} in container["env"]
    assert asked["activeDeadlineSeconds"] == "86400" and "tolerations" not in asked
    assert {"name": "CLADEFLOW_NAMESPACE", "fieldPath": "metadata.namespace"} in asked[
        "fieldPathAsEnv"
    ]
    job = call(step)["trainjob"]
    assert job == template(cluster, "fine_tune")
    assert (job["trainer"]["numNodes"], job["trainer"]["image"]) == (2, cluster.image("train"))
    others = [task for name, task in placed.items() if "fine_tune" not in name]
    assert not [task for task in others if "trainjob" in str(task["inputs"])]


def test_a_rollback_compiles_to_a_swap_and_a_comparison(tmp_path: Path) -> None:
    file, out = tmp_path / "profile.yaml", tmp_path / "rollback.yaml"
    file.write_text(example())
    asked = ("compile", "--pipeline", "rollback", "--profile", file)
    ran = cladeflow(*asked, "-o", out)
    assert (ran.code, ran.out) == (0, f"{out}: a rollback\n"), ran
    assert out.read_text() == (ROOT / "src/cladeflow/kubeflow/rollback.yaml").read_text()
    spec, platforms = yaml.safe_load_all(out.read_text())
    found = Compiled(spec, platforms["platforms"]["kubernetes"], (), {})
    placed = {task["taskInfo"]["name"]: task for task in found.body().values()}
    assert placed.keys() == {"rollback", "reevaluate"}
    assert placed["reevaluate"]["dependentTasks"] == [found.key("rollback")]
    given = placed["reevaluate"]["inputs"]["parameters"]["call"]["taskOutputParameter"]
    assert given["producerTask"] == found.key("rollback")
    core, rollout = (found.container(placed[name]) for name in ("rollback", "reevaluate"))
    assert "accelerator" not in core["resources"] and "accelerator" in rollout["resources"]
    assert core["image"].split("@")[0].endswith("/core")
    assert spec["root"]["inputDefinitions"]["parameters"].keys() == {"home", "call"}
    for foreign in (["star"], ["--generations", 2], ["--set", "scale.tasks=7"]):
        refused = cladeflow(*asked, *foreign)
        assert refused.code == 2 and "says nothing to --pipeline rollback" in refused.err


def test_images_to_mirror_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "profile.yaml"
    file.write_text(example())
    ran = cladeflow("images", "--profile", file, "--json")
    found = {entry["image"].split("@")[0]: entry["stages"] for entry in json.loads(ran.out)}
    assert found["registry.example.org/cladeflow/train"] == ["fine_tune", "fused_round"]
