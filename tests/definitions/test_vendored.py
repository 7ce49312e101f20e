"""What others published is in the package byte for byte, with its licence."""

import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).parents[2] / "src/cladeflow/report/static/vendor"
ROW = re.compile(r"^\| (\S+) \| (\S+) (\S+) \| \S+ \| ([0-9a-f]{64}) \|$", re.MULTILINE)


def test_every_library_is_the_one_that_the_table_names() -> None:
    table = {row[0]: row[1:] for row in ROW.findall((VENDOR / "README.md").read_text())}
    assert table.keys() == {path.name for path in VENDOR.glob("*.js")}
    for name, (_, version, sha256) in table.items():
        data = (VENDOR / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == sha256
        assert f"v{version}" in data[:200].decode()
        assert "Permission to use" in (VENDOR / f"{name.split('.')[0]}.LICENSE").read_text()
