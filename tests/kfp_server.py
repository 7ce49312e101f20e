"""A Kubeflow Pipelines API on this machine: real HTTP, state, and faults on request.

It implements what `cladeflow.kubeflow.api` calls. Bodies are validated with the models of
``kfp-server-api``: every key must be one of the model's, every enum value one of its values.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import kfp_server_api

from tests.fake_api import FakeApi, Refused


class KfpServer(FakeApi):
    """Serves from ``__enter__`` to ``__exit__``. State is plain dicts, in the API's own fields."""

    prefix = "/apis/v2beta1"

    def __init__(self, token: str = "") -> None:
        super().__init__()
        self.token = token
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.recurring: dict[str, dict[str, Any]] = {}
        self.most_enabled = 0
        """Recurring runs that were ever enabled at once."""
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._births = 0

    # What a test does to it

    def end(self, run_id: str, state: str = "SUCCEEDED", message: str = "") -> None:
        self.runs[run_id] |= {"state": state, "finished_at": self._stamp()}
        if message:
            self.runs[run_id]["error"] = {"code": 13, "message": message}

    def tick(self, at: datetime | None = None) -> list[str]:
        """Begin a run of every enabled recurring run, as its cron would; their ids."""
        begun = []
        for one in self.recurring.values():
            if one["status"] == "ENABLED":
                fields = {"display_name": one["display_name"], "pipeline_spec": {"copied": True}}
                fields["experiment_id"] = one["experiment_id"]
                run = self._born(self.runs, "run_id", fields)
                run |= {"state": "RUNNING", "recurring_run_id": one["recurring_run_id"]}
                if at is not None:
                    run["created_at"] = at.isoformat()
                begun.append(run["run_id"])
        return begun

    # What it answers

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str) -> Any:
        if self.token and token != f"Bearer {self.token}":
            raise Refused(401, f"no access with {token!r}")
        if not path.startswith(f"{self.prefix}/"):
            raise Refused(404, "not found")
        answer = self._route(method, path.removeprefix(self.prefix), query, body)
        enabled = [one for one in self.recurring.values() if one["status"] == "ENABLED"]
        self.most_enabled = max(self.most_enabled, len(enabled))
        return answer

    def _route(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        kind, _, rest = path.strip("/").partition("/")
        if kind not in ("experiments", "runs", "recurringruns"):
            raise Refused(404, f"no such path {path}")
        name, _, verb = rest.partition(":")
        tables = {
            "experiments": (self.experiments, "experiments", "V2beta1Experiment"),
            "runs": (self.runs, "runs", "V2beta1Run"),
            "recurringruns": (self.recurring, "recurringRuns", "V2beta1RecurringRun"),
        }
        table, field, model = tables[kind]
        if not name:
            if method == "GET":
                return self._list(table, field, query)
            validate(body, model)
            return getattr(self, f"_create_{kind}")(body)
        if name not in table:
            raise Refused(404, f"{kind} {name} not found")
        if method == "GET":
            return table[name]
        if method == "DELETE":
            return table.pop(name) and {}
        return self._act(kind, table[name], verb)

    def _list(self, table: dict[str, dict[str, Any]], field: str, query: dict[str, str]) -> Any:
        rows = sorted(table.values(), key=lambda row: row["born"], reverse=True)
        if "experiment_id" in query:
            rows = [row for row in rows if row["experiment_id"] == query["experiment_id"]]
        for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
            wanted = predicate.pop("stringValue")
            validate({**predicate, "string_value": wanted}, "V2beta1Predicate")
            assert predicate == {"operation": "EQUALS", "key": "display_name"}
            rows = [row for row in rows if row["display_name"] == wanted]
        start, size = int(query.get("page_token") or 0), int(query.get("page_size") or 10)
        more = {"next_page_token": str(start + size)} if start + size < len(rows) else {}
        return {field: rows[start : start + size], "total_size": len(rows), **more}

    def _create_experiments(self, body: dict[str, Any]) -> Any:
        return self._born(self.experiments, "experiment_id", body)

    def _create_runs(self, body: dict[str, Any]) -> Any:
        self._require_pipeline(body)
        return self._born(self.runs, "run_id", {**body, "state": "PENDING"})

    def _create_recurringruns(self, body: dict[str, Any]) -> Any:
        self._require_pipeline(body)
        if len(body["trigger"]["cron_schedule"]["cron"].split()) != 6:
            raise Refused(400, "the cron needs six fields")
        if not 1 <= int(body["max_concurrency"]) <= 10:
            raise Refused(400, "max_concurrency out of range")
        status = {"ENABLE": "ENABLED", "DISABLE": "DISABLED"}[body["mode"]]
        return self._born(self.recurring, "recurring_run_id", {**body, "status": status})

    def _require_pipeline(self, body: dict[str, Any]) -> None:
        if body.get("experiment_id") not in self.experiments:
            raise Refused(400, "no such experiment")
        spec = body.get("pipeline_spec", {})
        if "pipelineInfo" not in spec.get("pipeline_spec", spec):
            raise Refused(400, "no pipeline")

    def _act(self, kind: str, row: dict[str, Any], verb: str) -> Any:
        if (kind, verb) == ("runs", "terminate"):
            if row["state"] not in ("PENDING", "RUNNING"):
                raise Refused(400, "the run has ended")
            row |= {"state": "CANCELED", "finished_at": self._stamp()}
        elif kind == "recurringruns" and verb in ("enable", "disable"):
            row["status"] = f"{verb.upper()}D"
        else:
            raise Refused(404, f"no such action {verb}")
        return {}

    def _born(
        self, table: dict[str, dict[str, Any]], key: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        self._births += 1
        row = {**body, key: str(uuid4()), "created_at": self._stamp(), "born": self._births}
        table[row[key]] = row
        return row

    def _stamp(self) -> str:
        return self.now().isoformat()


def age(row: dict[str, Any], **by: float) -> None:
    """Let something have been created earlier."""
    row["created_at"] = (datetime.fromisoformat(row["created_at"]) - timedelta(**by)).isoformat()


def validate(body: Any, model: str) -> None:
    """Raise `Refused` where ``body`` is no JSON of a model of kfp-server-api."""
    nested = re.fullmatch(r"(list\[|dict\(str, )(\w+)[\])]", model)
    if nested:
        for value in body.values() if isinstance(body, dict) else body:
            validate(value, nested[2])
        return
    kind = getattr(kfp_server_api, model, None)
    if kind is None:
        plain = {"str": str, "bool": bool, "int": int, "datetime": str}.get(model, object)
        if not isinstance(body, plain):
            raise Refused(400, f"{body!r} is no {model}")
        return
    if not kind.openapi_types:
        if body not in kind.allowable_values:
            raise Refused(400, f"{body!r} is none of {kind.allowable_values}")
        return
    fields = {key: kind.openapi_types[name] for name, key in kind.attribute_map.items()}
    for key, value in body.items():
        if key not in fields:
            raise Refused(400, f"unknown field {key!r} of {model}")
        validate(value, fields[key])
