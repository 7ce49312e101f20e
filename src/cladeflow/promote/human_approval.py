"""Promote only what a person has signed."""

from typing import ClassVar

from cladeflow.promote.base import Gate
from cladeflow.records import Decision, EvalReport


class HumanApproval(Gate, name="human_approval", version=1):
    """Waits for an SSH signature, for agents that change code and for production.

    The generation ends with its winner inconclusive. ``cladeflow approve AGENT`` signs the digests
    of the agent's weights, its scaffold's difference to the incumbent's and the report, with an
    expiry; the home's ``allowed_signers`` decides whose signature counts. The next command that
    evolves the home then promotes the agent, if the champion is still the one that it was compared
    with (`promote/approval.py`).
    """

    waits: ClassVar[bool] = True

    def decide(self, report: EvalReport, tried: int) -> Decision:
        """Inconclusive: approvals are in the archive, which no stage after the plan reads."""
        waits = f"waits for approval: cladeflow approve {report.agent_id[:12]}"
        return self.decision(report, tried, "inconclusive", waits)
