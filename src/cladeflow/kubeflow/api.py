"""The Kubeflow Pipelines API as far as it is needed here: patient, and never twice for one name.

Names are the idempotency keys. Whoever creates something looks for its name first, and again
after every answer that may have been lost; where two came to be in spite of that (an answer was
slower than our patience, or two people were at once), the oldest stays and the others go.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeVar

from cladeflow.errors import CladeflowError
from cladeflow.kubeflow.endpoint import Endpoint

T = TypeVar("T")
ENDED = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
"""States that a run does not leave."""
PAUSE_SECONDS = 1.0
"""Before a second attempt; each further pause is twice as long."""
_ATTEMPTS = 5
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_PAGE = 100


class KfpUnavailable(CladeflowError):
    """The API could not be reached, or did not come to itself in time."""


class KfpRefused(CladeflowError):
    """The API answered that it will not."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


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
        self._client, self._secrets = _connected(endpoint)
        self._experiment = ""

    # Runs

    def check(self) -> None:
        """Ask for nothing but an answer; raises where the endpoint or the credentials are wrong."""
        self._asked(lambda: self._experiments(page_size=1), attempts=3)

    def create_run(self, name: str, spec: Any, parameters: dict[str, Any], about: str) -> Run:
        """The one run called ``name``: found, or created."""
        import kfp_server_api as kfp

        body = kfp.V2beta1Run(
            experiment_id=self.experiment(),
            display_name=name,
            description=about,
            pipeline_spec=spec,
            runtime_config=kfp.V2beta1RuntimeConfig(parameters=parameters),
            service_account=self.endpoint.service_account or None,
        )
        create = kfp.RunServiceApi(self._client).run_service_create_run
        return self._once(
            lambda: self.runs(name),
            lambda: create(body, **self._limits),
            lambda run: None if run.ended else self.cancel(run.id),
        )

    def runs(self, name: str | None = None, limit: int = 1000) -> list[Run]:
        """The experiment's runs, newest first; those called ``name`` alone."""
        import kfp_server_api as kfp

        listing = kfp.RunServiceApi(self._client).run_service_list_runs
        experiment = self.experiment()

        def page(**more: Any) -> Any:
            return listing(
                experiment_id=experiment,
                sort_by="created_at desc",
                **_filter(name),
                **more,
                **self._limits,
            )

        return [_run(raw) for raw in self._pages(page, "runs", limit)]

    def run(self, run_id: str) -> Run:
        """The run with this id."""
        import kfp_server_api as kfp

        get = kfp.RunServiceApi(self._client).run_service_get_run
        return _run(self._asked(lambda: get(run_id, **self._limits)))

    def cancel(self, run_id: str) -> None:
        """Ask for a run to end."""
        import kfp_server_api as kfp

        end = kfp.RunServiceApi(self._client).run_service_terminate_run
        try:
            self._asked(lambda: end(run_id, **self._limits))
        except KfpRefused as error:  # an answer that was lost may have been a yes
            if error.status != 400 or not self.run(run_id).ended:
                raise

    # Recurring runs

    def create_recurring(
        self, name: str, spec: Any, cron: str, concurrency: int, catch_up: bool, about: str
    ) -> Recurring:
        """The one recurring run called ``name``: found, or created disabled."""
        import kfp_server_api as kfp

        body = kfp.V2beta1RecurringRun(
            experiment_id=self.experiment(),
            display_name=name,
            description=about,
            mode=kfp.RecurringRunMode.DISABLE,
            pipeline_spec=spec,
            runtime_config=kfp.V2beta1RuntimeConfig(parameters={}),
            no_catchup=not catch_up,
            max_concurrency=str(concurrency),
            trigger=kfp.V2beta1Trigger(cron_schedule=kfp.V2beta1CronSchedule(cron=cron)),
            service_account=self.endpoint.service_account or None,
        )
        create = kfp.RecurringRunServiceApi(self._client).recurring_run_service_create_recurring_run
        return self._once(
            lambda: [one for one in self.recurring() if one.name == name],
            lambda: create(body, **self._limits),
            lambda one: self.delete(one.id),
        )

    def recurring(self) -> list[Recurring]:
        """Every recurring run of the experiment, newest first."""
        import kfp_server_api as kfp

        listing = kfp.RecurringRunServiceApi(self._client).recurring_run_service_list_recurring_runs
        experiment = self.experiment()

        def page(**more: Any) -> Any:
            order = "created_at desc"
            return listing(experiment_id=experiment, sort_by=order, **more, **self._limits)

        return [_recurring(raw) for raw in self._pages(page, "recurring_runs")]

    def enable(self, recurring_id: str) -> None:
        """Let a recurring run begin runs."""
        import kfp_server_api as kfp

        call = kfp.RecurringRunServiceApi(self._client).recurring_run_service_enable_recurring_run
        self._asked(lambda: call(recurring_id, **self._limits))

    def disable(self, recurring_id: str) -> None:
        """Let a recurring run begin no more runs."""
        import kfp_server_api as kfp

        call = kfp.RecurringRunServiceApi(self._client).recurring_run_service_disable_recurring_run
        self._asked(lambda: call(recurring_id, **self._limits))

    def delete(self, recurring_id: str) -> None:
        """Remove a recurring run, which may be gone already."""
        import kfp_server_api as kfp

        call = kfp.RecurringRunServiceApi(self._client).recurring_run_service_delete_recurring_run
        try:
            self._asked(lambda: call(recurring_id, **self._limits))
        except KfpRefused as error:
            if error.status != 404:
                raise

    # How it is asked

    def experiment(self) -> str:
        """Id of the experiment, created where there is none."""
        import kfp_server_api as kfp

        if not self._experiment:
            name = self.endpoint.experiment
            body = kfp.V2beta1Experiment(
                display_name=name, namespace=self.endpoint.namespace or None
            )
            create = kfp.ExperimentServiceApi(self._client).experiment_service_create_experiment
            found: list[str] = self._tried(
                lambda: [raw.experiment_id for raw in self._named(name)],
                lambda: create(body, **self._limits),
            )
            self._experiment = found[-1]
        return self._experiment

    def _named(self, name: str) -> list[Any]:
        return self._asked(lambda: self._experiments(**_filter(name))).experiments or []

    def _experiments(self, **fields: Any) -> Any:
        import kfp_server_api as kfp

        listing = kfp.ExperimentServiceApi(self._client).experiment_service_list_experiments
        where = {"namespace": self.endpoint.namespace} if self.endpoint.namespace else {}
        return listing(**fields, **where, **self._limits)

    @property
    def _limits(self) -> dict[str, Any]:
        return {"_request_timeout": self.endpoint.timeout}

    def _pages(self, page: Callable[..., Any], field: str, limit: int = 10_000) -> Iterator[Any]:
        """Items of every page, up to a limit."""
        token, given = "", 0
        while given < limit:
            more = {"page_token": token} if token else {}
            answer = self._asked(partial(page, page_size=min(_PAGE, limit), **more))
            for item in (getattr(answer, field) or [])[: limit - given]:
                given += 1
                yield item
            token = answer.next_page_token or ""
            if not token:
                return

    def _once(
        self,
        find: Callable[[], list[T]],
        create: Callable[[], Any],
        drop: Callable[[T], None],
    ) -> T:
        """What ``find`` finds after ``create`` where it found nothing before; one of it."""
        *doubles, oldest = self._tried(find, create)
        for double in doubles:
            drop(double)
        return oldest

    def _tried(self, find: Callable[[], list[T]], create: Callable[[], Any]) -> list[T]:
        """What ``find`` finds, newest first, creating it where that is nothing."""
        for attempt in range(_ATTEMPTS):
            found = find()
            if found:
                return found
            try:
                self._answer(create)
            except KfpUnavailable:
                if attempt == _ATTEMPTS - 1:
                    raise
                self._wait(attempt)
        return find()

    def _asked(self, question: Callable[[], T], attempts: int = _ATTEMPTS) -> T:
        """The answer to a question that may be asked again."""
        for attempt in range(attempts - 1):
            try:
                return self._answer(question)
            except KfpUnavailable:
                self._wait(attempt)
        return self._answer(question)

    def _wait(self, attempt: int) -> None:
        time.sleep(PAUSE_SECONDS * 2**attempt)

    def _answer(self, question: Callable[[], T]) -> T:
        """Ask once; every failure becomes one that says what to do, and holds no secret."""
        import kfp_server_api as kfp
        import urllib3

        try:
            answer = question()
        except kfp.ApiException as error:
            raise self._explained(error.status, error.body) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise KfpUnavailable(
                f"{self.endpoint.endpoint} cannot be reached ({_short(error)}); is kfp.endpoint "
                "of the profile right, and is the port-forward or the ingress up?"
            ) from None
        kind = self._client.last_response.getheader("content-type") or ""
        if "json" not in kind:  # such as the page to log in at
            raise KfpRefused(
                f"{self.endpoint.endpoint} answers with {kind or 'nothing'}, not as Kubeflow "
                "Pipelines does; is kfp.endpoint of the profile right, and the token?",
                0,
            )
        return answer

    def _explained(self, status: int, body: Any) -> CladeflowError:
        where, said = self.endpoint.endpoint, self._without_secrets(_said(body))
        if status in (401, 403):
            source = self.endpoint.token_env or self.endpoint.token_file or "none is named"
            return KfpRefused(
                f"{where} refuses the credentials ({status}: {said}); the token of the profile's "
                f"kfp section ({source}) is missing, wrong or expired",
                status,
            )
        if status in _PASSING:
            return KfpUnavailable(f"{where} answers {status} ({said}), also after a while")
        if status == 0:
            return KfpUnavailable(f"{where} cannot be reached ({said})")
        return KfpRefused(f"{where} refuses ({status}: {said})", status)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


def _connected(endpoint: Endpoint) -> tuple[Any, tuple[str, ...]]:
    """A client of the generated API, and what it must never show."""
    try:
        import kfp_server_api as kfp
    except ImportError as error:
        raise CladeflowError(
            f"kfp_server_api cannot be imported ({error}); install it with "
            "pip install 'cladeflow[kubeflow]'"
        ) from error
    token = endpoint.token()
    settings = kfp.Configuration(host=endpoint.endpoint.rstrip("/"))
    settings.retries = False  # they are ours, told apart by what was asked
    if endpoint.ca_file is not None:
        settings.ssl_ca_cert = str(endpoint.ca_file.expanduser())
    if token:
        settings.api_key["authorization"] = token
        settings.api_key_prefix["authorization"] = "Bearer"
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return kfp.ApiClient(settings), (token,) if token else ()


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


def _said(body: Any) -> str:
    """What the server says of an error, in one short line."""
    try:
        fields = json.loads(body)
        text = str(fields.get("message") or fields.get("error") or fields)
    except (ValueError, TypeError, AttributeError):
        text = str(body or "no explanation")
    return " ".join(text.split())[:300]


def _short(error: BaseException) -> str:
    """An error without the address of its connection object."""
    return str(error).rpartition("at 0x")[2].partition(": ")[2] or type(error).__name__
