"""Plan: the stage that commits everything mutable a generation depends on, and its controls."""

from cladeflow.plan.balance_score import BalanceScore
from cladeflow.plan.control import Control, Fixed

__all__ = ["BalanceScore", "Control", "Fixed"]
