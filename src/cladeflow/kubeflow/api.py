"""The Kubeflow Pipelines API as far as it is needed here. Names are the idempotency keys."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cladeflow.kubeflow.endpoint import Endpoint
from cladeflow.kubeflow.patience import KfpRefused, Patience

ENDED = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
"""States that a run does not leave."""


class Run(NamedTuple):
    """One run as the API knows it; times are ISO 8601, empty where there is none."""

    id: str
    name: str
    state: str
    created: str
    finished: str
    recurring: str
    """Id of the recurring run that began it; empty for one that was submitted."""
    error: str

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in ENDED


class Recurring(NamedTuple):
    """One recurring run: what Kubeflow calls a schedule."""

    id: str
    name: str
    description: str
    enabled: bool
    cron: str
    concurrency: int
    created: str


class Kfp:
    """The API at one endpoint.

    Raises `KfpUnavailable` where it does not answer, `KfpRefused` where it refuses.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._ask = Patience(endpoint)  # says what to install where the next line would fail
        import kfp_server_api as models

        self._models = models
        self._run_service = models.RunServiceApi(self._ask.client)
        self._recurring_service = models.RecurringRunServiceApi(self._ask.client)
        self._experiment_service = models.ExperimentServiceApi(self._ask.client)
        self._experiment = ""

    # Runs

    def check(self) -> None:
        """Ask for nothing but an answer; raises where the endpoint or the credentials are wrong."""
        self._ask.asked(lambda: self._experiments(page_size=1), attempts=3)

    def create_run(self, name: str, spec: Any, parameters: Mapping[str, Any], about: str) -> Run:
        """The one run called ``name``: found, or created."""
        body = self._models.V2beta1Run(
            experiment_id=self.experiment(),
            display_name=name,
            description=about,
            pipeline_spec=spec,
            runtime_config=self._models.V2beta1RuntimeConfig(parameters=dict(parameters)),
            service_account=self.endpoint.service_account or None,
        )
        create = self._run_service.run_service_create_run
        return self._ask.once(
            lambda: self.runs(name),
            lambda: create(body, **self._limits),
            lambda run: None if run.ended else self.cancel(run.id),
        )

    def runs(self, name: str | None = None, limit: int = 1000) -> list[Run]:
        """The experiment's runs, newest first; those called ``name`` alone."""
        listing = self._run_service.run_service_list_runs
        experiment = self.experiment()

        def page(**more: Any) -> Any:
            return listing(
                experiment_id=experiment,
                sort_by="created_at desc",
                **_filter(name),
                **more,
                **self._limits,
            )

        return [_run(raw) for raw in self._ask.pages(page, "runs", limit)]

    def run(self, run_id: str) -> Run:
        """The run with this id."""
        get = self._run_service.run_service_get_run
        return _run(self._ask.asked(lambda: get(run_id, **self._limits)))

    def cancel(self, run_id: str) -> None:
        """Ask for a run to end."""
        end = self._run_service.run_service_terminate_run
        try:
            self._ask.asked(lambda: end(run_id, **self._limits))
        except KfpRefused as error:  # an answer that was lost may have been a yes
            if error.status != 400 or not self.run(run_id).ended:
                raise

    # Recurring runs

    def create_recurring(
        self, name: str, spec: Any, cron: str, concurrency: int, catch_up: bool, about: str
    ) -> Recurring:
        """The one recurring run called ``name``: found, or created disabled."""
        body = self._models.V2beta1RecurringRun(
            experiment_id=self.experiment(),
            display_name=name,
            description=about,
            mode=self._models.RecurringRunMode.DISABLE,
            pipeline_spec=spec,
            runtime_config=self._models.V2beta1RuntimeConfig(parameters={}),
            no_catchup=not catch_up,
            max_concurrency=str(concurrency),
            trigger=self._models.V2beta1Trigger(
                cron_schedule=self._models.V2beta1CronSchedule(cron=cron)
            ),
            service_account=self.endpoint.service_account or None,
        )
        create = self._recurring_service.recurring_run_service_create_recurring_run
        return self._ask.once(
            lambda: [one for one in self.recurring() if one.name == name],
            lambda: create(body, **self._limits),
            lambda one: self.delete(one.id),
        )

    def recurring(self) -> list[Recurring]:
        """Every recurring run of the experiment, newest first."""
        listing = self._recurring_service.recurring_run_service_list_recurring_runs
        experiment = self.experiment()

        def page(**more: Any) -> Any:
            order = "created_at desc"
            return listing(experiment_id=experiment, sort_by=order, **more, **self._limits)

        return [_recurring(raw) for raw in self._ask.pages(page, "recurring_runs")]

    def enable(self, recurring_id: str) -> None:
        """Let a recurring run begin runs."""
        call = self._recurring_service.recurring_run_service_enable_recurring_run
        self._ask.asked(lambda: call(recurring_id, **self._limits))

    def disable(self, recurring_id: str) -> None:
        """Let a recurring run begin no more runs."""
        call = self._recurring_service.recurring_run_service_disable_recurring_run
        self._ask.asked(lambda: call(recurring_id, **self._limits))

    def delete(self, recurring_id: str) -> None:
        """Remove a recurring run, which may be gone already."""
        call = self._recurring_service.recurring_run_service_delete_recurring_run
        try:
            self._ask.asked(lambda: call(recurring_id, **self._limits))
        except KfpRefused as error:
            if error.status != 404:
                raise

    # How it is asked

    def experiment(self) -> str:
        """Id of the experiment, created where there is none."""
        if not self._experiment:
            name = self.endpoint.experiment
            body = self._models.V2beta1Experiment(
                display_name=name, namespace=self.endpoint.namespace or None
            )
            create = self._experiment_service.experiment_service_create_experiment
            found: list[str] = self._ask.created(
                lambda: [raw.experiment_id for raw in self._named(name)],
                lambda: create(body, **self._limits),
            )
            self._experiment = found[-1]
        return self._experiment

    def _named(self, name: str) -> list[Any]:
        return self._ask.asked(lambda: self._experiments(**_filter(name))).experiments or []

    def _experiments(self, **fields: Any) -> Any:
        listing = self._experiment_service.experiment_service_list_experiments
        where = {"namespace": self.endpoint.namespace} if self.endpoint.namespace else {}
        return listing(**fields, **where, **self._limits)

    @property
    def _limits(self) -> dict[str, Any]:
        return {"_request_timeout": self.endpoint.timeout}


def _filter(name: str | None) -> dict[str, str]:
    if name is None:
        return {}
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return {"filter": json.dumps({"predicates": [predicate]})}


def _run(raw: Any) -> Run:
    error = raw.error.message if raw.error else ""
    times = (_time(raw.created_at), _time(raw.finished_at) if raw.state in ENDED else "")
    state = raw.state or "PENDING"
    return Run(raw.run_id, raw.display_name, state, *times, raw.recurring_run_id or "", error or "")


def _recurring(raw: Any) -> Recurring:
    return Recurring(
        id=raw.recurring_run_id,
        name=raw.display_name,
        description=raw.description or "",
        enabled=(raw.status or raw.mode) in ("ENABLED", "ENABLE"),
        cron=raw.trigger.cron_schedule.cron if raw.trigger and raw.trigger.cron_schedule else "",
        concurrency=int(raw.max_concurrency or 1),
        created=_time(raw.created_at),
    )


def _time(value: Any) -> str:
    return value.isoformat() if value else ""
