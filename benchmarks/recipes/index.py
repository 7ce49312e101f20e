"""The status of every method in docs/methods.md, from recipes that run and what was measured."""

import re
from collections import Counter

from benchmarks.evolutions import tables
from benchmarks.recipes.checks import CHECKS
from benchmarks.recipes.report import Results, outcome
from cladeflow.cli.recipes import missing
from cladeflow.recipes import load_recipe, recipe_path, recipe_paths

LEFT = ("needs a VLM", "not planned")
"""Statuses that say why there will be no recipe; they are written by hand."""
_ROW = re.compile(r"\| (?P<method>.*?) \| [^|]*?`(?P<slug>\w+)`.* \| (?P<status>[^|]*) \|")


def status(name: str, results: Results) -> str:
    """What there is of a method: measured, null, smoke only or not built."""
    if name not in recipe_paths() or missing(name):
        return "not built"
    found = outcome(CHECKS[name], results) if name in CHECKS else "not measured"
    return "smoke only" if found == "not measured" else f"[{found}](recipes/{name}.md)"


def index(text: str, results: Results) -> str:
    """The index with every status as it is now."""
    text = "\n".join(_row(line, results) for line in text.split("\n"))
    text = tables.put(text, "own", _own(results))
    return tables.put(text, "counts", _counts(text))


def _row(line: str, results: Results) -> str:
    found = _ROW.fullmatch(line)
    if found is None or found["status"].startswith(LEFT):
        return line
    return f"{line[: found.start('status')]}{status(found['slug'], results)} |"


def _own(results: Results) -> str:
    """Recipes that are no method of the literature's list: the control, and own compositions."""
    rows = []
    for name in recipe_paths():
        recipe = load_recipe(name)
        shelf = recipe_path(name).parent.name
        if shelf == "own":
            title = recipe.paper.title if recipe.paper else "-"
            link = f"[`{name}`](../src/cladeflow/recipes/{shelf}/{name}.yaml)"
            rows.append((name, link, title, recipe.summary, status(name, results)))
    return tables.table(("method", "recipe", "paper", "in one sentence", "status"), rows)


def _counts(text: str) -> str:
    """How many methods have which status."""
    rows = [found for line in text.split("\n") if (found := _ROW.fullmatch(line))]
    plain = (re.sub(r"\[(\w+)\].*", r"\1", row["status"].partition(":")[0]) for row in rows)
    return tables.table(("status", "methods"), Counter(plain).most_common())
