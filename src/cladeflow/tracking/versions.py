"""Registered versions of one role, each agent's once, and the aliases that point to them."""

from functools import partial
from typing import TYPE_CHECKING

from cladeflow.tracking.client import TrackingError, every_page, tracking_client
from cladeflow.tracking.view import model_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

AGENT = "cladeflow.agent"
_CHAMPION, _PREVIOUS = "champion", "previous"
_POINTED = "cladeflow.champion"
"""Tag of a registered model: the agents that we pointed its alias to (two while it moves)."""
_PAGE = 1000


class Versions:
    """The registered model of one role, which must exist; `open_versions` makes it."""

    def __init__(self, client: "MlflowClient", model: "RegisteredModel") -> None:
        self._client = client
        self._name = model.name
        self._aliases = {alias: int(version) for alias, version in model.aliases.items()}
        self._pointed = [agent for agent in model.tags.get(_POINTED, "").split(",") if agent]
        self._by_agent: dict[str, ModelVersion] = {}
        search = partial(client.search_model_versions, f"name = '{model.name}'", _PAGE, None)
        for version in sorted(every_page(search), key=lambda found: int(found.version)):
            self._by_agent.setdefault(version.tags.get(AGENT, ""), version)

    def __contains__(self, agent_id: str | None) -> bool:
        return agent_id in self._by_agent

    def agent(self, number: int) -> str | None:
        """The agent whose version ``number`` is."""
        found = (a for a, version in self._by_agent.items() if int(version.version) == number)
        return next(found, None) or None

    def register(self, agent_id: str, source: str, run_id: str, tags: dict[str, str]) -> None:
        """Make the agent's version."""
        self._by_agent[agent_id] = self._client.create_model_version(
            self._name,
            source,
            run_id=run_id,
            tags={AGENT: agent_id, **tags},
            await_creation_for=0,
        )

    def tag(self, agent_id: str, tags: dict[str, str]) -> None:
        """Bring the tags of the agent's version up to date."""
        version = self._by_agent[agent_id]
        for key, value in tags.items():
            if version.tags.get(key) != value:
                self._client.set_model_version_tag(self._name, version.version, key, value)

    def moved_to(self) -> str | None:
        """The agent that a person pointed the alias ``champion`` to; None where we left it.

        Raises `TrackingError` where that is no agent of this evolution.
        """
        number = self._aliases.get(_CHAMPION)
        if number is None:
            return None
        if agent_id := self.agent(number):
            return None if agent_id in self._pointed else agent_id
        raise TrackingError(
            f"the alias {_CHAMPION!r} of {self._name} points to version {number}, which is no "
            f"agent of this evolution; point it to a version that has the tag {AGENT}"
        )

    def point(self, champion: str, previous: str | None) -> None:
        """Move the aliases; one whose agent has no version here is taken away.

        That agent has no weights of its own for the role: its actor plays it. The tag names both
        ends of a move before the alias goes. So an alias at an agent that the tag does not name
        was moved by a person, wherever a former sync stopped.
        """
        if champion in self and self._aliases.get(_CHAMPION) != self._number(champion):
            if champion not in self._pointed:
                self._note([*self._pointed, champion])
            self._set(_CHAMPION, champion)
        if champion in self and self._pointed != [champion]:
            self._note([champion])
        if previous and previous in self and self._aliases.get(_PREVIOUS) != self._number(previous):
            self._set(_PREVIOUS, previous)
        for alias, agent_id in ((_CHAMPION, champion), (_PREVIOUS, previous)):
            if agent_id not in self and alias in self._aliases:
                self._client.delete_registered_model_alias(self._name, alias)
        if champion not in self and self._pointed:
            self._note([])

    def _note(self, pointed: list[str]) -> None:
        self._client.set_registered_model_tag(self._name, _POINTED, ",".join(pointed))
        self._pointed = pointed

    def _set(self, alias: str, agent_id: str) -> None:
        number = self._number(agent_id)
        self._client.set_registered_model_alias(self._name, alias, str(number))

    def _number(self, agent_id: str) -> int:
        return int(self._by_agent[agent_id].version)


def find_versions(client: "MlflowClient", name: str) -> Versions | None:
    """The registered model called ``name``, if there is one."""
    from mlflow.exceptions import MlflowException

    try:
        return Versions(client, client.get_registered_model(name))
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def open_versions(client: "MlflowClient", name: str) -> Versions:
    """The registered model called ``name``, made where there is none."""
    return find_versions(client, name) or Versions(client, client.create_registered_model(name))


def agent_of_version(tracking_uri: str, evolution: str, number: int) -> str | None:
    """The agent that is version ``number`` of an evolution's actors, if any is.

    Raises `TrackingError`.
    """
    with tracking_client(tracking_uri) as client:
        versions = find_versions(client, model_name(evolution, "actor"))
        return versions.agent(number) if versions else None
