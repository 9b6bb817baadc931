"""Warnings that point at the line of the user, however deep below it they are given."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from types import FrameType

#: Begins the file names of the package, and of no package with a longer name.
_PACKAGE = str(Path(__file__).parents[1]) + os.sep


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of something at the line outside of this package that led to it.

    That is the caller of the outermost frame of the package: between its frames there may
    be others, as of NumPy's error states.
    """
    level, found = 1, 1
    frame: FrameType | None = sys._getframe(0)
    while frame is not None:
        level += 1
        if frame.f_code.co_filename.startswith(_PACKAGE):
            found = level
        frame = frame.f_back
    warnings.warn(message, category, stacklevel=found)
