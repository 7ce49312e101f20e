import pytest

from cladeflow.models.context import Context
from cladeflow.models.engine import Completion
from cladeflow.models.tokenizer import Tokenizer
from tests.tiny_models import CHAT_TEMPLATE, END, tiny_tokenizer


def tokenizer(chat: bool = False) -> Tokenizer:
    return Tokenizer(tiny_tokenizer(chat_template=CHAT_TEMPLATE) if chat else tiny_tokenizer())


def completion(tokens: Tokenizer, text: str, end: bool = False) -> Completion:
    ids = (*tokens.encode(text), *([END] if end else []))
    return Completion(ids, (-0.5,) * len(ids), text, "stop")


def test_plain_texts_are_concatenated() -> None:
    tokens = tokenizer()
    context = Context.open(tokens, "1+2\n")
    context.accept(completion(tokens, "=3\n"))
    added = context.append("tool", "ok\n")
    assert context.ids == [*context.prompt, *tokens.encode("=3\n"), *added]
    assert tokens.decode(context.ids) == "1+2\n=3\nok\n"


def test_what_is_there_is_never_tokenised_again() -> None:
    """``a`` and ``n`` would be one token, had they come together."""
    tokens = tokenizer()
    context = Context.open(tokens, "a")
    context.append("tool", "n")
    assert context.ids == [*tokens.encode("a"), *tokens.encode("n")] != tokens.encode("an")


def test_forks_are_independent() -> None:
    tokens = tokenizer()
    context = Context.open(tokens, "x")
    fork = context.fork()
    fork.append("tool", "y")
    assert tokens.decode(context.ids) == "x"
    assert not context.turns


@pytest.mark.parametrize("ended", [True, False])
def test_chat_template_goes_around_each_message_once(ended: bool) -> None:
    """The reply's end token comes from the model if it wrote one, else from the template."""
    tokens = tokenizer(chat=True)
    context = Context.open(tokens, "add 1")
    assert tokens.decode(context.ids) == "[u]add 1</s>[a]"
    context.accept(completion(tokens, "=2", end=ended))
    context.append("tool", "ok")
    assert tokens.decode(context.ids) == "[u]add 1</s>[a]=2</s>[u]ok</s>[a]"
    assert [turn.text for turn in context.turns] == ["=2", "ok"]


def test_pieces_join_to_the_text() -> None:
    tokens = tokenizer()
    ids = tokens.encode("the ##an\n")
    assert "".join(tokens.pieces[i] for i in ids) == tokens.decode(ids) == "the ##an\n"
