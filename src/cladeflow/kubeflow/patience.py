"""Asking an API that has its moods: what is asked again, and what an answer that fails means.

Whoever creates something looks for its name first, and again after every answer that may have been
lost; where two came to be in spite of that (an answer was slower than our patience, or two people
were at once), the oldest stays and the others go.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from cladeflow.errors import CladeflowError
from cladeflow.kubeflow.endpoint import Endpoint
from cladeflow.kubeflow.extra import missing

T = TypeVar("T")
PAUSE_SECONDS = 1.0
"""Before a second attempt; each further pause is twice as long."""
ATTEMPTS = 5
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers that another attempt may better."""
_PAGE = 100


def again(question: Callable[[], T], passing: type[Exception], attempts: int = ATTEMPTS) -> T:
    """The answer to a question that is asked again, after a pause, where it fails in passing."""
    for attempt in range(attempts - 1):
        try:
            return question()
        except passing:
            _wait(attempt)
    return question()


def _wait(attempt: int) -> None:
    time.sleep(PAUSE_SECONDS * 2**attempt)


class KfpUnavailable(CladeflowError):
    """The API could not be reached, or did not come to itself in time."""


class Refused(CladeflowError):
    """An API answered that it will not, with this status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class KfpRefused(Refused):
    """Kubeflow Pipelines answered that it will not."""


class Patience:
    """Asks the API at one endpoint, as often as it is worth it.

    Raises `KfpUnavailable` where it does not answer, `KfpRefused` where it refuses.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.client, self._secrets = _connected(endpoint)

    def pages(self, page: Callable[..., Any], field: str, limit: int = 10_000) -> Iterator[Any]:
        """Items of every page, up to a limit."""
        token, given = "", 0
        while given < limit:
            more = {"page_token": token} if token else {}
            answer = self.asked(partial(page, page_size=min(_PAGE, limit), **more))
            for item in (getattr(answer, field) or [])[: limit - given]:
                given += 1
                yield item
            token = answer.next_page_token or ""
            if not token:
                return

    def once(
        self,
        find: Callable[[], list[T]],
        create: Callable[[], Any],
        drop: Callable[[T], None],
    ) -> T:
        """What ``find`` finds after ``create`` where it found nothing before; one of it."""
        *doubles, oldest = self.created(find, create)
        for double in doubles:
            drop(double)
        return oldest

    def created(self, find: Callable[[], list[T]], create: Callable[[], Any]) -> list[T]:
        """What ``find`` finds, newest first, creating it where that is nothing."""
        for attempt in range(ATTEMPTS):
            found = find()
            if found:
                return found
            try:
                self._answer(create)
            except KfpUnavailable:
                if attempt == ATTEMPTS - 1:
                    raise
                _wait(attempt)
            except KfpRefused as error:  # somebody else was faster
                if error.status != 409:
                    raise
            else:
                break
        found = find()
        if not found:
            raise KfpUnavailable(
                f"{self.endpoint.endpoint} took what was created, and does not list it"
            )
        return found

    def asked(self, question: Callable[[], T], attempts: int = ATTEMPTS) -> T:
        """The answer to a question that may be asked again."""
        return again(lambda: self._answer(question), KfpUnavailable, attempts)

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
                f"{self.endpoint.endpoint} cannot be reached ({short(error)}); is kfp.endpoint "
                "of the profile right, and is the port-forward or the ingress up?"
            ) from None
        kind = self.client.last_response.getheader("content-type") or ""
        if "json" not in kind:  # such as the page to log in at
            raise KfpRefused(
                f"{self.endpoint.endpoint} answers with {kind or 'nothing'}, not as Kubeflow "
                "Pipelines does; is kfp.endpoint of the profile right, and the token?",
                0,
            )
        return answer

    def _explained(self, status: int, body: Any) -> CladeflowError:
        where, why = self.endpoint.endpoint, self._without_secrets(said(body))
        if status in (401, 403):
            source = self.endpoint.token_env or self.endpoint.token_file or "none is named"
            return KfpRefused(
                f"{where} refuses the credentials ({status}: {why}); the token of the profile's "
                f"kfp section ({source}) is missing, wrong or expired",
                status,
            )
        if status in PASSING:
            return KfpUnavailable(f"{where} answers {status} ({why}), also after a while")
        if status == 0:
            return KfpUnavailable(f"{where} cannot be reached ({why})")
        return KfpRefused(f"{where} refuses ({status}: {why})", status)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


def _connected(endpoint: Endpoint) -> tuple[Any, tuple[str, ...]]:
    """A client of the generated API, and what it must never show."""
    try:
        import kfp_server_api as kfp
    except ImportError as error:
        raise missing("kfp_server_api", error) from error
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


def said(body: Any) -> str:
    """What a server says of an error, in one short line."""
    try:
        fields = json.loads(body)
        text = str(fields.get("message") or fields.get("error") or fields)
    except (ValueError, TypeError, AttributeError):
        text = str(body or "no explanation")
    return " ".join(text.split())[:300]


def short(error: BaseException) -> str:
    """An error without the address of its connection object."""
    return str(error).rpartition("at 0x")[2].partition(": ")[2] or type(error).__name__
