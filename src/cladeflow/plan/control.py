"""Control: which settings of a recipe change from one generation to the next."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cladeflow.strategy import Strategy

if TYPE_CHECKING:
    from cladeflow.evaluate.base import Evaluation


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

    schedule: dict[str, tuple[float, ...]] = {}

    def settings(self, gen: int, measured: Mapping[str, float]) -> dict[str, Any]:
        return {
            name: values[min(gen, len(values)) - 1]
            for name, values in self.schedule.items()
            if values
        }
