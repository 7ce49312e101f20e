"""Importing transformers without what it would import besides and no language model uses."""

import sys
from typing import Any, cast

_UNUSED = ("scipy", "sklearn")
"""For losses of object detection and for one way of assisted decoding."""


def import_lean() -> None:
    """Have transformers believe for good that this process lacks `_UNUSED`; to be called first.

    Their import takes 1.4 s and 136 MB (of 4 s and 485 MB, on two slow cores).
    """
    modules = cast("dict[str, Any]", sys.modules)
    there = {name: modules[name] for name in _UNUSED if name in modules}
    modules.update(dict.fromkeys(_UNUSED))  # None stands for what cannot be imported
    try:  # transformers asks once, partly while it is imported, and keeps the answer
        from transformers.utils.import_utils import is_scipy_available, is_sklearn_available

        is_scipy_available(), is_sklearn_available()
    finally:
        for name in _UNUSED:
            del modules[name]
        modules.update(there)
