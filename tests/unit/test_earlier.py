"""What earlier passes left to start from."""

from math import isnan

from cladeflow.records import DEMONSTRATION
from tests.attempts import ENV, attempt, earlier

CHAIN, ADD = ENV.pose("chain 47+6-9").task, ENV.pose("add 58+67").task
WRONG = attempt(CHAIN, "47+6=54", "=45")
RIGHT = attempt(CHAIN, "47+6=53", "53-9=44", "=44", sample=1)
FAILED = attempt(CHAIN, "=0", sample=2)
STILL_WRONG = attempt(CHAIN, "47+6=53", "=53", after=WRONG)
GIVEN = attempt(ADD, "=0").model_copy(update={"agent_id": DEMONSTRATION})
OTHER = attempt(ADD, "=1")


def test_failures_are_wrong_attempts_that_nothing_continues() -> None:
    known = earlier(
        [CHAIN, ADD],
        [(WRONG, 0), (RIGHT, 1), (FAILED, -1), (STILL_WRONG, 0), (GIVEN, 0), (OTHER, 0)],
    )
    assert known.failures == {CHAIN.id: [STILL_WRONG], ADD.id: [OTHER]}


def test_a_task_without_failures_is_not_among_them() -> None:
    assert earlier([CHAIN], [(RIGHT, 1)]).failures == {}


def test_correctness_is_unknown_where_a_check_failed_or_never_was() -> None:
    known = earlier([CHAIN], [(RIGHT, 1), (WRONG, 0), (FAILED, -1)])
    assert (known.correct(RIGHT), known.correct(WRONG)) == (1, 0)
    assert isnan(known.correct(FAILED)) and isnan(known.correct(OTHER))
