"""Runs of one experiment, each created once, whatever was interrupted before."""

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cladeflow.records import digest
from cladeflow.tracking.client import every_page
from cladeflow.tracking.view import EvolutionView

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KEY, MARK = "cladeflow.key", "cladeflow.projected"
"""Tags: what a run stands for, and the digest of the content that it holds in full."""
_PARENT_RUN = "mlflow.parentRunId"
_PAGE = 1000
_ACTIVE = 1
"""MLflow's ViewType.ACTIVE_ONLY: a run that a person deleted is made again."""
_METRICS_PER_CALL = 900


class RunView(NamedTuple):
    """What one run is to hold. Times are seconds since the epoch."""

    key: str
    name: str
    step: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    started: float
    ended: float

    @property
    def mark(self) -> str:
        """Digest of the content: a run that carries it needs nothing more."""
        metrics = {name: repr(value) for name, value in self.metrics.items()}
        return digest([*self[:3], dict(self.tags), dict(self.params), metrics, *self[-2:]])


class Runs:
    """Finds all runs of the experiment with one search, then creates and fills what is missing."""

    def __init__(self, client: "MlflowClient", view: EvolutionView, artifacts: str | None) -> None:
        self._client = client
        self._experiment = _experiment(client, view, artifacts)
        search = partial(client.search_runs, [self._experiment], "", _ACTIVE, _PAGE, None)
        self._found = {run.data.tags.get(KEY): run for run in every_page(search)}

    def project(self, view: RunView, parent: str | None = None) -> str:
        """Make a run hold what ``view`` says; its id."""
        run = self._found.get(view.key) or self._create(view, parent)
        if run.data.tags.get(MARK) != view.mark:
            self._fill(run, view)
        if run.info.end_time != (end := _milliseconds(view.ended)):
            self._client.set_terminated(run.info.run_id, end_time=end)
        return str(run.info.run_id)

    def _create(self, view: RunView, parent: str | None) -> "Run":
        tags = {**view.tags, KEY: view.key, **({_PARENT_RUN: parent} if parent else {})}
        return self._client.create_run(
            self._experiment,
            start_time=_milliseconds(view.started),
            tags=tags,
            run_name=view.name,
        )

    def _fill(self, run: "Run", view: RunView) -> None:
        """Log metrics and params, and the mark with the last of them.

        Metrics carry the run's end as their time, so that MLflow drops those it has already.
        Params that are there stay: MLflow never changes a param.
        """
        from mlflow.entities import Metric, Param, RunTag

        at = _milliseconds(view.ended)
        metrics = [Metric(_name(k), v, at, view.step) for k, v in view.metrics.items()]
        while len(metrics) > _METRICS_PER_CALL:
            part, metrics = metrics[:_METRICS_PER_CALL], metrics[_METRICS_PER_CALL:]
            self._client.log_batch(run.info.run_id, metrics=part)
        params = [Param(k, v) for k, v in view.params.items() if k not in run.data.params]
        tags = [RunTag(k, v) for k, v in {**view.tags, MARK: view.mark}.items()]
        self._client.log_batch(run.info.run_id, metrics, params, tags)


def _experiment(client: "MlflowClient", view: EvolutionView, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(view.name)
    if found is not None:
        return str(found.experiment_id)
    tags = {
        "cladeflow.evolution": view.uid,
        "cladeflow.recipe": view.recipe,
        "cladeflow.scale": view.scale,
        "cladeflow.seed": str(view.seed),
    }
    return str(client.create_experiment(view.name, artifact_location=artifacts, tags=tags))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _name(metric: str) -> str:
    """A metric's name in the characters that MLflow takes."""
    return re.sub(r"[^\w\-. /:]", "_", metric)
