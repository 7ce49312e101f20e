"""Approvals: what is signed, what is recorded, and the promotion that follows."""

import difflib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cladeflow.archive import ChampionMoved, Event, Recorded
from cladeflow.errors import CladeflowError
from cladeflow.promote.signatures import sign, verify
from cladeflow.records import Agent, EvalReport, canonical_json, digest
from cladeflow.session import Session
from cladeflow.views import generation_views

GATE = "human_approval"


class Candidate(NamedTuple):
    """An agent that waits for approval, with the report that speaks for it."""

    agent: Agent
    incumbent: Agent
    report: EvalReport
    fate: Recorded
    """The event that ended its generation."""

    @property
    def scaffold_diff(self) -> str:
        """What the agent's scaffold changes of the incumbent's, as a unified diff."""
        old, new = (
            json.dumps(one.scaffold.model_dump(mode="json"), indent=2, sort_keys=True).splitlines()
            for one in (self.incumbent, self.agent)
        )
        return "\n".join(difflib.unified_diff(old, new, "incumbent", "agent", lineterm=""))

    def message(self, expires: str) -> bytes:
        """What is signed: canonical JSON of the digests and the expiry (UTC, ISO 8601)."""
        content = {
            "agent": self.agent.id,
            "incumbent": self.incumbent.id,
            "weights": {role: ref.rpartition("#")[2] for role, ref in self.agent.weights.items()},
            "scaffold_diff": digest(self.scaffold_diff),
            "report": self.report.id,
            "expires": expires,
        }
        return canonical_json(content).encode()


def candidate(session: Session, name: str) -> Candidate:
    """The agent called ``name``, which waits for approval.

    Raises `CladeflowError` where it does not.
    """
    archive = session.archive
    agent = archive.agent(name).usable()
    for fate in archive.events(kinds=["rejected"], agents=[agent.id]):
        gates = fate.payload.get("gates", {})
        others = {outcome for gate, outcome in gates.items() if gate != GATE}
        if GATE in gates and others <= {"pass"}:
            report = _report(session, agent)
            incumbent = archive.agent(report.baseline_id).agent
            return Candidate(agent, incumbent, report, fate)
    raise CladeflowError(
        f"agent {agent.id[:12]} does not wait for approval; 'cladeflow generations' shows which "
        "children ended inconclusive because they do"
    )


def _report(session: Session, agent: Agent) -> EvalReport:
    """The report that the agent's generation ended with; raises `CladeflowError` if it is gone."""
    views = generation_views(session)
    report = next((view.report for view in views if view.agent_id == agent.id), None)
    if report is None:
        raise CladeflowError(
            f"generation {agent.gen}, which made agent {agent.id[:12]}, has no report any more: "
            f"restore what is missing below {session.store.uri}/generations/{agent.gen}"
        )
    return report


def approve(session: Session, waiting: Candidate, key: Path, days: float) -> str:
    """Sign for ``waiting`` with ``key``, and record the approval if its signer is allowed.

    Gives the signer's name. Raises `CladeflowError` where the signature does not count.
    """
    expires = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
    message = waiting.message(expires)
    signature = sign(message, key)
    signer = verify(message, signature, session.home.allowed_signers)
    event = Event(
        key=f"approved/{waiting.agent.id}/{digest(signature)[:16]}",
        kind="approved",
        agent_id=waiting.agent.id,
        payload={"expires": expires, "message": message.decode(), "signature": signature},
        who=signer,
        why=f"signed until {expires}",
    )
    session.archive.record([event])
    return signer


def promote_approved(session: Session, say: Callable[[str], None]) -> None:
    """Promote what was approved since, each against the champion that it was compared with.

    An approval that does not hold any more is said, and changes nothing.
    """
    archive = session.archive
    promoted = {event.agent_id for event in archive.events(kinds=["promoted"])}
    for approval in archive.events(kinds=["approved"]):
        if approval.agent_id in promoted:
            continue
        try:
            waiting = candidate(session, approval.agent_id)
            signer = require_valid(session, waiting, approval.payload)
            archive.record([_promotion(waiting, approval, signer)])
        except (CladeflowError, ChampionMoved) as problem:
            say(f"agent {approval.agent_id[:12]} is not promoted: {problem}")
        else:
            promoted.add(approval.agent_id)
            say(f"agent {approval.agent_id[:12]} is promoted: {signer} approved it")


def require_valid(session: Session, waiting: Candidate, payload: dict[str, Any]) -> str:
    """Who approved; raises `CladeflowError` where the approval is expired, forged or of another."""
    signed = payload["message"].encode()
    if waiting.message(payload["expires"]) != signed:
        raise CladeflowError(
            "its approval was signed for other weights, another scaffold or another report; "
            f"approve it again: cladeflow approve {waiting.agent.id[:12]}"
        )
    signer = verify(signed, payload["signature"], session.home.allowed_signers)
    if datetime.fromisoformat(payload["expires"]) < datetime.now(UTC):
        raise CladeflowError(
            f"its approval expired at {payload['expires']}; approve it again: "
            f"cladeflow approve {waiting.agent.id[:12]}"
        )
    return signer


def _promotion(waiting: Candidate, approval: Recorded, signer: str) -> Event:
    return Event(
        key=f"promoted/{waiting.agent.id}/{approval.id}",
        kind="promoted",
        agent_id=waiting.agent.id,
        incumbent_id=waiting.incumbent.id,
        payload={"gates": {**waiting.fate.payload["gates"], GATE: "pass"}},
        who=signer,
        why=f"approved ({approval.why}); {waiting.fate.why.partition('; waits for')[0]}",
    )
