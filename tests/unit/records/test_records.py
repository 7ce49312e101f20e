"""Records: round trips, identity by content, and refusal of what they are not."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cladeflow.errors import StoreError
from cladeflow.records import (
    Agent,
    Critique,
    Message,
    Origin,
    PreferenceExample,
    Record,
    Scaffold,
    SftExample,
    Step,
    StepJudgement,
    Target,
    Task,
    Trajectory,
    UnpairedExample,
    Usage,
    Verdict,
    Verifier,
    WeightedExample,
    canonical_json,
)
from cladeflow.records.example import Example

text = st.text(max_size=20)
number = st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda x: x + 0.0)
"""Without -0.0, which Python takes for equal to 0.0."""
steps = st.builds(
    Step,
    i=st.integers(0, 9),
    role=st.sampled_from(["agent", "tool"]),
    text=text,
    kind=st.sampled_from(["think", "act", "observe", "answer"]),
    tokens=st.none() | st.lists(st.integers(0, 999), max_size=4).map(tuple),
    logp=st.none() | st.lists(number, max_size=4).map(tuple),
    train=st.sampled_from([0.0, 0.5, 1.0]),
)
records = st.one_of(
    st.builds(
        Task,
        env=text,
        family=text,
        level=st.integers(0, 20),
        prompt=st.lists(st.builds(Message, role=text, text=text), max_size=2).map(tuple),
        checker=text,
        hidden=st.dictionaries(text, number, max_size=2),
        origin=st.builds(Origin, strategy=text),
        split=st.sampled_from(["train", "dev", "heldout", "probe"]),
    ),
    st.builds(
        Trajectory,
        task_id=text,
        agent_id=text,
        steps=st.lists(steps, max_size=3).map(tuple),
        answer=st.none() | text,
        group=text,
        strategy=text,
        usage=st.builds(Usage, gen_tokens=st.integers(0, 99)),
    ),
    st.builds(
        Verdict,
        target=st.builds(Target, id=text),
        value=number,
        ok=st.none() | st.booleans(),
        parts=st.dictionaries(text, number, max_size=3),
        by=st.builds(Verifier, strategy=text),
        outcome=st.sampled_from(["checked", "error", "timeout"]),
    ),
    st.builds(SftExample, prompt=st.lists(st.integers(0, 9)).map(tuple), steps=st.tuples(steps)),
    st.builds(Critique, target=st.tuples(text), author=text, source=st.just("critic")),
)


@given(records)
def test_a_line_reads_back_as_an_equal_record_with_the_same_id(record: Record) -> None:
    back = type(record).from_line(record.to_line())
    assert back == record
    assert back.id == record.id


@given(records, records)
def test_ids_are_equal_exactly_where_contents_are(one: Record, other: Record) -> None:
    same = type(one) is type(other) and one.canonical() == other.canonical()
    assert (one.id == other.id) == same


def test_zero_and_minus_zero_are_two_values() -> None:
    zero, minus = (Step(i=0, text="", logp=(value,)) for value in (0.0, -0.0))
    one, other = (SftExample(prompt=(1,), steps=(step,)) for step in (zero, minus))
    assert one.id != other.id
    back = SftExample.from_line(other.to_line())
    assert (back.id, back.to_line()) == (other.id, other.to_line())


@given(records)
def test_a_line_whose_content_was_changed_is_refused(record: Record) -> None:
    fields = json.loads(record.to_line()) | {"gen": 7}
    with pytest.raises(StoreError, match="does not match its id"):
        type(record).from_line(json.dumps(fields, separators=(",", ":")))


@given(records)
def test_a_line_that_is_written_another_way_is_the_same_record(record: Record) -> None:
    fields = json.loads(record.to_line())
    assert type(record).from_line(f'{{"id":"{fields.pop("id")}",{json.dumps(fields)[1:]}') == record


@pytest.mark.parametrize(
    "example",
    [
        SftExample(prompt="p", steps=(Step(i=0, text="s"),)),
        WeightedExample(prompt="p", steps=(Step(i=0, text="s"),)),
        PreferenceExample(prompt="p", chosen=(), rejected=()),
        UnpairedExample(prompt="p", response=(), label=1.0, rate=0.5),
    ],
    ids=lambda example: type(example).__name__,
)
def test_an_example_reads_back_as_the_kind_that_it_is(example: Example) -> None:
    back = Example.from_line(example.to_line())
    assert (type(back), back) == (type(example), example)


def test_an_example_of_no_kind_is_refused() -> None:
    line = SftExample(prompt="p", steps=()).to_line().replace('"p"', '"q"')
    with pytest.raises(StoreError, match="no kind of example"):
        Example.from_line(line)


def test_a_line_without_an_id_is_refused() -> None:
    with pytest.raises(StoreError, match="starts with its id"):
        Verdict.from_line('{"value":1.0}')


def test_the_canonical_form_is_fixed() -> None:
    # A change here changes every id in every home: it needs a new schema version.
    verdict = Verdict(target=Target(id="t"), value=0.5, by=Verifier(strategy="v"))
    assert (
        canonical_json(verdict.canonical())
        == '{"by":{"strategy":"v"},"target":{"id":"t"},"value":0.5}'
    )
    assert verdict.id == hashlib.sha256(f"Verdict {verdict.content}".encode()).hexdigest()
    assert verdict.to_line() == f'{{"id":"{verdict.id}",{verdict.content[1:]}'


def test_records_are_frozen_and_refuse_unknown_fields() -> None:
    step = Step(i=0, text="1+1=2\n")
    with pytest.raises(ValidationError):
        step.text = "1+1=3\n"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="colour"):
        Step.model_validate({"i": 0, "text": "", "colour": "red"})


def test_agents_that_behave_alike_share_a_digest_wherever_their_weights_lie() -> None:
    here = Agent(weights={"actor": "file:///a#d1"}, parents=("p",))
    there = Agent(weights={"actor": "store:b#d1"})
    other = Agent(weights={"actor": "file:///a#d1"}, scaffold=Scaffold(prompts={"r": "{task}"}))
    assert here.behaviour == there.behaviour != other.behaviour
    assert here.id != there.id
    assert here.id == Agent(weights={"actor": "store:b#d1"}, parents=("p",)).id


def test_first_error_is_the_first_step_marked_wrong() -> None:
    marks = (
        StepJudgement(i=3, ok=False),
        StepJudgement(i=1, ok=False),
        StepJudgement(i=0, ok=True),
    )
    critique = Critique(target=("t",), author="a", source="critic", steps=marks)
    assert critique.first_error == 1
    assert Critique(target=("t",), author="a", source="critic").first_error is None


def test_a_copy_keeps_nothing_that_was_worked_out_of_the_original() -> None:
    agent = Agent(weights={"actor": "store:a#1"})
    changed = {"weights": {"actor": "store:b#2"}}
    read = (agent.id, agent.behaviour, agent.content)
    copied, fresh = agent.model_copy(update=changed), Agent.model_validate(changed)
    assert (copied.id, copied.behaviour, copied.content) == (
        fresh.id,
        fresh.behaviour,
        fresh.content,
    )
    assert (agent.id, agent.behaviour, agent.content) == read
