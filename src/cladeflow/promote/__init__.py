"""Promotion: gates between a child and the incumbent's place."""

from cladeflow.promote.always import Always
from cladeflow.promote.base import Gate
from cladeflow.promote.human_approval import HumanApproval
from cladeflow.promote.pareto_gate import ParetoGate
from cladeflow.promote.recheck import Recheck
from cladeflow.promote.threshold_gate import ThresholdGate

__all__ = ["Always", "Gate", "HumanApproval", "ParetoGate", "Recheck", "ThresholdGate"]
