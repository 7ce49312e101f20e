"""Writes tasks with the kfp SDK: calls, edges, resources, retries, the exit handler."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from kfp import dsl, kubernetes

from cladeflow.kubeflow.attempts import GPUS, RUN, SILENCE
from cladeflow.kubeflow.cluster import NAMESPACE
from cladeflow.kubeflow.orders import Terms
from cladeflow.kubeflow.profile import PROFILE_STAGES, Profile
from cladeflow.kubeflow.tasks import Task
from cladeflow.kubeflow.trainjob import STAGE_LABEL, template

_WAIT_SECONDS = 3600.0
"""That a pod may wait for a node."""
Component = Callable[..., dsl.PipelineTask]
"""A component, ready to be called with ``home`` and ``call``."""


class Builder:
    """Places tasks in the pipeline that is being traced, each as its profile says.

    To be made before that pipeline: those within it, of shares, cannot be defined meanwhile.
    """

    def __init__(
        self, components: Mapping[str, Component], profile: Profile, tasks: Sequence[Task] = ()
    ) -> None:
        self._components = components
        self._profile = profile
        self._tasks = tasks
        self._shared = {task.name: self._shares(task) for task in tasks if task.shares > 1}

    def generations(self, home: Any, generation: Any, terms: Terms) -> None:
        """Place the tasks of generations in a row.

        The first is ``generation`` (0: the next unfinished one), and so on. Each plan says which
        it planned, and the calls after it name that. A plan of a schedule may say 0: nothing
        comes after it then.
        """
        first, *rest = self._tasks
        plan = self._place(first, home, _call(first, generation, **terms._asdict()))
        number = plan.outputs["Output"]
        with dsl.If(number != "0", "begun") if terms.schedule else nullcontext():
            self._rest(home, rest, {first.name: plan}, number, terms._replace(schedule=None))

    def _rest(
        self,
        home: Any,
        tasks: Sequence[Task],
        done: dict[str, dsl.PipelineTask],
        number: Any,
        terms: Terms,
    ) -> None:
        """Place what comes after the first plan, which is ``done``."""
        for task in tasks:
            before = [done[need] for need in task.needs]
            if task.name in self._shared:
                shares = self._shared[task.name](home=home, generation=number).after(*before)
                before.append(shares.set_display_name(f"{task.name} shares"))
            if task.stage == "plan":
                placed = self._place(task, home, _call(task, 0, **terms._asdict()))
                number = placed.outputs["Output"]
            else:
                placed = self._place(task, home, _call(task, number, trainjob=self._nodes(task)))
            done[task.name] = placed.after(*before)

    def _nodes(self, task: Task) -> dict[str, Any] | None:
        """The TrainJob that carries out a task, where its stage trains on several nodes."""
        several = self._profile.stage(task.stage).nodes > 1
        return template(self._profile, task.stage) if several else None

    def single(
        self, component: str, home: Any, call: Any, like: str | None = None
    ) -> dsl.PipelineTask:
        """Place a task that belongs to no generation, with its resources, or ``like`` a stage's."""
        placed = self._components[component](home=home, call=call)
        return self._equip(placed, like or component).set_display_name(component)

    def _shares(self, task: Task) -> Component:
        """A pipeline within the pipeline: a call's shares side by side, and nothing after them."""
        items = [f"{index}/{task.shares}" for index in range(task.shares)]

        def shares(home: str, generation: str) -> None:
            with dsl.ParallelFor(items=items) as item:
                self._place(task, home, _call(task, generation, share=item))

        shares.__name__ = f"{task.name} shares".translate(str.maketrans("/._ ", "----"))
        component: Component = dsl.pipeline(shares)
        return component

    def _place(self, task: Task, home: Any, call: str) -> dsl.PipelineTask:
        placed = self._components[task.stage](home=home, call=call)
        return self._equip(placed, task.stage).set_display_name(task.name)

    def _equip(self, task: dsl.PipelineTask, stage: str) -> dsl.PipelineTask:
        """Image, resources, retries and everything of Kubernetes; no caching, commits are that."""
        profile, resources = self._profile, self._profile.pod(stage)
        retries, gpu = profile.retries, profile.stage(stage).gpu
        task.set_container_image(profile.image(resources.image)).set_caching_options(False)
        task.set_cpu_request(resources.cpu).set_cpu_limit(resources.cpu)
        task.set_memory_request(resources.memory).set_memory_limit(resources.memory)
        if resources.gpu is not None:
            task.set_accelerator_type(resources.gpu.type)
            task.set_accelerator_limit(resources.gpu.count)
        if gpu is not None:
            task.set_env_variable(GPUS, str(gpu.count * profile.stage(stage).nodes))
        task.set_retry(
            retries.count,
            backoff_duration=f"{retries.seconds}s",
            backoff_factor=retries.factor,
            backoff_max_duration=f"{retries.most_seconds}s",
        )
        task.set_env_variable(SILENCE, f"{silence(profile):g}")
        for name, value in profile.environment.items():
            task.set_env_variable(name, value)
        _on_kubernetes(task, profile, stage)
        return task


def silence(profile: Profile) -> float:
    """Seconds without a sign after which a run is over: its longest task's, and an hour's wait."""
    return _WAIT_SECONDS + max(profile.stage(stage).timeout for stage in PROFILE_STAGES)


def _on_kubernetes(task: dsl.PipelineTask, profile: Profile, stage: str) -> None:
    """What the second document of a compiled pipeline holds."""
    resources = profile.pod(stage)
    kubernetes.set_timeout(task, resources.timeout)
    kubernetes.set_image_pull_policy(task, profile.pull_policy)
    kubernetes.use_field_path_as_env(
        task, env_name=RUN, field_path="metadata.labels['pipeline/runid']"
    )
    if profile.stage(stage).nodes > 1:
        kubernetes.use_field_path_as_env(task, env_name=NAMESPACE, field_path="metadata.namespace")
    kubernetes.add_pod_label(task, "app.kubernetes.io/name", "cladeflow")
    kubernetes.add_pod_label(task, "app.kubernetes.io/component", stage.replace("_", "-"))
    kubernetes.add_pod_label(task, STAGE_LABEL, stage)
    if profile.pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(profile.pull_secrets))
    for volume in profile.volumes:
        kubernetes.mount_pvc(task, pvc_name=volume.claim, mount_path=volume.mount)
    for secret, keys in profile.secrets.items():
        kubernetes.use_secret_as_env(task, secret_name=secret, secret_key_to_env=keys)
    for label, value in resources.selectors.items():
        kubernetes.add_node_selector(task, label, value)
    for toleration in resources.tolerations:
        kubernetes.add_toleration(task, **toleration.model_dump())


def _call(task: Task, generation: Any, **order: Any) -> str:
    """The task's call as JSON, in which KFP puts the generation when it is known."""
    fields = task.call.model_dump(mode="json", exclude_defaults=True, exclude={"generation"})
    fields |= {name: str(value) if name == "share" else value for name, value in order.items()}
    rest = json.dumps({name: value for name, value in fields.items() if value is not None})
    return f'{{"generation": {generation}, {rest[1:]}'


def generations_pipeline(
    name: str,
    components: Mapping[str, Component],
    tasks: Sequence[Task],
    profile: Profile,
    terms: Terms,
) -> Any:
    """The pipeline of ``tasks``, whatever its end recorded by the exit handler."""
    builder = Builder(components, profile, tasks)

    def pipeline(home: str = profile.home, generation: int = 0) -> None:
        # Whoever founds evolutions projects them: on one machine the command does both.
        call = json.dumps({"pipeline": name, "project": terms.start is not None})
        with dsl.ExitHandler(builder.single("record_outcome", home, call)):
            builder.generations(home, generation, terms)

    return dsl.pipeline(pipeline, name=name)
