"""``cladeflow doctor``: does everything that a run needs work on this machine?"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from cladeflow.cli.output import HOME_OPTION, JSON_OPTION, print_json, print_table
from cladeflow.errors import CladeflowError
from cladeflow.home import Home


@click.command()
@click.option(
    "--gate",
    is_flag=False,
    flag_value="default",
    metavar="[RECIPE]",
    help="Say instead what improvement the gates of a recipe can detect.",
)
@HOME_OPTION
@JSON_OPTION
def doctor(gate: str | None, home: Path, as_json: bool) -> None:
    """Check libraries, the embedded model, the checker process, and the home if there is one."""
    if gate is not None:
        from cladeflow.cli.detect import report_gates

        report_gates(gate, as_json)
        return
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", lambda: sys.version.split()[0]),
        ("libraries", _libraries),
        ("threads", _threads),
        ("embedded model", _model),
        ("checker process", _checker),
        ("recipes", _recipes),
        ("home", lambda: _home(Home(home))),
    ]
    results = [(name, *_try(check)) for name, check in checks]
    if as_json:
        print_json([{"check": n, "ok": ok, "detail": detail} for n, ok, detail in results])
    else:
        print_table(
            ["check", "", "detail"], [[n, "ok" if ok else "FAILS", d] for n, ok, d in results]
        )
    if not all(ok for _, ok, _ in results):
        raise CladeflowError("something does not work; the table says what")


def _try(check: Callable[[], str]) -> tuple[bool, str]:
    """A check's finding, or what it raised: a doctor reports every failure and goes on."""
    try:
        return True, check()
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"


def _libraries() -> str:
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "mlflow"))


def _threads() -> str:
    import torch

    return f"{torch.get_num_threads()} of {os.cpu_count()} cores, waiting passively"


def _model() -> str:
    from cladeflow.models.engine import Request, Sampling
    from cladeflow.models.transformers_engine import TransformersEngine
    from cladeflow.start import SEED_MODELS
    from cladeflow.store import seed_directory

    name = SEED_MODELS["reasoning"]
    engine = TransformersEngine(seed_directory(name))
    context = engine.tokenizer.encode_prompt("add 5+6\n")
    [future] = engine.submit([Request(context, Sampling(temperature=0, max_tokens=32), "doctor")])
    engine.pump()
    text = future.result()[0].text
    engine.close()
    return f"{name} answers add 5+6 with {' '.join(text.split())!r}"


def _checker() -> str:
    import tempfile

    from cladeflow.environments import Reasoning
    from cladeflow.records import Step
    from cladeflow.sandbox.client import CheckerClient
    from cladeflow.sandbox.gold import GoldStore

    task, gold = Reasoning().pose("chain 4+3")
    with tempfile.TemporaryDirectory() as directory:
        GoldStore(Path(directory)).add([gold])
        with CheckerClient(Path(directory)) as checker:
            [verdict] = checker.check([(task, [Step(i=0, text="4+3=7\n"), Step(i=1, text="=7")])])
    if not verdict.ok:
        raise CladeflowError(f"a right answer was judged {verdict.outcome}: {verdict.note}")
    return "judges in a process of its own"


def _recipes() -> str:
    from cladeflow.recipes import load_recipe, recipe_paths

    return f"{len([load_recipe(name) for name in recipe_paths()])} load"


def _home(home: Home) -> str:
    if not home.exists:
        return f"{home.directory}: none yet"
    from cladeflow.archive.archive import Archive

    with Archive.open(home.archive_url) as archive:
        return f"{home.directory}: {archive.evolution.recipe}, {len(archive.agents())} agents"
