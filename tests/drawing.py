"""Drawing a figure as a test wants it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.text import Text


@contextmanager
def no_warnings() -> Iterator[None]:
    """Warnings are errors, but for those of matplotlib about how it reads mathematics."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def drawn(figure: Any) -> str:
    """Draw without warnings; all visible texts."""
    with no_warnings():
        figure.canvas.draw()
    texts = figure.findobj(Text)
    return "\n".join(text.get_text() for text in texts if text.get_visible())
