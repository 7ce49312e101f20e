"""Real SSH keys for tests of approvals."""

import subprocess
from pathlib import Path


def make_key(path: Path) -> Path:
    """A new ed25519 key without a passphrase."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def allow(allowed: Path, **signers: Path) -> None:
    """Write the file of allowed signers: keys by the name of whom they belong to."""
    lines = [
        f"{name} {key.with_suffix('.pub').read_text().rsplit(' ', 1)[0]}"
        for name, key in signers.items()
    ]
    allowed.parent.mkdir(parents=True, exist_ok=True)
    allowed.write_text("\n".join(lines) + "\n")
