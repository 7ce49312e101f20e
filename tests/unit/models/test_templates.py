"""A template is chosen so that every task leaves room for its answer."""

from pathlib import Path

import pytest

from cladeflow.errors import CladeflowError, ModelError
from cladeflow.models.templates import chosen_template, read_template
from tests.bpe_models import save_bpe_model

LONG, SHORT = "Think. " * 8 + "{task}", "{task}"
TEXTS = ["one", "one two three four", "seven"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bpe_model(tmp_path_factory.mktemp("m"), TEXTS, max_position_embeddings=64)


def tokens(directory: Path, text: str) -> int:
    from cladeflow.models.loading import load_tokenizer

    return len(load_tokenizer(directory).encode_prompt(text))


def test_the_first_that_fits_is_chosen(model: Path) -> None:
    room = 64 - tokens(model, LONG.replace("{task}", TEXTS[1]))
    assert chosen_template(model, [LONG, SHORT], TEXTS, room) == LONG
    assert chosen_template(model, [LONG, SHORT], TEXTS, room + 1) == SHORT


def test_where_none_fits_the_message_has_the_numbers(model: Path) -> None:
    needed = tokens(model, TEXTS[1])
    with pytest.raises(ModelError, match=f"at most 64 tokens, .* has {needed} .* have 65: shorten"):
        chosen_template(model, [LONG, SHORT], TEXTS, 65)


def test_a_template_has_a_place_for_the_task(tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    with pytest.raises(CladeflowError, match="cannot be read"):
        read_template(path)
    path.write_text("Solve it.")
    with pytest.raises(CladeflowError, match=r"has no \{task\}"):
        read_template(path)
    path.write_text(LONG)
    assert read_template(path) == LONG
