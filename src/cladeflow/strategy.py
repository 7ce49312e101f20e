"""The one base class of strategies, and their registry.

A strategy is a frozen pydantic model in a file of its own: its fields are its options, one method
does its work, its docstring names the source and gives the formula. It registers under its
field-standard name in the slot that its room's base class declares::

    class Rollout(Strategy, slot="rollout"): ...          # rollout/base.py
    class Sample(Rollout, name="sample", version=1): ...  # rollout/sample.py
"""

from importlib import import_module
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

ROOMS = {
    "environment": "cladeflow.environments",
    "generator": "cladeflow.task_synthesis",
    "selector": "cladeflow.task_synthesis",
    "rollout": "cladeflow.rollout",
    "critique": "cladeflow.critique",
    "verification": "cladeflow.verification",
    "builder": "cladeflow.fine_tune",
    "objective": "cladeflow.fine_tune",
    "update": "cladeflow.fine_tune",
    "evaluate": "cladeflow.evaluate",
    "promote": "cladeflow.promote",
    "selection": "cladeflow.archive",
    "memory": "cladeflow.memory",
    "control": "cladeflow.plan",
}
"""The room (package) whose import registers the strategies of each slot."""

_registry: dict[tuple[str, str], type["Strategy"]] = {}


class Strategy(BaseModel):
    """One way to do one thing; options are fields, defaults included in every input hash."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    slot: ClassVar[str] = ""
    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    """Raised whenever the same inputs would give other outputs; part of every input hash."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """What the rest of the recipe must give: group, steps, logp, critique, verdict (on attempts),
    verdict:critiques, tree, role:<name>, examples:<kind> (of an objective, by its builder) …"""
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(
        cls, *, slot: str | None = None, name: str | None = None, version: int = 1, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if slot is not None:
            cls.slot = slot
        if name is not None:
            cls.name, cls.version = name, version
            _registry[cls.slot, name] = cls

    def required(self) -> frozenset[str]:
        """What these options need; `needs` unless an option changes it."""
        return self.needs

    def provided(self) -> frozenset[str]:
        """What these options give; `gives` unless an option changes it."""
        return self.gives

    def identity(self) -> dict[str, Any]:
        """Name, version and every option: what an input hash says of a strategy."""
        return {"name": self.name, "version": self.version, **self.model_dump(mode="json")}

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> Self:
        """Make the strategy from recipe options; raises pydantic's ValidationError."""
        return cls.model_validate(options)


def find(slot: str, name: str) -> type[Strategy] | None:
    """The strategy registered as ``name`` in ``slot``, importing the slot's room at first use."""
    import_module(ROOMS[slot])
    return _registry.get((slot, name))


def names(slot: str) -> list[str]:
    """Names built for ``slot``, sorted."""
    import_module(ROOMS[slot])
    return sorted(name for at, name in _registry if at == slot)
