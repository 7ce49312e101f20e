"""A cluster profile: what a cluster offers to a pipeline's stages, read strictly from YAML."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from cladeflow.errors import RecipeError
from cladeflow.graph import StageName
from cladeflow.kubeflow.complaints import complaint
from cladeflow.kubeflow.endpoint import Endpoint
from cladeflow.recipes.parse import load_yaml, nearest
from cladeflow.records import Value

Chore = Literal["fused_round", "record_outcome"]
ProfileStage = Literal[StageName, Chore]
"""What a task can be: a stage, all passes of a repeated round, or a chore of a pipeline."""
PROFILE_STAGES: tuple[str, ...] = get_args(ProfileStage)
Map = Literal["rollout", "critique", "verification", "evaluate"]
"""A stage whose shards several tasks can share."""

_REFERENCE = re.compile(r"[\w.\-/:]+(@sha256:[0-9a-f]{64})?")
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
"""A Kubernetes object's name."""
Quantity = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)?(m|[KMGT]i?)?$")]
"""An amount as Kubernetes writes it: 500m, 2, 16Gi."""


class Gpu(Value):
    """GPUs of one task, and the roles whose models they hold."""

    type: str = "nvidia.com/gpu"
    count: int = Field(default=1, ge=1)
    roles: tuple[str, ...] = ("actor",)


class Toleration(Value):
    """A taint that a stage's pods may run in spite of."""

    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None

    @model_validator(mode="after")
    def _value_fits(self) -> Self:
        if (self.operator == "Equal") != (self.value is not None):
            raise ValueError("operator Equal needs a value, Exists takes none")
        return self


class StageResources(Value):
    """Where and with what the tasks of one stage run."""

    image: str = "core"
    """A name under ``images``."""
    cpu: Quantity = "1"
    memory: Quantity = "4Gi"
    gpu: Gpu | None = None
    timeout: int = Field(default=3600, gt=0)
    """Seconds after which a pod is stopped; a retry resumes what it has committed."""
    selectors: dict[str, str] = {}
    """Labels of the nodes that will do."""
    tolerations: tuple[Toleration, ...] = ()
    nodes: int = Field(default=1, ge=1)
    """How many pods train together, each with all of this; more than 1 are a TrainJob's."""


class Trainer(Value):
    """The runtime of Kubeflow Trainer that TrainJobs refer to; one of torch, such as it ships."""

    runtime: Name = "torch-distributed"
    kind: Literal["ClusterTrainingRuntime", "TrainingRuntime"] = "ClusterTrainingRuntime"


class Volume(Value):
    """An existing PersistentVolumeClaim, mounted into every task."""

    claim: Name
    mount: str = Field(pattern=r"^/[^:]*$")


class Retries(Value):
    """How often KFP starts a pod again that failed, and how long it waits before."""

    count: int = Field(default=3, ge=0, le=20)
    seconds: int = Field(default=30, ge=0)
    factor: float = Field(default=2.0, ge=1)
    most_seconds: int = Field(default=600, ge=0)


class Profile(Value):
    """Everything about a cluster that a compiled pipeline holds."""

    name: str
    registry: str = ""
    """Put before every image."""
    images: dict[str, str]
    """Reference by name, with a digest where ``digest_only``."""
    digest_only: bool = True
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    pull_secrets: tuple[Name, ...] = ()
    home: str
    """Where the evolution lives, on one of the volumes."""
    volumes: tuple[Volume, ...] = ()
    secrets: dict[Name, dict[str, str]] = {}
    """Key to environment variable, by the name of an existing secret."""
    environment: dict[str, str] = {}
    defaults: StageResources = StageResources()
    stages: dict[ProfileStage, StageResources] = {}
    """What differs from ``defaults``, by stage."""
    shards: dict[Map, int] = {}
    """Tasks that share the shards of a stage; 1 where it is not named."""
    retries: Retries = Retries()
    trainer: Trainer = Trainer()
    kfp_timezone: str = "UTC"
    """The time zone of the KFP installation's cron, which has one for all."""
    kfp: Endpoint | None = None
    """Where the API answers whoever submits."""
    kfp_in_cluster: Endpoint | None = None
    """Where it answers pods, so that a schedule can pause itself; None: it cannot."""

    @field_validator("images")
    @classmethod
    def _references(cls, images: dict[str, str]) -> dict[str, str]:
        for name, reference in images.items():
            if not _REFERENCE.fullmatch(reference):
                raise ValueError(f"{name}: {reference!r} is no image reference")
        return images

    @field_validator("shards")
    @classmethod
    def _at_least_one(cls, shards: dict[str, int]) -> dict[str, int]:
        for stage, count in shards.items():
            if not 1 <= count <= 200:  # every iteration is two pods and a node of the workflow
                raise ValueError(f"{stage}: {count} is not between 1 and 200")
        return shards

    @field_validator("kfp_timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is no time zone such as UTC or Europe/Berlin") from error
        return name

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        named = [("defaults", self.defaults), *((f"stages.{k}", v) for k, v in self.stages.items())]
        for place, stage in named:
            if stage.image not in self.images:
                hint = nearest(stage.image, self.images)
                raise ValueError(f"{place}.image: unknown image {stage.image!r}{hint}")
        for name, reference in self.images.items():
            if self.digest_only and not _DIGEST.search(reference):
                raise ValueError(
                    f"images.{name}: {reference} has no digest; write NAME@sha256:…, "
                    "or set digest_only: false"
                )
        if not self._mounts(self.home):
            raise ValueError(f"home: {self._lost(self.home)}")
        for place, stage in named:
            if stage.nodes > 1 and (reason := self._unfit_for_nodes(place, stage)):
                raise ValueError(f"{place}.nodes: {reason}")
        return self

    def _unfit_for_nodes(self, place: str, stage: StageResources) -> str:
        """Why a stage cannot run on several nodes; empty where it can."""
        if place != "stages.fine_tune":
            return "only stages.fine_tune trains on several nodes"
        if stage.gpu is None:
            return f"{stage.nodes} nodes train on GPUs; say with stages.fine_tune.gpu on which"
        if self.kfp is None or not self.kfp.service_account:
            return (
                "the step makes a TrainJob, and needs an account that may: name it in "
                "kfp.service_account (docs/kubeflow.md has its role)"
            )
        taken = sorted(name for name in self.environment if name.startswith("PET_"))
        return f"environment.{taken[0]} is what torchrun is told by the TrainJob" if taken else ""

    def on_a_volume(self, home: str) -> str:
        """``home``; raises `RecipeError` where pods would lose it."""
        if not self._mounts(home):
            raise RecipeError(f"--home: {self._lost(home)}")
        return home

    def _mounts(self, home: str) -> bool:
        mounts = [volume.mount.rstrip("/") for volume in self.volumes]
        return any(f"{home}/".startswith(f"{mount}/") for mount in mounts)

    def _lost(self, home: str) -> str:
        return f"{home} lies on none of the volumes; pods would not find it again"

    def stage(self, name: str) -> StageResources:
        """What a stage's tasks get."""
        named = (wanted for stage, wanted in self.stages.items() if stage == name)
        return next(named, self.defaults)

    def shares(self, name: str) -> int:
        """How many tasks share a stage's shards."""
        return next((count for stage, count in self.shards.items() if stage == name), 1)

    def pod(self, name: str) -> StageResources:
        """What the pods of a stage's tasks get.

        Where a TrainJob trains on several nodes, these have what the stage says; the pod that
        waits for it has what ``defaults`` says, and no GPU.
        """
        wanted = self.stage(name)
        if wanted.nodes == 1:
            return wanted
        return self.defaults.model_copy(update={"gpu": None, "timeout": wanted.timeout})

    def image(self, name: str) -> str:
        """The whole reference of an image."""
        return f"{self.registry.rstrip('/')}/{self.images[name]}".lstrip("/")

    def stages_by_image(self) -> dict[str, list[str]]:
        """Whole reference of every image, with the stages that run in it."""
        found: dict[str, list[str]] = {self.image(name): [] for name in self.images}
        for stage in PROFILE_STAGES:
            for image in dict.fromkeys((self.stage(stage).image, self.pod(stage).image)):
                found[self.image(image)].append(stage)
        return found


def read_profile(path: Path) -> Profile:
    """Read a profile; raises `RecipeError` that names the place and the nearest valid name."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"{path}: cannot be read as a profile ({error}); 'cladeflow profile init' writes one"
        ) from error
    return parse_profile(text, path.name)


def parse_profile(text: str, source: str) -> Profile:
    """The profile of a YAML text; each stage starts from ``defaults``."""
    raw: Any = load_yaml(text, source)
    if not isinstance(raw, dict):
        raise RecipeError(f"{source}: a profile is a mapping of keys such as images and stages")
    try:
        return Profile.model_validate(_inherited({"name": Path(source).stem, **raw}))
    except ValidationError as error:
        raise RecipeError(f"{source}: {complaint(Profile, error)}") from error


def _inherited(raw: dict[str, Any]) -> dict[str, Any]:
    """``raw`` with every stage completed from ``defaults``."""
    defaults, stages = raw.get("defaults") or {}, raw.get("stages") or {}
    if not (isinstance(defaults, dict) and isinstance(stages, dict)):
        return raw
    complete = {
        name: {**defaults, **stage} if isinstance(stage, dict) else stage
        for name, stage in stages.items()
    }
    return {**raw, "stages": complete}


def example() -> str:
    """The commented profile that ``cladeflow profile init`` writes."""
    return (files("cladeflow.kubeflow") / "profile.example.yaml").read_text()
