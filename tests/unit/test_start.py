"""What an evolution goes on with: what its home holds, whatever its recipe was read from."""

from pathlib import Path

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.recipes import load_recipe, load_scale, recipe_path, recipe_paths
from cladeflow.start import Start, Wish, start
from cladeflow.store import seed_directory
from tests.micro import MICRO


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A file whose recipe has the name of one that ships, and is another one."""
    file = tmp_path / "mine.yaml"
    text = recipe_path("star").read_text()
    file.write_text(f"{text}\nselection: best\n".replace("selection: latest\n", ""))
    return file


def begun(home: Home, wish: Wish) -> Start:
    found = start(home, wish)
    assert found is not None
    home.create()
    with Archive.create(home.archive_url) as archive:
        archive.start_evolution(found.resolved, found.seed, found.initial)
    return found


def test_a_home_of_a_recipe_file_goes_on_without_it(tmp_path: Path, recipe: Path) -> None:
    home = Home(tmp_path / "home")
    first = begun(home, Wish(recipe=str(recipe), settings=MICRO, seed=3))
    assert first.resolved.recipe.selection.name == "best"
    recipe.unlink()
    for wish in (Wish(settings=MICRO), Wish(settings=("scale.tasks=6",)), Wish(seed=3)):
        assert start(home, wish) == first
    other = start(home, Wish(settings=("rollout.sample.n=7",)))
    assert other is not None and other.resolved.hash != first.resolved.hash
    assert other.resolved.recipe.rounds[0].rollout[0].options["n"] == 7
    with Archive.open(home.archive_url) as archive, pytest.raises(CladeflowError, match="not 7"):
        archive.start_evolution(other.resolved, other.seed, other.initial)


def test_a_home_of_a_scale_file_goes_on_without_it(tmp_path: Path) -> None:
    scale = tmp_path / "mine.yaml"
    tiny = load_scale("tiny").model_dump(mode="json", exclude={"name"})
    scale.write_text(str({**tiny, "tasks": 9}).replace("None", "null"))
    home = Home(tmp_path / "home")
    first = begun(home, Wish(recipe="star", scale=str(scale)))
    assert (first.resolved.scale.name, first.resolved.scale.tasks) == ("mine", 9)
    scale.unlink()
    assert start(home, Wish(settings=("scale.tasks=9",))) == first
    assert start(home, Wish(recipe="star", settings=("scale.tasks=9",))) == first


def test_a_slot_that_every_round_has_for_itself_is_not_changed_unheard(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    first = begun(home, Wish(recipe="mathcritique"))
    name = first.resolved.recipe.rounds[0].name
    assert start(home, Wish(settings=(f"rounds.{name}.repeat=1",))) == first
    with pytest.raises(CladeflowError, match=r"its own rollout; write --set rounds\.NAME\.rollout"):
        start(home, Wish(settings=("rollout=sample",)))


def test_the_embedded_model_learns_the_toolbox_before_it_is_asked(tmp_path: Path) -> None:
    home, model = Home(tmp_path / "home"), seed_directory("seed-reasoning-1")
    for wish in (Wish("agentevol"), Wish(settings=("rounds=[]",)), Wish(model=model)):
        assert start(home, wish._replace(tasks=("toolbox",))) is not None
    assert start(home, Wish(tasks=("reasoning", "toolbox"))) is not None
    with pytest.raises(CladeflowError, match="star begins with its answers: add --model DIR"):
        start(home, Wish("star", tasks=("toolbox",)))


def test_a_home_in_bfloat16_does_not_go_on_deterministically(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    begun(home, Wish(settings=("scale.dtype=bfloat16",)))
    for wish in (Wish(deterministic=True), Wish(settings=MICRO, deterministic=True)):
        with pytest.raises(CladeflowError, match=r"--deterministic means float32, and .* bfloat16"):
            start(home, wish)
    assert start(home, Wish()) is None


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_new_home_is_deterministic_in_float32(dtype: str, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    first = begun(home, Wish(settings=(f"scale.dtype={dtype}",), deterministic=True))
    assert first.resolved.scale.dtype == "float32"
    assert start(home, Wish(deterministic=True)) is None


@pytest.mark.parametrize("name", recipe_paths())
def test_every_recipe_that_ships_can_be_written_down_again(name: str) -> None:
    recipe = load_recipe(name)
    assert load_recipe(recipe) == recipe
