"""Log-probabilities under a frozen policy, worked out once before training."""

from collections.abc import Iterator, Sequence

import torch

from cladeflow.fine_tune.packing import Group, dealt_out, neighbours, tokens
from cladeflow.fine_tune.policy import Policy
from cladeflow.fine_tune.sequences import TokenSequence
from cladeflow.ranks import ALONE, Ranks


def with_reference(
    policy: Policy, groups: Sequence[Group], micro_tokens: int, ranks: Ranks = ALONE
) -> list[Group]:
    """``groups`` with the column ``reference``: log π_ref of every loss token, 0 elsewhere.

    Each rank scores its share.
    """
    scored: dict[int, Group] = {}
    mine = ranks.share(groups, tokens)
    parts = list(dealt_out(neighbours(mine), micro_tokens, policy.lanes.count))

    @torch.no_grad()
    def score(part: Sequence[Group]) -> list[float]:
        found: list[float] = policy.logp(policy.micro_batch(part)).tolist()
        return found

    for part, found in zip(parts, policy.lanes.map(score, parts), strict=True):
        logp = iter(found)
        for group in part:
            scored[id(group)] = tuple(_scored(row, logp) for row in group)
    return ranks.gathered([scored[id(group)] for group in mine])


def _scored(row: TokenSequence, logp: Iterator[float]) -> TokenSequence:
    column = tuple(next(logp) if weight else 0.0 for weight in row.weights)
    return row._replace(per_token={**row.per_token, "reference": column})
