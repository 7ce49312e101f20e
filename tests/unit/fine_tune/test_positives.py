from dataclasses import replace

from cladeflow.fine_tune import Positives, RoundData
from cladeflow.records import (
    Critique,
    Parent,
    SftExample,
    Step,
    Task,
    Trajectory,
    Verdict,
    WeightedExample,
)
from cladeflow.records.task import Message, Origin
from cladeflow.records.verdict import Outcome, Target, Verifier


def task(name: str) -> Task:
    return Task(
        env="reasoning",
        family="chain",
        prompt=(Message(role="user", text=name),),
        checker="exact",
        origin=Origin(strategy="seed_tasks", licence="CC0-1.0"),
    )


FIRST, SECOND = task("1+1"), task("2+2")


def attempt(of: Task, text: str, sample: int = 0) -> Trajectory:
    return Trajectory(
        task_id=of.id,
        agent_id="agent",
        context=(1, 2),
        steps=(Step(i=0, text=text, tokens=(3, 4)),),
        group=of.id,
        sample=sample,
        strategy="sample",
    )


def data(judged: list[tuple[Trajectory, float, Outcome]]) -> RoundData:
    verdicts = {
        made.id: Verdict(
            target=Target(id=made.id),
            value=value,
            outcome=outcome,
            by=Verifier(strategy="verifiable_reward"),
        )
        for made, value, outcome in judged
    }
    tasks = {FIRST.id: FIRST, SECOND.id: SECOND}
    return RoundData(tasks, [made for made, *_ in judged], verdicts, role="critic", gen=3)


def sources(builder: Positives, round_data: RoundData) -> list[str]:
    return [source for example in builder.build(round_data) for source in example.sources]


GOOD, BAD, OTHER = attempt(FIRST, "2"), attempt(FIRST, "3", 1), attempt(SECOND, "4")


def test_keeps_what_reaches_the_threshold() -> None:
    judged = data([(GOOD, 1.0, "checked"), (BAD, 0.9, "checked"), (OTHER, 1.5, "checked")])
    assert sources(Positives(), judged) == [GOOD.id, OTHER.id]
    assert sources(Positives(threshold=0.5), judged) == [GOOD.id, BAD.id, OTHER.id]


def test_examples_hold_what_was_sampled() -> None:
    (example,) = Positives().build(data([(GOOD, 1.0, "checked")]))
    assert isinstance(example, SftExample)
    assert (example.prompt, example.steps) == (GOOD.context, GOOD.steps)
    assert (example.role, example.gen, example.weight) == ("critic", 3, 1.0)
    assert example.licence == "CC0-1.0"


def test_failed_checks_are_no_rewards_whatever_the_threshold() -> None:
    judged = data([(GOOD, 0.0, "error"), (BAD, 0.0, "timeout"), (OTHER, 0.0, "checked")])
    assert sources(Positives(threshold=-1), judged) == [OTHER.id]


def test_unjudged_attempts_are_left_out() -> None:
    judged = data([(GOOD, 1.0, "checked")])
    both = RoundData(judged.tasks, [GOOD, BAD], judged.verdicts)
    assert sources(Positives(threshold=-1), both) == [GOOD.id]


def test_one_of_a_tasks_equal_attempts_is_kept() -> None:
    again = attempt(FIRST, "2", 5)
    judged = data([(GOOD, 1.0, "checked"), (again, 1.0, "checked"), (OTHER, 1.0, "checked")])
    assert sources(Positives(), judged) == [GOOD.id, OTHER.id]
    assert sources(Positives(dedupe=False), judged) == [GOOD.id, again.id, OTHER.id]


def test_best_k_of_each_task() -> None:
    best = attempt(FIRST, "two", 7)
    rows = [(BAD, 1.0), (GOOD, 1.0), (best, 2.0), (OTHER, 1.0)]
    judged = data([(made, value, "checked") for made, value in rows])
    assert sources(Positives(best_k=2), judged) == [best.id, GOOD.id, OTHER.id]


def test_rewards_as_weights() -> None:
    judged = data([(GOOD, 0.75, "checked")])
    (example,) = Positives(threshold=0.5, weighted=True).build(judged)
    assert isinstance(example, WeightedExample)
    assert example.weight == 0.75


def test_nothing_good_gives_no_examples() -> None:
    assert sources(Positives(), data([(BAD, 0.0, "checked")])) == []


def said(of: Trajectory, advice: str) -> Critique:
    return Critique(target=(of.id,), author="c", source="critic", advice=advice)


def test_critiques_that_were_worth_it_become_examples_of_judging() -> None:
    useful = said(BAD, "err 1").model_copy(update={"working": "1+1=2"})
    useless, unjudged = said(GOOD, "err 2"), said(OTHER, "ok")
    judged = data([(GOOD, 1.0, "checked"), (BAD, 0.0, "checked"), (OTHER, 1.0, "checked")])
    verdicts = dict(judged.verdicts)
    for critique, value in ((useful, 1.0), (useless, 0.0)):
        verdicts[critique.id] = Verdict(
            target=Target(kind="critique", id=critique.id),
            value=value,
            by=Verifier(strategy="refinement_gain"),
        )
    round_data = replace(
        judged,
        verdicts=verdicts,
        critiques={c.target[0]: [c] for c in (useful, useless, unjudged)},
        judge=lambda task, of: f"judge {task.prompt[0].text}: {of.text}?",
    )
    builder = Positives(of="critiques")
    [example] = builder.build(round_data)
    assert isinstance(example, SftExample)
    assert (example.prompt, example.role) == ("judge 1+1: 3?", "critic")
    assert [(step.text, step.tokens) for step in example.steps] == [("1+1=2\nerr 1", None)]
    assert example.sources == (useful.id,)
    assert sources(Positives(of="critiques", threshold=0.0), round_data) == [useful.id, useless.id]


def refinement(of: Trajectory, text: str) -> Trajectory:
    made = attempt(FIRST, text, 3)
    return made.model_copy(update={"parents": (Parent(traj_id=of.id, step_i=0),), "attempt": 1})


def test_the_shortcut_barrier_counts_numbers() -> None:
    """The reference has 6 numbers, what is refined 5: at least min(6, 5) - 2 = 3 are needed."""
    long = attempt(FIRST, "1+2=3\n3+=8", 2)
    short = attempt(FIRST, "=7", 4)
    rows = [
        (long, 0.0),
        (refinement(long, "3+4=7"), 1.0),
        (refinement(long, "1+2=3 x"), 1.0),
        (refinement(long, "3=7"), 1.0),
        (short, 1.0),
    ]
    judged = replace(
        data([(made, value, "checked") for made, value in rows]),
        reference=lambda task: "1+2=3\n3+4=7",
    )
    assert len(sources(Positives(), judged)) == 4
    kept = sources(Positives(barrier=2), judged)
    assert kept == [short.id, rows[1][0].id, rows[2][0].id]
    assert len(sources(Positives(barrier=3), judged)) == 4
    less = replace(judged, reference=lambda task: "3+4=7")
    assert len(sources(Positives(barrier=2), less)) == 4, "min(3, 5) - 2 = 1"


def test_a_refinement_can_be_learned_as_a_first_attempt() -> None:
    again = refinement(BAD, "2")
    judged = data([(GOOD, 1.0, "checked"), (again, 1.0, "checked")])
    prompts = {
        direct: [e.prompt for e in Positives(direct=direct, dedupe=False).build(judged)]
        for direct in (False, True)
    }
    assert prompts == {False: [(1, 2), (1, 2)], True: [(1, 2), "1+1"]}


def test_the_controls_threshold_takes_the_place_of_the_builders() -> None:
    judged = data([(GOOD, 1.0, "checked"), (BAD, 0.6, "checked"), (OTHER, 0.4, "checked")])
    assert sources(Positives(), replace(judged, threshold=0.5)) == [GOOD.id, BAD.id]
