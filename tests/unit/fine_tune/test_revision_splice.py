from cladeflow.fine_tune import RevisionSplice, RoundData
from cladeflow.fine_tune.sequences import flatten
from cladeflow.records import Critique, Parent, SftExample, Step, WeightedExample
from tests.dealer import TOKENIZER
from tests.tiny_models import END
from tests.unit.fine_tune.judged import attempt, task, verdict

TASK = task("1+2+3")


def written(*lines: str) -> tuple[Step, ...]:
    """Lines as a model samples them, the last with the end token."""
    tokens = [tuple(TOKENIZER.encode(line)) for line in lines]
    tokens[-1] += (END,)
    return tuple(
        Step(i=i, text=line, tokens=found, logp=(-1.0,) * len(found))
        for i, (line, found) in enumerate(zip(lines, tokens, strict=True))
    )


WRONG = attempt(TASK, 0, steps=written("1+2=4\n", "4+3=7\n", "=7"))
RIGHT = attempt(
    TASK,
    1,
    steps=written("1+2=3\n", "3+3=6\n", "=6"),
    parents=(Parent(traj_id=WRONG.id, step_i=0),),
)


def data(before: float = 0.0, after: float = 1.0, advice: str = "err 0") -> RoundData:
    critique = Critique(target=(WRONG.id,), author="env", source="env", advice=advice)
    verdicts = {WRONG.id: verdict(WRONG, before), RIGHT.id: verdict(RIGHT, after)}
    critiques = {WRONG.id: [critique]}
    return RoundData({TASK.id: TASK}, [WRONG, RIGHT], verdicts, critiques)


def weighted_text(example: SftExample | WeightedExample) -> tuple[str, str]:
    """All that the trainer reads, and the part that it learns."""
    row = flatten(example.prompt, example.steps, TOKENIZER)
    learned = [t for t, w in zip(row.tokens, row.weights, strict=True) if w]
    shown = [token for token in row.tokens if token != END]
    return TOKENIZER.decode(shown), TOKENIZER.decode([t for t in learned if t != END])


def test_the_mistake_is_read_and_the_correction_learned() -> None:
    (example,) = RevisionSplice().build(data())
    assert isinstance(example, SftExample)
    read, learned = weighted_text(example)
    assert read == "1+2+31+2=4\nerr 0\n1+2=3\n3+3=6\n=6"
    assert learned == "err 0\n1+2=3\n3+3=6\n=6"
    assert [step.i for step in example.steps] == [0, 1, 2, 3, 4]
    assert example.sources == (WRONG.id, RIGHT.id)


def test_the_response_ends_once() -> None:
    (example,) = RevisionSplice().build(data())
    row = flatten(example.prompt, example.steps, TOKENIZER)
    assert row.tokens.count(END) == 1 and row.tokens[-1] == END


def test_without_the_mask_the_mistake_is_learned_too() -> None:
    (example,) = RevisionSplice(mask=False).build(data())
    assert isinstance(example, SftExample)
    assert weighted_text(example)[1].startswith("1+2=4\n")


def test_only_what_was_wrong_and_is_right_is_spliced() -> None:
    assert not list(RevisionSplice().build(data(before=1.0)))
    assert not list(RevisionSplice().build(data(after=0.5)))
    assert len(list(RevisionSplice(threshold=0.5).build(data(after=0.5)))) == 1


def test_a_correction_without_advice_follows_at_once() -> None:
    (example,) = RevisionSplice().build(data(advice=""))
    assert isinstance(example, SftExample)
    assert weighted_text(example)[1] == "1+2=3\n3+3=6\n=6"


def test_rewards_as_weights() -> None:
    (example,) = RevisionSplice(threshold=0.5, weighted=True).build(data(after=0.75))
    assert isinstance(example, WeightedExample) and example.weight == 0.75
