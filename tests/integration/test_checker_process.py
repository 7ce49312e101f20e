"""The checker process: right verdicts, and survival of checkers that hang, crash or misbehave."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from cladeflow.environments import Reasoning, Toolbox
from cladeflow.errors import CladeflowError
from cladeflow.records import Verdict
from cladeflow.sandbox.client import CheckerClient, _Worker
from cladeflow.sandbox.gold import GoldStore
from cladeflow.sandbox.limits import Limits
from cladeflow.sandbox.wire import Item
from tests.unit.sandbox.planted_environment import SECRET, attempt, pose

PLANTED = ("tests.unit.sandbox.planted_environment",)
TASKS = [pose(f"task {i}") for i in range(5)]


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("home") / "gold"
    GoldStore(root).add(posed.gold for posed in TASKS)
    return root


@pytest.fixture(scope="module")
def checker(gold: Path) -> Iterator[CheckerClient]:
    limits = Limits(item_seconds=0.5)
    with CheckerClient(gold, modules=PLANTED, limits=limits) as client:
        yield client


def items(*texts: str) -> list[Item]:
    tasks = [TASKS[i % len(TASKS)].task for i in range(len(texts))]
    return [(t, attempt(text)) for t, text in zip(tasks, texts, strict=True)]


def check(checker: CheckerClient, *texts: str) -> list[Verdict]:
    return checker.check(items(*texts))


def test_verdicts_come_in_order(checker: CheckerClient) -> None:
    texts = [SECRET if i % 3 else f"wrong {i}" for i in range(1000)]
    verdicts = check(checker, *texts)
    assert [v.value for v in verdicts] == [float(text == SECRET) for text in texts]
    assert [v.target.id for v in verdicts] == [TASKS[i % 5].task.id for i in range(1000)]
    assert all(v.by.strategy == "planted" and v.outcome == "checked" for v in verdicts)


def test_long_attempts_with_long_replies_get_through(checker: CheckerClient) -> None:
    """Neither side may wait for the other to read while it writes itself."""
    text = f"echo {'x' * 5000}"
    assert {(v.outcome, v.note) for v in check(checker, *[text] * 300)} == {("checked", text)}


def test_only_the_item_that_crashed_is_an_error_though_others_were_to_be_sent_ahead(
    checker: CheckerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the time that they are sent, the process is dead and its last replies are unread."""
    send = _Worker.send

    def late(self: _Worker, line: bytes, until: float) -> None:
        sleep(0.2)
        send(self, line, until)

    monkeypatch.setattr(_Worker, "send", late)
    texts = [SECRET if i % 3 else f"wrong {i}" for i in range(200)]
    for i in (0, 10, 63, 64, 130, 199):
        texts[i] = "exit"
    verdicts = check(checker, *texts)
    outcomes = ["error" if text == "exit" else "checked" for text in texts]
    assert [v.outcome for v in verdicts] == outcomes
    assert [v.value for v in verdicts] == [float(text == SECRET) for text in texts]


@pytest.mark.parametrize("hang", ["sleep", "spin"])
def test_a_hanging_check_is_killed_and_the_rest_goes_on(checker: CheckerClient, hang: str) -> None:
    began = monotonic()
    verdicts = check(checker, SECRET, hang, SECRET, "wrong")
    assert 0.5 <= monotonic() - began < 5
    assert [v.outcome for v in verdicts] == ["checked", "timeout", "checked", "checked"]
    assert [v.value for v in verdicts] == [1, 0, 1, 0]
    assert verdicts[1].ok is None and "0.5 s" in verdicts[1].note


@pytest.mark.parametrize(
    ("crash", "reason"),
    [
        ("raise", "ValueError at planted_environment.py"),
        ("hog", "MemoryError at planted_environment.py"),
        ("exit", "exit code 1"),
        ("nan", "ValidationError"),
        ("segfault", "SIGSEGV"),
    ],
)
def test_a_crashing_check_is_an_error_and_the_rest_goes_on(
    checker: CheckerClient, crash: str, reason: str
) -> None:
    verdicts = check(checker, SECRET, crash, SECRET)
    assert [v.outcome for v in verdicts] == ["checked", "error", "checked"]
    assert verdicts[1].ok is None and verdicts[1].value == 0
    assert reason in verdicts[1].note
    assert SECRET not in verdicts[1].note


def test_no_process_is_left_behind(gold: Path) -> None:
    with CheckerClient(gold, modules=PLANTED, limits=Limits(item_seconds=0.2)) as client:
        before, hung, after = check(client, "pid", "sleep", "pid")
        assert hung.outcome == "timeout"
        assert not _alive(before.note)
        assert _alive(after.note)
    assert not _alive(after.note)


PARENT = f"""
import os, sys, threading
from pathlib import Path
from cladeflow.sandbox.client import CheckerClient
from cladeflow.sandbox.limits import Limits
from tests.unit.sandbox.planted_environment import attempt, pose

client = CheckerClient(Path(sys.argv[1]), modules={PLANTED}, limits=Limits(item_seconds=0.6))
task = pose("task 0").task
print(client.check([(task, attempt("pid"))])[0].note, flush=True)
threading.Timer(0.2, os._exit, [9]).start()
client.check([(task, attempt(sys.argv[2]))])
"""
"""Dies in the middle of a check, without a chance to kill its worker."""


def test_a_worker_does_not_outlive_its_parent_for_long(gold: Path) -> None:
    paths = os.pathsep.join(filter(None, sys.path))
    parents = [
        subprocess.run(
            [sys.executable, "-c", PARENT, str(gold), doing],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        for doing in ("answer", "sleep", "spin")
    ]
    assert [parent.returncode for parent in parents] == [9, 9, 9]
    deadline = monotonic() + 10
    while any(_alive(parent.stdout) for parent in parents):
        assert monotonic() < deadline
        sleep(0.05)


def _alive(pid: str) -> bool:
    """Whether the process runs; one that has ended but was not waited for does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(int(pid))], stdout=subprocess.PIPE, text=True, check=False
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_a_batch_has_a_wall_clock_of_its_own(gold: Path) -> None:
    limits = Limits(item_seconds=60, batch_seconds=2)
    with CheckerClient(gold, modules=PLANTED, limits=limits) as client:
        verdicts = check(client, SECRET, "sleep", SECRET, SECRET)
        assert [v.outcome for v in verdicts] == ["checked", "timeout", "timeout", "timeout"]
        assert [v.value for v in check(client, SECRET)] == [1], "the next batch starts afresh"


def test_the_start_of_the_process_is_not_on_the_batchs_clock(
    gold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = 0.0
    ready = CheckerClient._ready

    def slow(self: CheckerClient) -> _Worker:
        nonlocal late
        starts = self._worker is None or not self._worker.ready
        worker = ready(self)
        late += starts * 2 * self.limits.batch_seconds
        return worker

    monkeypatch.setattr("cladeflow.sandbox.client.monotonic", lambda: monotonic() + late)
    monkeypatch.setattr(CheckerClient, "_ready", slow)
    with CheckerClient(gold, modules=PLANTED) as client:
        assert check(client, "exit")[0].outcome == "error"
        assert [v.value for v in check(client, SECRET)] == [1]


def test_replies_to_an_interrupted_batch_are_not_taken_for_those_to_the_next(
    gold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(line: bytes, task_id: str) -> Verdict:
        raise KeyboardInterrupt

    with CheckerClient(gold, modules=PLANTED) as client:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("cladeflow.sandbox.client.decode_verdict", interrupt)
            check(client, SECRET, SECRET, SECRET)
        assert [v.value for v in check(client, "wrong", SECRET)] == [0, 1]


def test_what_a_checker_prints_is_no_verdict(checker: CheckerClient) -> None:
    assert [v.value for v in check(checker, "print", SECRET)] == [0, 1]


def test_the_worker_does_not_inherit_the_environment(
    gold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with CheckerClient(gold, modules=PLANTED) as client:
        names = set(check(client, "environment")[0].note.split(","))
    assert "PATH" in names and "AWS_SECRET_ACCESS_KEY" not in names
    assert names <= {"PATH", "PYTHONPATH", "PYTHONHASHSEED", "LC_ALL"}


def test_no_gold_reaches_the_caller(gold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bytes that the worker sends, whatever its checkers do, are free of gold."""
    received: list[bytes] = []
    receive = _Worker.receive

    def spy(self: _Worker, until: float) -> bytes:
        received.append(receive(self, until))
        return received[-1]

    monkeypatch.setattr(_Worker, "receive", spy)
    with CheckerClient(gold, modules=PLANTED) as client:
        verdicts = check(client, "wrong", "raise", "print", "exit", "wrong")
    assert len(received) >= 5
    assert not any(SECRET in verdict.to_line() for verdict in verdicts)
    assert not any(SECRET.encode() in line for line in received)


def test_a_task_without_gold_is_an_error(checker: CheckerClient) -> None:
    stranger = pose("nobody knows the answer").task
    (verdict,) = checker.check([(stranger, attempt("x"))])
    assert verdict.outcome == "error"
    assert stranger.id[:12] in verdict.note


def test_gold_added_later_is_found(checker: CheckerClient, gold: Path) -> None:
    late = pose("a late task", answer="late")
    GoldStore(gold).add([late.gold])
    assert checker.check([(late.task, attempt("late"))])[0].ok


def test_a_worker_that_cannot_start_says_why(gold: Path) -> None:
    with (
        CheckerClient(gold, modules=("no_such_module",)) as client,
        pytest.raises(CladeflowError, match="no_such_module"),
    ):
        check(client, SECRET)


def test_verdicts_come_while_the_rest_is_judged(checker: CheckerClient) -> None:
    verdicts = checker.verdicts(items(SECRET, "wrong", "sleep"))
    began = monotonic()
    assert [next(verdicts).value, next(verdicts).value] == [1, 0]
    assert monotonic() - began < checker.limits.item_seconds, "nobody waits for the last one"
    assert [v.outcome for v in verdicts] == ["timeout"]


def test_verdicts_that_nobody_took_are_not_taken_for_those_of_the_next_batch(
    checker: CheckerClient,
) -> None:
    given_up = checker.verdicts(items(*[SECRET] * 200))
    assert next(given_up).value == 1
    given_up.close()
    assert [v.value for v in check(checker, "wrong", SECRET)] == [0, 1]


@pytest.mark.parametrize("env", [Reasoning(), Toolbox()], ids=lambda env: env.name)
def test_real_environments_are_judged_as_in_process(
    env: Reasoning | Toolbox, tmp_path: Path
) -> None:
    posed = [
        p
        for family, levels in env.levels.items()
        for p in env.tasks(family=family, level=levels[1], split="train", n=5, seed=1)
    ]
    GoldStore(tmp_path / "gold").add(p.gold for p in posed)
    right = [(p.task, env.demonstration(p.task)) for p in posed]
    cut = [(task, steps[:-1]) for task, steps in right]
    here = [
        env.check(task, p.gold, steps)
        for items in (right, cut)
        for p, (task, steps) in zip(posed, items, strict=True)
    ]
    with CheckerClient(tmp_path / "gold") as client:
        there = client.check([*right, *cut])
    assert [v.ok for v in there] == [True] * len(right) + [False] * len(cut)
    assert [(v.value, v.parts) for v in there] == [(v.value, v.parts) for v in here]
