"""Importing transformers without what it would import besides and no language model uses."""

import sys

_UNUSED = ("scipy", "sklearn")
"""For losses of object detection and for one way of assisted decoding."""


def import_lean() -> None:
    """Have transformers believe for good that this process lacks `_UNUSED`; to be called first.

    Their import takes 1.4 s and 136 MB (of 4 s and 485 MB, on two slow cores).
    """
    there = {name: sys.modules.get(name) for name in _UNUSED}
    for name in _UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]  # says that it cannot be imported
    try:
        from transformers.utils.import_utils import is_scipy_available, is_sklearn_available

        is_scipy_available(), is_sklearn_available()  # asked once: transformers keeps the answer
    finally:
        for name, module in there.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module
