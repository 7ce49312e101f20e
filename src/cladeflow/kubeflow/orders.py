"""What a task is told to do: a stage call as JSON, with its share of the call's shards. Stdlib."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Terms(NamedTuple):
    """What the plans of a pipeline are told besides their generation."""

    start: Mapping[str, Any] | None = None
    """What a plan founds the evolution with where the home holds none."""
    population: Mapping[str, Any] | None = None
    """Parents and children of a generation; None: one child."""
    schedule: Mapping[str, Any] | None = None
    """What the first plan of a schedule's run looks at before it begins."""


class Order(NamedTuple):
    """The ``call`` argument of a component, read."""

    call: dict[str, Any]
    """Fields of the stage call; generation 0 is the next unfinished one."""
    share: tuple[int, int] | None = None
    """Which of so many shares of the call's shards; None: the call itself."""
    terms: Terms = Terms()
    trainjob: dict[str, Any] | None = None
    """Spec of the TrainJob that carries out the call; None: the task itself does."""

    @classmethod
    def read(cls, text: str) -> "Order":
        """Read what `text` wrote."""
        fields = json.loads(text)
        fields["generation"] = int(fields["generation"])  # a number of KFP's is a float
        terms = Terms(*(fields.pop(name, None) for name in Terms._fields))
        share, trainjob = fields.pop("share", None), fields.pop("trainjob", None)
        index, of = share.split("/") if share else (0, 0)
        return cls(fields, (int(index), int(of)) if share else None, terms, trainjob)

    @property
    def path(self) -> str:
        """The call's path in the store, as `StageCall.path`."""
        call = self.call
        parts = ["generations", str(call["generation"])]
        if call.get("child") is not None:
            parts.append(str(call["child"]))
        if call.get("round") is not None:
            parts.append(f"{call['round']}.{call.get('repeat', 0)}")
        stage = call["stage"]
        update = call.get("update")
        parts.append(stage if update is None else f"{stage}.{update}")
        return "/".join(parts)

    @property
    def task(self) -> str:
        """The task as the ledger of attempts names it."""
        name = self.path.removeprefix("generations/")
        return f"{name}/share-{self.share[0]}" if self.share else name
