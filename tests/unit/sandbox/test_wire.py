"""What crosses to the checker process: all that a check looks at, and no more."""

from hypothesis import given
from hypothesis import strategies as st

from cladeflow.environments import Toolbox
from cladeflow.records import Step, Target, ToolCall, Verdict, Verifier
from cladeflow.sandbox.wire import Batch, decode_verdict, encode_batch, encode_verdict

POSED = Toolbox().tasks(family="price", level=2, split="train", n=2, seed=0)
steps = st.builds(
    Step,
    i=st.integers(0, 99),
    role=st.sampled_from(["agent", "tool"]),
    kind=st.sampled_from(["think", "act", "observe"]),
    text=st.text(),
    tokens=st.just((1, 2)),
    logp=st.just((-0.5, -0.25)),
    call=st.just(ToolCall(tool="calc", ok=False)),
)


@given(attempt=st.lists(steps, max_size=4))
def test_steps_arrive_as_they_were_written(attempt: list[Step]) -> None:
    batch = Batch.model_validate_json(encode_batch([(POSED[0].task, attempt)]))
    ((task_id, arrived),) = batch.items
    assert batch.tasks == {task_id: POSED[0].task}
    assert task_id == POSED[0].task.id == batch.tasks[task_id].id
    assert [(s.i, s.role, s.kind, s.text) for s in arrived] == [
        (s.i, s.role, s.kind, s.text) for s in attempt
    ]
    assert all(s.tokens is s.logp is s.call is None for s in arrived)


def test_a_shared_task_is_sent_once_and_a_batch_is_one_line() -> None:
    attempt = [Step(i=0, text="answer 1\n")]
    one, many = (encode_batch([(POSED[0].task, attempt)] * n) for n in (1, 10))
    assert len(many) < len(one) + 10 * 150
    assert many.count(b"\n") == 1


@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    ok=st.none() | st.booleans(),
    parts=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
    outcome=st.sampled_from(["checked", "error", "timeout"]),
    note=st.text(),
)
def test_verdicts_survive_the_trip(
    value: float, ok: bool | None, parts: dict[str, float], outcome: str, note: str
) -> None:
    verdict = Verdict.model_validate(
        {
            "target": Target(id="t"),
            "value": value,
            "ok": ok,
            "parts": parts,
            "by": Verifier(strategy="toolbox"),
            "outcome": outcome,
            "note": note,
        }
    )
    line = encode_verdict(verdict)
    assert line.count(b"\n") == 1
    assert decode_verdict(line, "t") == verdict
