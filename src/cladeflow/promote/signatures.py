"""SSH signatures, made and verified by OpenSSH's ssh-keygen."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from cladeflow.errors import CladeflowError

NAMESPACE = "cladeflow"
"""What a signature is for: one made for files or mail is none here."""


def require_signers(allowed: Path) -> None:
    """Raise `CladeflowError` where nobody could approve anything."""
    if shutil.which("ssh-keygen") is None:
        raise CladeflowError("human_approval needs ssh-keygen: install openssh-client")
    try:
        lines = allowed.read_text().splitlines()
    except OSError as error:
        raise CladeflowError(
            f"human_approval: {allowed} cannot be read ({error.strerror}); write a line such as "
            "'name@example.org ssh-ed25519 AAAA…' for everyone who may approve (see ssh-keygen(1), "
            "ALLOWED SIGNERS), or leave human_approval out of the recipe's promote"
        ) from error
    if not any(line.strip() and not line.startswith("#") for line in lines):
        raise CladeflowError(f"human_approval: {allowed} names nobody who may approve")


def sign(message: bytes, key: Path) -> str:
    """The armoured signature of ``message`` by a private key (or an agent's, by its public key).

    Raises `CladeflowError` where ssh-keygen refuses.
    """
    ran = _run(["-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key)], message)
    if ran.returncode:
        raise CladeflowError(
            f"{key} could not sign ({_said(ran)}); name a private key with --key FILE"
        )
    return ran.stdout.decode()


def verify(message: bytes, signature: str, allowed: Path) -> str:
    """Who signed; raises `CladeflowError` for a signer that is not allowed or another message."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "signature"
        path.write_text(signature)
        files = ["-s", str(path), "-f", str(allowed)]
        found = _run(["-Y", "find-principals", *files], b"")
        names = found.stdout.decode().split()
        if found.returncode or not names:
            raise CladeflowError(
                f"the signature is of nobody in {allowed} ({_said(found)}); an allowed signer has "
                "to approve"
            )
        ran = _run(["-Y", "verify", "-n", NAMESPACE, "-I", names[0], *files], message)
    if ran.returncode:
        raise CladeflowError(f"the signature of {names[0]} does not hold ({_said(ran)})")
    return names[0]


def _run(arguments: list[str], message: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["ssh-keygen", *arguments], input=message, capture_output=True)


def _said(ran: "subprocess.CompletedProcess[bytes]") -> str:
    text = (ran.stderr or ran.stdout).decode(errors="replace").strip()
    return text.splitlines()[-1] if text else f"ssh-keygen ended with {ran.returncode}"
