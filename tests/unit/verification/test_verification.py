"""Verification strategies against verdicts computed by hand."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from math import exp, log
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chisquare

from cladeflow.environments import Toolbox
from cladeflow.records import Critique, Step, Trajectory, Verdict
from cladeflow.sandbox.client import CheckerClient
from cladeflow.sandbox.gold import GoldStore
from cladeflow.verification import (
    Confidence,
    Group,
    MajorityVote,
    Shuffled,
    VerifiableReward,
    Verification,
    VerifyContext,
)

ENV = Toolbox()
POSED = ENV.tasks(family="price", level=1, split="train", n=12, seed=0)


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckerClient]:
    root = tmp_path_factory.mktemp("gold")
    GoldStore(root).add(posed.gold for posed in POSED[:-1])
    with CheckerClient(root) as client:
        yield client


def attempt(
    *lines: str, at: int = 0, sample: int = 0, logp: tuple[float, ...] | None = None
) -> Trajectory:
    """A trajectory on task ``at`` whose answer is its last line's number, if it has one."""
    steps = tuple(Step(i=i, text=f"{line}\n", logp=logp) for i, line in enumerate(lines))
    return Trajectory(
        task_id=POSED[at].task.id,
        agent_id="a",
        steps=steps,
        answer=ENV.answer("".join(step.text for step in steps)),
        group=POSED[at].task.id,
        sample=sample,
        strategy="sample",
    )


def group(*trajectories: Trajectory, at: int = 0, **critiques: Sequence[Critique]) -> Group:
    return Group(POSED[at].task, trajectories, critiques)


def verify(
    strategy: Verification, groups: Sequence[Group], checker: CheckerClient, seed: str = "seed"
) -> list[Verdict]:
    ctx = VerifyContext(checker=checker, gen=3, seed=seed)
    return asyncio.run(strategy.verify(groups, ctx))


def right(at: int = 0) -> str:
    return f"answer {POSED[at].gold.value}"


class TestVerifiableReward:
    def test_the_reward_is_the_check(self, checker: CheckerClient) -> None:
        tried = [attempt(right()), attempt("answer 0"), attempt("nonsense")]
        verdicts = verify(VerifiableReward(), [group(*tried)], checker)
        assert [v.value for v in verdicts] == [1, 0, 0]
        assert [v.ok for v in verdicts] == [True, False, False]
        assert [v.parts["format"] for v in verdicts] == [1, 1, 0]
        assert [v.target.id for v in verdicts] == [t.id for t in tried]
        assert {(v.gen, v.by.strategy, v.outcome) for v in verdicts} == {
            (3, "verifiable_reward", "checked")
        }

    @pytest.mark.parametrize(("steps", "rewards"), [(False, [1, 1, 0]), (True, [1, 0, 0])])
    def test_with_steps_a_right_answer_after_a_wrong_step_does_not_count(
        self, checker: CheckerClient, steps: bool, rewards: list[float]
    ) -> None:
        tried = [
            attempt("calc 1+1", right()),
            attempt("calc x", right()),
            attempt("calc 1+1", "answer 0"),
        ]
        verdicts = verify(VerifiableReward(steps=steps), [group(*tried)], checker)
        assert [v.value for v in verdicts] == rewards
        assert [v.ok for v in verdicts] == [bool(r) for r in rewards]
        assert verdicts[1].parts["answer"] == 1, "the parts stay what the check found"

    def test_a_failed_check_has_no_reward(self, checker: CheckerClient) -> None:
        stranger = len(POSED) - 1
        (verdict,) = verify(
            VerifiableReward(steps=True), [group(attempt("x", at=stranger), at=stranger)], checker
        )
        assert (verdict.outcome, verdict.ok, verdict.value) == ("error", None, 0)
        assert "no gold" in verdict.note

    def test_steps_must_be_checked_by_the_environment(self) -> None:
        assert VerifiableReward(steps=True).required() == {"steps"}
        assert VerifiableReward().required() == set()
        assert "steps" in ENV.provided()


class TestMajorityVote:
    def vote(self, *answers: str | None, strategy: MajorityVote | None = None) -> list[Verdict]:
        tried = [
            attempt("mumble" if a is None else f"answer {a}", sample=i)
            for i, a in enumerate(answers)
        ]
        ctx = VerifyContext(checker=CheckerClient(Path("unused")), gen=1, seed="")
        return asyncio.run((strategy or MajorityVote()).verify([group(*tried)], ctx))

    def test_the_majority_is_rewarded(self) -> None:
        verdicts = self.vote("7", "8", "7", None)
        assert [v.value for v in verdicts] == [1, 0, 1, 0]
        assert [v.ok for v in verdicts] == [True, False, True, False]
        assert [v.parts["share"] for v in verdicts] == pytest.approx([2 / 3, 1 / 3, 2 / 3, 0])
        assert {v.n for v in verdicts} == {4}

    def test_a_plurality_is_enough(self) -> None:
        assert [v.value for v in self.vote("1", "2", "3", "3")] == [0, 0, 1, 1]

    @pytest.mark.parametrize("answers", [("1", "2"), ("1", "2", "2", "1", "3"), (None, None)])
    def test_without_a_majority_nobody_is_rewarded(self, answers: tuple[str | None, ...]) -> None:
        verdicts = self.vote(*answers)
        assert {v.value for v in verdicts} == {0}
        assert {v.note for v in verdicts} == {"no majority"}

    def test_most_without_an_answer_do_not_outvote_the_few(self) -> None:
        assert [v.value for v in self.vote(None, None, None, "5")] == [0, 0, 0, 1]

    def test_groups_vote_apart(self, checker: CheckerClient) -> None:
        groups = [
            group(attempt("answer 1"), attempt("answer 1", sample=1), attempt("answer 2")),
            group(attempt("answer 2", at=1), attempt("answer 2", at=1, sample=1), at=1),
        ]
        assert [v.value for v in verify(MajorityVote(), groups, checker)] == [1, 1, 0, 1, 1]

    def test_critiques_weigh_votes(self, checker: CheckerClient) -> None:
        tried = [attempt("answer 1", sample=i) for i in range(3)] + [attempt("answer 2", sample=3)]
        said = {
            t.id: [Critique(target=(t.id,), author="m", source="critic", ok=ok) for ok in oks]
            for t, oks in zip(tried, ([False], [False, True], [False], [True, True]), strict=True)
        }
        groups = [Group(POSED[0].task, tried, said)]
        # Answer 1 weighs 0 + 1/2 + 0, answer 2 weighs 1.
        weighed = verify(MajorityVote(weights="critique"), groups, checker)
        assert [v.value for v in weighed] == [0, 0, 0, 1]
        assert weighed[3].parts["share"] == pytest.approx(2 / 3)
        assert [v.value for v in verify(MajorityVote(), groups, checker)] == [1, 1, 1, 0]
        assert MajorityVote(weights="critique").required() == {"group", "critique"}
        assert MajorityVote().required() == {"group"}


class TestConfidence:
    def one(self, strategy: Confidence, trajectory: Trajectory) -> Verdict:
        ctx = VerifyContext(checker=CheckerClient(Path("unused")), gen=1, seed="")
        return asyncio.run(strategy.verify([group(trajectory)], ctx))[0]

    def test_the_geometric_mean_of_the_token_probabilities(self) -> None:
        tried = attempt("a", "b", logp=(log(0.5), log(0.125)))
        verdict = self.one(Confidence(), tried)
        assert verdict.value == pytest.approx(0.25)
        assert verdict.parts["logp"] == pytest.approx(log(0.25))
        assert verdict.ok is None
        assert self.one(Confidence(normalise=False), tried).value == pytest.approx(0.25**4)

    def test_only_what_the_agent_wrote_counts(self) -> None:
        tried = attempt("a", logp=(-1.0,))
        told = Step(i=1, role="tool", text="2\n", kind="observe", logp=(-9.0,), train=0.0)
        longer = tried.model_copy(update={"steps": (*tried.steps, told)})
        assert self.one(Confidence(), longer).value == pytest.approx(exp(-1))

    @pytest.mark.parametrize(("threshold", "ok"), [(0.2, True), (0.3, False), (None, None)])
    def test_the_threshold_decides_what_is_ok(self, threshold: float, ok: bool | None) -> None:
        tried = attempt("a", logp=(log(0.25),))
        assert self.one(Confidence(threshold=threshold), tried).ok is ok

    def test_without_log_probabilities_there_is_no_reward(self) -> None:
        verdict = self.one(Confidence(threshold=0.1), attempt("a"))
        assert (verdict.outcome, verdict.ok) == ("error", None)


def judgement(verdict: Verdict) -> tuple[float, bool | None, str, str]:
    return verdict.value, verdict.ok, str(verdict.parts), verdict.outcome


class TestShuffled:
    def groups(self, counts: Sequence[int], size: int = 4) -> list[Group]:
        """One group per count, with that many right attempts of ``size``."""
        return [
            group(
                *(
                    attempt(right(at) if i < count else f"answer {i}00", at=at, sample=i)
                    for i in range(size)
                ),
                at=at,
            )
            for at, count in enumerate(counts)
        ]

    @given(counts=st.lists(st.integers(0, 4), min_size=1, max_size=len(POSED) - 1), seed=st.text())
    def test_verdicts_are_dealt_whole_and_none_is_lost(
        self, checker: CheckerClient, counts: list[int], seed: str
    ) -> None:
        groups = self.groups(counts)
        straight = verify(VerifiableReward(), groups, checker)
        dealt = verify(Shuffled(), groups, checker, seed)
        assert [v.target for v in dealt] == [v.target for v in straight]
        assert Counter(map(judgement, dealt)) == Counter(map(judgement, straight))
        assert {v.by.strategy for v in dealt} == {"shuffled"}
        assert dealt == verify(Shuffled(), groups, checker, seed)
        assert all(Verdict.from_line(v.to_line()) == v for v in dealt)

    def test_success_no_longer_depends_on_the_prompt(self, checker: CheckerClient) -> None:
        groups = self.groups([4, 4, 0, 0])
        kept = [0, 0, 0, 0]
        for i in range(500):
            verdicts = verify(Shuffled(), groups, checker, seed=str(i))
            for place, verdict in enumerate(verdicts):
                kept[place // 4] += verdict.value > 0
        assert sum(kept) == 500 * 8
        assert chisquare(kept).pvalue > 0.001

    def test_every_attempt_gets_every_verdict_equally_often(self, checker: CheckerClient) -> None:
        groups = [group(*(attempt("a", sample=i, logp=(-float(i),)) for i in range(3)), at=0)]
        got = Counter(
            (place, round(verdict.parts["logp"]))
            for i in range(1800)
            for place, verdict in enumerate(
                verify(Shuffled(of="confidence"), groups, checker, seed=str(i))
            )
        )
        assert len(got) == 9
        assert chisquare(list(got.values())).pvalue > 0.001

    def test_it_needs_what_it_wraps_needs_and_sees_whole_rounds(self) -> None:
        wrapped = Shuffled(of={"verifiable_reward": {"steps": True}})
        assert wrapped.inner == VerifiableReward(steps=True)
        assert wrapped.required() == {"steps"}
        assert Shuffled.whole_round and not VerifiableReward.whole_round
        assert wrapped.identity()["of"] == VerifiableReward(steps=True).identity()
        assert Shuffled.from_options(wrapped.model_dump(mode="json")) == wrapped

    @pytest.mark.parametrize(
        ("of", "complaint"),
        [
            ("verifiable", "no verification strategy"),
            ({"verifiable_reward": {"step": True}}, "step"),
            ({"confidence": {}, "majority_vote": {}}, "one entry"),
            ({}, "one entry"),
        ],
    )
    def test_a_wrong_entry_is_refused(self, of: object, complaint: str) -> None:
        with pytest.raises(ValidationError, match=complaint):
            Shuffled.from_options({"of": of})
