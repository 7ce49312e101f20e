"""The task that a report shows: what its attempts teach most comes first."""

from cladeflow.records import Critique, Parent, StepJudgement, Verdict
from cladeflow.report.attempts import shown_task
from tests.unit.report.conftest import Gather, attempt, task, verdict

PLAIN, OTHER, REFINED = task("chain 1+2"), task("chain 3+4"), task("chain 5+6")


def test_a_wrong_attempt_that_a_critique_put_right_comes_first(gather: Gather) -> None:
    pair = [attempt(PLAIN, "1+2=4"), attempt(PLAIN, "1+2=3", sample=1)]
    wrong = attempt(REFINED, "5+6=12", "=12")
    right = attempt(
        REFINED, "5+6=11", "=11", attempt=1, parents=(Parent(traj_id=wrong.id, step_i=0),)
    )
    critique = Critique(
        target=(wrong.id,), author="env", source="env", ok=False, advice="err 1",
        working="5+6=11", steps=(StepJudgement(i=0, ok=False),),
    )  # fmt: skip
    found = shown_task(
        gather(
            tasks=[PLAIN, REFINED],
            trajectories=[*pair, wrong, right],
            critiques=[critique],
            verdicts=[*map(verdict, pair, (False, True)), verdict(wrong, False, 0),
                      verdict(right, True)],
        )
    )  # fmt: skip
    assert found is not None and found.refined
    assert (found.prompt, found.family, found.level, found.generation) == (
        "chain 5+6",
        "chain",
        3,
        3,
    )
    first, second = found.attempts
    assert [line.text for line in first.lines] == ["5+6=12", "=12"]
    assert [line.wrong for line in first.lines] == [True, False]
    assert (first.outcome, first.value, first.answer) == ("wrong", 0.0, "=12")
    assert [(c.source, c.ok, c.text) for c in first.critiques] == [("env", False, "5+6=11\nerr 1")]
    assert (second.id, second.outcome, second.critiques) == (right.id, "right", ())


def test_of_two_repairs_the_one_without_an_objection_left_comes_first(gather: Gather) -> None:
    tasks, chains, said = [OTHER, REFINED], [], []
    for of in tasks:
        wrong = attempt(of, "=0")
        right = attempt(of, "=11", attempt=1, parents=(Parent(traj_id=wrong.id, step_i=0),))
        chains.append((wrong, right))
        said.append(Critique(target=(right.id,), author="env", source="env", ok=of is REFINED))
    found = shown_task(
        gather(
            tasks=tasks,
            trajectories=[one for chain in chains for one in chain],
            critiques=said,
            verdicts=[verdict(one, i == 1) for chain in chains for i, one in enumerate(chain)],
        )
    )
    assert found is not None and found.id == REFINED.id


def test_without_refinements_a_wrong_and_a_right_attempt_at_one_task(gather: Gather) -> None:
    only = attempt(OTHER, "3+4=7")
    right, wrong = attempt(PLAIN, "1+2=3"), attempt(PLAIN, "1+2=4", sample=1)
    found = shown_task(
        gather(
            tasks=[OTHER, PLAIN],
            trajectories=[only, right, wrong],
            verdicts=[verdict(only, True), verdict(right, True), verdict(wrong, False)],
        )
    )
    assert found is not None and not found.refined
    assert [one.id for one in found.attempts] == [wrong.id, right.id]


def test_the_critique_says_where_it_went_wrong_where_the_check_does_not(gather: Gather) -> None:
    wrong = attempt(PLAIN, "1+1=2", "2+1=4")
    said = Critique(
        target=(wrong.id,), author="m", source="self", steps=(StepJudgement(i=1, ok=False),)
    )
    sets = gather(
        tasks=[PLAIN], trajectories=[wrong], critiques=[said], verdicts=[verdict(wrong, False)]
    )
    found = shown_task(sets)
    assert found is not None
    assert [line.wrong for line in found.attempts[0].lines] == [False, True]


def test_an_attempt_whose_check_failed_has_no_reward(gather: Gather) -> None:
    made = attempt(PLAIN, "1+2=3")
    failed = verdict(made, False).model_copy(update={"outcome": "timeout", "note": "10 s"})
    assert isinstance(failed, Verdict)
    found = shown_task(gather(tasks=[PLAIN], trajectories=[made], verdicts=[failed]))
    assert found is not None
    (shown,) = found.attempts
    assert (shown.outcome, shown.value, shown.note) == ("unchecked", None, "10 s")


def test_nothing_attempted_is_nothing_shown(gather: Gather) -> None:
    assert shown_task(gather()) is None
    demonstrated = attempt(PLAIN, "1+2=3", agent="demonstration")
    assert shown_task(gather(tasks=[PLAIN], trajectories=[demonstrated])) is None
