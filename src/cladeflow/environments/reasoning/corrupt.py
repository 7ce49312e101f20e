"""Plausible wrong attempts, for judges to find the error in."""

from collections.abc import Sequence
from random import Random

from cladeflow.environments.reasoning.family import Family

SLIPS = (-10, -2, -1, 1, 2, 10)


def corrupt(family: Family, problem: str, rng: Random) -> list[str]:
    """A solution with one line's result wrong and all that follows consistent with it."""
    lines = family.solve(problem)
    at = rng.randrange(len(lines))
    body, _, result = lines[at].rpartition("=")
    slips = [slip for slip in SLIPS if int(result) + slip >= 0]
    prefix = [*lines[:at], f"{body}={int(result) + rng.choice(slips)}"]
    return prefix if at == len(lines) - 1 else [*prefix, *family.solve(problem, prefix)]


def candidate(family: Family, problem: str, rng: Random) -> Sequence[str]:
    """An attempt to judge: right or corrupted, with equal chances."""
    return family.solve(problem) if rng.random() < 0.5 else corrupt(family, problem, rng)
