"""Approvals with real keys: who may sign, for what, and until when."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cladeflow.archive import Recorded
from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.promote import HumanApproval
from cladeflow.promote.approval import Candidate, require_valid
from cladeflow.promote.signatures import require_signers, sign, verify
from cladeflow.records import Agent, EvalReport, Scaffold
from cladeflow.session import Session
from tests.ssh_keys import allow, make_key

LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
FATE = Recorded(7, "decided/x", "rejected", "x", None, {"gates": {}}, "cladeflow", "", "")


def candidate(weights: str = "w#1", prompt: str = "{task}", score: int = 1) -> Candidate:
    incumbent = Agent(weights={"actor": "w#0"}, scaffold=Scaffold(prompts={"env": "{task}"}))
    agent = Agent(
        gen=1,
        weights={"actor": weights},
        scaffold=Scaffold(prompts={"env": prompt}),
        parents=(incumbent.id,),
    )
    report = EvalReport(agent_id="a", baseline_id=incumbent.id, suite=f"{score}", seeds=(0,))
    return Candidate(agent, incumbent, report, FATE)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(Home(tmp_path))


@pytest.fixture
def key(tmp_path: Path, session: Session) -> Path:
    """The key of ada, who may approve."""
    made = make_key(tmp_path / "ada")
    allow(session.home.allowed_signers, ada=made)
    return made


def approval(waiting: Candidate, key: Path, expires: str = LATER) -> dict[str, Any]:
    message = waiting.message(expires)
    return {"expires": expires, "message": message.decode(), "signature": sign(message, key)}


def test_an_allowed_signer_approves(session: Session, key: Path) -> None:
    waiting = candidate()
    assert require_valid(session, waiting, approval(waiting, key)) == "ada"


def test_what_is_signed_can_be_read() -> None:
    changed = candidate(prompt="Think. {task}")
    assert '-    "env": "{task}"' in changed.scaffold_diff
    assert '+    "env": "Think. {task}"' in changed.scaffold_diff
    assert candidate().scaffold_diff == ""
    assert changed.report.id in changed.message(LATER).decode()


@pytest.mark.parametrize(
    "other",
    [candidate(weights="w#2"), candidate(prompt="Think. {task}"), candidate(score=2)],
    ids=["weights", "scaffold", "report"],
)
def test_an_approval_is_of_one_agent_and_report(
    session: Session, key: Path, other: Candidate
) -> None:
    with pytest.raises(CladeflowError, match="other weights, another scaffold or another report"):
        require_valid(session, other, approval(candidate(), key))


def test_an_approval_expires(session: Session, key: Path) -> None:
    before = (datetime.now(UTC) - timedelta(seconds=5)).isoformat(timespec="seconds")
    waiting = candidate()
    with pytest.raises(CladeflowError, match=rf"expired at {before[:10]}.*approve it again"):
        require_valid(session, waiting, approval(waiting, key, before))
    stretched = {**approval(waiting, key, before), "expires": LATER}
    with pytest.raises(CladeflowError, match="another report"):
        require_valid(session, waiting, stretched)


def test_an_unknown_signer_approves_nothing(session: Session, key: Path, tmp_path: Path) -> None:
    waiting, stranger = candidate(), make_key(tmp_path / "eve")
    with pytest.raises(CladeflowError, match=r"of nobody in .*allowed_signers"):
        require_valid(session, waiting, approval(waiting, stranger))


def test_a_signer_who_was_taken_off_the_list_approves_nothing(
    session: Session, key: Path, tmp_path: Path
) -> None:
    waiting = candidate()
    signed = approval(waiting, key)
    allow(session.home.allowed_signers, eve=make_key(tmp_path / "eve"))
    with pytest.raises(CladeflowError, match=r"of nobody in .*allowed_signers"):
        require_valid(session, waiting, signed)


def test_a_signature_of_another_message_does_not_hold(session: Session, key: Path) -> None:
    signature = sign(b"something else", key)
    with pytest.raises(CladeflowError, match="the signature of ada does not hold"):
        verify(b"this", signature, session.home.allowed_signers)
    with pytest.raises(CladeflowError, match="of nobody in"):
        verify(b"this", "no signature", session.home.allowed_signers)


def test_a_key_that_cannot_sign_is_named(tmp_path: Path) -> None:
    with pytest.raises(CladeflowError, match=r"missing could not sign .*--key FILE"):
        sign(b"this", tmp_path / "missing")


def test_without_signers_nobody_could_approve(tmp_path: Path) -> None:
    with pytest.raises(CladeflowError, match="allowed_signers cannot be read"):
        require_signers(tmp_path / "allowed_signers")
    (tmp_path / "allowed_signers").write_text("# nobody yet\n\n")
    with pytest.raises(CladeflowError, match="names nobody"):
        require_signers(tmp_path / "allowed_signers")


def test_the_gate_waits() -> None:
    decision = HumanApproval().decide(candidate().report, tried=2)
    assert (decision.outcome, decision.tried) == ("inconclusive", 2)
    assert decision.reasons == ("waits for approval: cladeflow approve a",)
