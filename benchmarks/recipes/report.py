"""The generated parts of docs/recipes: composition, check, and what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Literal

from benchmarks.evolutions import tables
from benchmarks.evolutions.results import (
    Difference,
    Result,
    difference,
    initial,
    last,
    matched,
    mean,
)
from benchmarks.evolutions.tables import Row, duration, intervals, points, spent, table
from benchmarks.recipes.arms import ITSELF, arm_name
from benchmarks.recipes.checks import COMMON, CONTROL, METRIC, SEEDS, TASKS, Arm, Check
from cladeflow.recipes import recipe_path, recipe_paths
from cladeflow.recipes.parse import read_source

METRICS = (METRIC, "greedy", "sampled")
UNEQUAL = 0.03
"""Relative difference of the mean tokens above which an arm does not count as matched."""

Results = Mapping[str, list[Result]]
Outcome = Literal["measured", "null", "not measured"]


def outcome(check: Check, results: Results) -> Outcome:
    """Whether a recipe beats everything that it must beat; null where it was tried and does not."""
    verdicts = [verdict(check, arm, results) for arm in check.arms]
    if any(found not in ("yes", "**no**") for found in verdicts):
        return "not measured"
    return "measured" if set(verdicts) == {"yes"} else "null"


def verdict(check: Check, arm: Arm, results: Results) -> str:
    """Does the lower bound of recipe minus ``arm`` clear 0?"""
    found = against(check, arm, METRIC, results)
    if found is None:
        return "not measured"
    if len(found.by_seed) < SEEDS:
        return "too few runs"
    if arm.recipe and not _equal(check, arm, results):
        return "tokens differ"
    return "yes" if found.least > 0 else "**no**"


def against(check: Check, arm: Arm, metric: str, results: Results) -> Difference | None:
    """The recipe's last child minus the arm's, paired by seed and task."""
    ours, theirs = (results.get(arm_name(check, a), []) for a in (ITSELF, arm))
    key = f"recipes/{check.recipe}/{arm.name}"
    return difference(matched(theirs, ours, last, last), metric, key)


def _equal(check: Check, arm: Arm, results: Results) -> bool:
    ours, theirs = (_spent(results[arm_name(check, a)]) for a in (ITSELF, arm))
    return all(abs(x - y) <= UNEQUAL * x for x, y in zip(ours, theirs, strict=True))


def _spent(runs: Sequence[Result]) -> tuple[float, float]:
    """Tokens sampled and trained, means over runs."""
    return (
        fmean(tables.tokens(run, "sampled_tokens") for run in runs),
        fmean(tables.tokens(run, "trained_tokens") for run in runs),
    )


def card(check: Check, text: str, results: Results) -> str:
    """A recipe's card with its generated parts as they are now."""
    for name, part in sections(check, results).items():
        text = tables.put(text, name, part)
    return text


def sections(check: Check, results: Results) -> dict[str, str]:
    """What stands between the markers of a card."""
    return {
        "composition": _composition(check.recipe),
        "check": describe(check),
        "measured": "\n\n".join(_measured(check, results)),
    }


def _composition(name: str) -> str:
    """The recipe's file."""
    if name not in recipe_paths():
        return "This version has no recipe of that name."
    return f"```yaml\n{read_source(recipe_path(name))}```"


def describe(check: Check) -> str:
    """The check, before its first run."""
    arms = [(f"`{arm.name}`", arm.what, *_set(arm.settings)) for arm in check.arms]
    return "\n\n".join(
        (
            f"**Metric.** `{METRIC}` = (greedy + sampled) / 2 on {TASKS} held-out frontier tasks, "
            f"of the last child after {_count(check.generations, 'generation')} from the embedded "
            "seed model, task by task.",
            f"**Arms.** Each runs {SEEDS} seeds, from 0; runs with equal seeds draw their training "
            "tasks from equal pools and are evaluated on equal tasks.",
            table(
                ("arm", "what it is", "settings"),
                [("`itself`", "this recipe", *_set(check.settings)), *arms],
            ),
            f"All arms: {_set(COMMON)[0]}.",
            *((_TOKENS,) if check.recipe != CONTROL else ()),
            "**Claims.** For each arm: the lower bound of recipe minus arm is above 0. It is the "
            "lower one of the hierarchical bootstrap's and the t interval's. "
            + ("" if check.recipe == CONTROL else _EQUAL),
        )
    ).strip()


_TOKENS = (
    f"**Tokens.** Arms that run `{CONTROL}` pose as many tasks as it takes to sample as many "
    "tokens as the recipe did with that seed, going by the tokens per attempt of "
    f"`{CONTROL}`'s own check; each update trains on an equal share of the recipe's loss tokens "
    "of that generation. The others attempt the recipe's own tasks; with a single update they "
    "train on the recipe's loss tokens too, whatever number of epochs that takes, and with "
    "several on what they keep."
)
_EQUAL = (
    "Against the control the claim counts only if mean tokens, sampled and trained, are equal to "
    f"within {UNEQUAL:.0%}."
)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}"


def _set(settings: Sequence[str]) -> tuple[str]:
    return (" ".join(f"`{setting}`" for setting in settings) or "-",)


def _measured(check: Check, results: Results) -> Iterator[str]:
    runs = results.get(check.recipe)
    if not runs:
        yield "Not measured yet."
        return
    yield f"Outcome: **{outcome(check, results)}**."
    head = ("minus", "score", "runs", "difference", "t interval", "median", "lower bound above 0")
    yield table(head, list(_differences(check, results)))
    head = ("arm", "runs", *(f"{metric}: initial → last child" for metric in METRICS))
    spent_on = ("tokens sampled", "tokens trained", "CPU seconds")
    yield table((*head, *spent_on), list(_arms(check, results)))
    yield f"Seed model `{runs[0]['identity']['model']}`; composition `{_digests(runs)}`."


def _differences(check: Check, results: Results) -> Iterator[Row]:
    for arm in check.arms:
        for metric in METRICS:
            found = against(check, arm, metric, results)
            holds = verdict(check, arm, results) if metric == METRIC else ""
            count = len(found.by_seed) if found else 0
            yield arm.name, metric, count, *intervals(found), holds


def _arms(check: Check, results: Results) -> Iterator[Row]:
    for arm in (ITSELF, *check.arms):
        runs = results.get(arm_name(check, arm))
        if runs:
            levels = [
                f"{points(mean(runs, initial, m))} → {points(mean(runs, last, m))}" for m in METRICS
            ]
            sums = spent(runs, "sampled_tokens"), spent(runs, "trained_tokens")
            yield arm.name, len(runs), *levels, *sums, duration(runs, "cpu_seconds")


def _digests(runs: Sequence[Result]) -> str:
    """The compositions that were run: one, unless the recipe has changed on the way."""
    return "`, `".join(sorted({str(run["identity"]["recipe"]) for run in runs}))
