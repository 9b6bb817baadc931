"""Messages of the package in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from .report import UsageError

#: What messages of a fit call its arguments, and what they are called here.
_NAMES = {
    "set dimensionless_constants_only=False": "leave out --numbers-only",
    "dimensionless_constants_only=True": "--numbers-only",
    "X_units": "--units",
    "y_units": "--y-units",
    **{
        text: text.replace("constants", "--constants")
        for text in (
            "constants names", "constants must", "constants has", "constants of",
            "constants: ", "constants=", "name in constants",
        )
    },
    **{
        text: text.replace("y_error", "--y-error").replace("sample_weight", "--weight")
        for text in (
            "y_error must", "y_error is", "sample_weight must", "sample_weight is",
        )
    },
    "num_samples=": "--samples ",
    "replace=True": "--repeat",
}  # fmt: skip
#: Those that are numbered: every one has an option of its own.
_NUMBERED = {"theories": "--theory", "guesses": "--guess", "models": "MODEL"}


@contextmanager
def in_terms_of_options() -> Iterator[None]:
    """Errors about arguments of the package name the options of the command line."""
    try:
        yield
    except (ValueError, TypeError) as error:
        text = str(error)
        for name, option in _NAMES.items():
            text = text.replace(name, option)
        for name, option in _NUMBERED.items():
            text = re.sub(rf"\b{name}\[\d+\]", option, text)
        if text == str(error):
            raise
        raise UsageError(text) from None
