"""The gate that evaluates the champion again, and closes where the champion did not hold."""

from pydantic import Field

from cladeflow.promote.base import Gate
from cladeflow.records import Decision, EvalReport, Rechecked


class Recheck(Gate, name="recheck", version=1):
    """Re-evaluates the champion in every ``every``-th generation, on fresh tasks of its split.

    Let [lo, hi] be the interval of the score that an agent of the champion's line was promoted
    with, of all those that passed their gates the one with the largest lo: on a line where nothing
    was overridden, the champion's own. With s its score on the fresh tasks, and s' that of the
    agent to restore on the same tasks, the champion is rolled back if

        s < lo  and  s <= s'.

    The second condition is there because s < lo alone happens to one sound champion in twelve: both
    scores vary, so their difference exceeds 1.96 standard errors of one with probability
    Phi(-1.96 / sqrt 2) = 0.08. Going back to a worse agent would help nobody.

    Where the champion fell, the generation's children were compared with the wrong agent, and none
    passes. Put it beside a gate that tests the children: by itself it tests the champion alone.
    The score is the first measure over all tasks of the recipe's first evaluation.
    """

    every: int = Field(default=5, ge=1)

    def due(self, generation: int) -> bool:
        """Whether a generation re-evaluates its incumbent."""
        return generation % self.every == 0

    def decide(self, report: EvalReport, tried: int) -> Decision:
        """Fail where the incumbent fell; pass in all other generations."""
        found = report.recheck
        if found is None:
            return self.decision(report, tried, "pass", "the champion was not evaluated again")
        if not found.fell:
            return self.decision(report, tried, "pass", f"the champion stays: {sentence(found)}")
        return self.decision(
            report, tried, "fail", f"compared with a champion that fell: {sentence(found)}"
        )


def sentence(found: Rechecked) -> str:
    """What the re-evaluation found, in a line."""
    now, promised, delta = found.now, found.promised, found.delta
    below = "below" if now.value < promised.lo else "not below"
    side = "above" if delta.delta > 0 else "below" if delta.delta < 0 else "from"
    return (
        f"{now.metric} on {now.n} fresh tasks of {now.suite} is {100 * now.value:.1f} %, {below} "
        f"the {100 * promised.lo:.1f} % that its line was promoted with, and "
        f"{100 * abs(delta.delta):.1f} points {side} {found.restored_id[:12]}"
    )
