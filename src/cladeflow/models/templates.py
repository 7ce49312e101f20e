"""Prompt templates: read from a file, and chosen so that every task fits the model's context."""

from collections.abc import Sequence
from pathlib import Path

from cladeflow.errors import CladeflowError, ModelError

PLACE = "{task}"
_LONGEST = 64
"""Texts, longest in characters, among which the longest in tokens is looked for."""


def read_template(path: Path) -> str:
    """A user's template; raises `CladeflowError` where it has no place for the task."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CladeflowError(f"--prompt {path}: cannot be read as text ({error})") from error
    if PLACE not in text:
        raise CladeflowError(
            f"--prompt {path}: has no {PLACE}, which stands where the task goes; write it once"
        )
    return text


def chosen_template(
    directory: Path, templates: Sequence[str], texts: Sequence[str], max_tokens: int
) -> str:
    """The first of ``templates`` in which every text leaves room for ``max_tokens`` tokens.

    Raises `ModelError` where the model in ``directory`` has not enough context for any of them.
    """
    from cladeflow.models.context import Context
    from cladeflow.models.loading import context_length, load_tokenizer

    tokenizer, limit = load_tokenizer(directory), context_length(directory)
    longest = sorted(texts, key=len)[-_LONGEST:] or [""]
    needed = 0
    for template in templates:
        opened = (Context.open(tokenizer, template.replace(PLACE, text)) for text in longest)
        needed = max(len(context.prompt) for context in opened)
        if needed + max_tokens <= limit:
            return template
    raise ModelError(
        f"{directory} reads at most {limit} tokens, but its longest prompt has {needed} and an "
        f"answer may have {max_tokens}: shorten the prompt with --prompt FILE, the answers with "
        "--set scale.max_tokens=N, leave out the longest tasks, or take another model"
    )
