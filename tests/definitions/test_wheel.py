"""The wheel holds the package, all of it, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cladeflow"


def run(*command: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=os.environ | env, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(out), ".", cwd=ROOT)
    (built,) = out.glob("*.whl")
    return built


def members(wheel: Path) -> Iterator[str]:
    with ZipFile(wheel) as archive:
        yield from archive.namelist()


def test_the_only_top_level_name_is_the_package(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in members(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"cladeflow"}


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in members(wheel) if name.startswith("cladeflow/")} == source


@pytest.mark.parametrize(
    "pattern",
    [
        "recipes/*/default.yaml",
        "recipes/*/star.yaml",
        "recipes/scales/tiny.yaml",
        "archive/migrations/versions/*.py",
        "report/static/vendor/d3.min.js",
        "report/static/vendor/d3.LICENSE",
        "report/templates/page.html",
        "models/seeds/seed-reasoning-1/model.safetensors",
        "models/seeds/seed-reasoning-1/tokenizer.json",
    ],
)
def test_the_data_that_the_code_reads_is_in_the_wheel(wheel: Path, pattern: str) -> None:
    assert any(PurePosixPath(name).match(f"cladeflow/{pattern}") for name in members(wheel))


def test_it_runs_from_an_empty_directory(wheel: Path, tmp_path: Path) -> None:
    site = str(tmp_path / "site")
    run("-m", "pip", "install", "--no-deps", "--target", site, str(wheel), cwd=tmp_path)
    where = run("-c", "import cladeflow; print(cladeflow.__file__)", cwd=tmp_path, PYTHONPATH=site)
    assert where.startswith(site)
    listed = run("-m", "cladeflow", "recipes", "list", cwd=tmp_path, PYTHONPATH=site)
    assert "star" in listed
