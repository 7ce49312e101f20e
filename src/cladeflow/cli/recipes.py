"""``cladeflow recipes``: list, show, check, and the schema for editors."""

import click

from cladeflow.cli.output import JSON_OPTION, print_json, print_table


@click.group()
def recipes() -> None:
    """The methods that ship, each a composition of strategies."""


@recipes.command("list")
@click.option("--built", is_flag=True, help="Only those whose every strategy is built.")
@JSON_OPTION
def list_recipes(built: bool, as_json: bool) -> None:
    """Every recipe, and what each still lacks to run."""
    from cladeflow.recipes import load_recipe, recipe_paths

    rows = []
    for name in recipe_paths():
        recipe = load_recipe(name)
        lacking = missing(name)
        if not (built and lacking):
            rows.append({"name": name, "summary": recipe.summary, "lacks": lacking})
    if as_json:
        print_json(rows)
        return
    runs = [
        [row["name"], "runs" if not row["lacks"] else "lacks " + ", ".join(row["lacks"])]
        for row in rows
    ]
    print_table(["recipe", "status"], runs)


def missing(name: str) -> list[str]:
    """Names of strategies that a recipe uses and this version does not build."""
    from cladeflow.recipes import load_recipe
    from cladeflow.strategy import find

    entries = load_recipe(name).entries()
    return sorted({e.name for _, e in entries if find(e.slot, e.name) is None})


@recipes.command("show")
@click.argument("name")
@click.option("--resolved", is_flag=True, help="With every default, at --scale.")
@click.option("--scale", default="tiny", show_default=True)
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE")
@JSON_OPTION
def show_recipe(
    name: str, resolved: bool, scale: str, settings: tuple[str, ...], as_json: bool
) -> None:
    """A recipe as written, or with all that is left unsaid."""
    import yaml

    from cladeflow.recipes import composition, recipe_path
    from cladeflow.recipes.parse import read_source

    if not resolved and not settings and not as_json:
        click.echo(read_source(recipe_path(name)), nl=False)
        return
    content = composition(name, scale=scale, settings=settings).model_dump(mode="json")
    if as_json:
        print_json(content)
    else:
        click.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), nl=False)


@recipes.command("check")
@click.argument("name")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE")
@JSON_OPTION
def check_recipe(name: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Whether a recipe (a name or a file) loads, fits together and can run; if not, exits 2."""
    from cladeflow.errors import RecipeError

    lacking: list[str] = []
    problem = None
    try:
        lacking = _lacking(name, settings)
        if lacking:
            parts = "; ".join(lacking)
            problem = f"{name} loads, but these are not built in this version: {parts}"
    except RecipeError as error:
        problem = str(error)
    if as_json:
        runs = problem is None
        print_json({"recipe": name, "runs": runs, "missing": lacking, "problem": problem})
    if problem:
        raise RecipeError(problem)
    if not as_json:
        click.echo(f"{name}: fine")


def _lacking(name: str, settings: tuple[str, ...]) -> list[str]:
    """What a recipe names and this version does not build, each with its place."""
    from cladeflow.recipes import load_recipe
    from cladeflow.strategy import find

    entries = load_recipe(name, settings).entries()
    return [f"{place}: {e.slot} {e.name!r}" for place, e in entries if find(e.slot, e.name) is None]


@recipes.command("schema")
def schema() -> None:
    """The JSON schema of recipe files, for editors."""
    from cladeflow.recipes.schema import recipe_schema

    print_json(recipe_schema())
