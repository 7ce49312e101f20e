"""The knock-out of every claim about a verifier: its verdicts, dealt to the wrong attempts."""

from collections.abc import Sequence
from functools import cached_property
from random import Random
from typing import Any, ClassVar, Self

from pydantic import model_validator

from cladeflow.records import Verdict, Verifier
from cladeflow.strategy import find
from cladeflow.verification.base import Group, Verification, VerifyContext


class Shuffled(Verification, name="shuffled", version=1):
    """v'_i = v_π(i), π a uniform permutation of all attempts of the round.

    Every verdict of ``of`` (an entry in recipe grammar) goes, whole, to an attempt drawn without
    regard to its prompt. The keep rate stays what it was; what the verdict says of its attempt is
    lost. Permuting within a prompt would not do: it keeps each prompt's success count, which still
    helps.
    """

    whole_round: ClassVar[bool] = True
    of: str | dict[str, dict[str, Any]] = "verifiable_reward"

    @model_validator(mode="after")
    def _find_inner(self) -> Self:
        _ = self.inner
        return self

    @cached_property
    def inner(self) -> Verification:
        """The strategy whose verdicts are dealt."""
        entry = {self.of: {}} if isinstance(self.of, str) else self.of
        if len(entry) != 1:
            raise ValueError("of takes one entry: 'name' or {name: {options}}")
        name, options = next(iter(entry.items()))
        kind = find("verification", name)
        if kind is None:
            raise ValueError(f"{name!r} is no verification strategy that is built")
        built = kind.from_options(options)
        assert isinstance(built, Verification)
        return built

    def required(self) -> frozenset[str]:
        return self.inner.required()

    def provided(self) -> frozenset[str]:
        return self.inner.provided()

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), "of": self.inner.identity()}

    async def verify(self, groups: Sequence[Group], ctx: VerifyContext) -> list[Verdict]:
        verdicts = await self.inner.verify(groups, ctx)
        dealt = Random(f"shuffled/{ctx.seed}").sample(verdicts, len(verdicts))
        by = Verifier(strategy=self.name)
        return [
            theirs.model_copy(update={"target": verdict.target, "by": by})
            for verdict, theirs in zip(verdicts, dealt, strict=True)
        ]
