"""Control: which settings of a recipe change from one generation to the next."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from cladeflow.strategy import Strategy

if TYPE_CHECKING:
    from cladeflow.evaluate.base import Evaluation

Setting = Literal["temperature", "threshold", "epochs_factor", "loss_tokens"]
"""What stages read of a plan's control; `Control.settings` says what each one does."""


class Control(Strategy, slot="control"):
    """Chooses the settings (temperature, threshold …) of a generation when it is planned."""

    @abstractmethod
    def settings(self, gen: int, measured: Mapping[str, float]) -> dict[str, Any]:
        """Settings by name of generation ``gen`` (from 1); what is not named stays as it is.

        Read are ``temperature``, at which rollouts sample where the recipe does not say;
        ``threshold``, the reward from which on builders keep an attempt; ``epochs_factor``, times
        the scale's number of epochs, which an update trains for; and ``loss_tokens``, which it
        trains on instead.

        ``measured`` is the exploration that an evaluation found of the agent that the generation
        starts from; empty where there was none.
        """

    def probe(self) -> "Evaluation | None":
        """What every evaluation has to measure for `settings`, besides the recipe's own."""
        return None


class Fixed(Control, name="fixed", version=1):
    """Settings that the recipe fixes beforehand, whatever is measured: s_g = schedule[min(g, G)].

    ``schedule`` lists a setting's values s_1 … s_G, one per generation; the last one holds from
    then on. Empty: everything stays as the recipe says.
    """

    schedule: dict[Setting, tuple[float, ...]] = {}

    @model_validator(mode="after")
    def _train_on_something(self) -> Self:
        amounts: tuple[Setting, ...] = ("epochs_factor", "loss_tokens")
        for name in amounts:
            if any(value <= 0 for value in self.schedule.get(name, ())):
                raise ValueError(f"schedule.{name}: {min(self.schedule[name]):g} is not above 0")
        if any(value % 1 for value in self.schedule.get("loss_tokens", ())):
            raise ValueError("schedule.loss_tokens: tokens are whole numbers")
        return self

    def settings(self, gen: int, measured: Mapping[str, float]) -> dict[str, Any]:
        return {
            name: values[min(gen, len(values)) - 1]
            for name, values in self.schedule.items()
            if values
        }
