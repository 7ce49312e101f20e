"""How much of the reserve a gate may use."""

from pydantic import Field

from cladeflow.records import Value


class Reserve(Value):
    """Tasks kept for testing winners once more: ``uses`` disjoint blocks of ``tasks`` each.

    The blocks are drawn from the reserve split once per evolution; each winner meets the next one,
    and none passes once all are used. A cell that holds too few tasks for all blocks gives each
    block its share.
    """

    tasks: int = Field(default=200, gt=0)
    """Per environment and block, over the cells in proportion to the held-out suite's."""
    uses: int = Field(default=10, gt=0)
    confidence: float = Field(default=0.9, gt=0.5, lt=1)
    """Of the re-test's interval; not corrected, since its tasks were never selected on."""
