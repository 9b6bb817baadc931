"""Files that commands are given: data and models; errors say which file they are about."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..persistence.fields import ModelFileError, read_text
from .text_files import Form, read_content, read_table
from .text_tables import DataFileError, Table


@contextmanager
def about(path: str) -> Iterator[None]:
    """Errors say which file they are about."""
    name = "standard input" if path == "-" else path
    try:
        yield
    except (DataFileError, ModelFileError) as error:
        raise type(error)(f"{name}: {error}") from None


def read(asked: argparse.Namespace, path: str) -> Table:
    """The table of a data file, written as the arguments say."""
    form = Form(
        asked.separator, asked.decimal, asked.encoding, not asked.no_header, asked.sheet
    )
    return read_table(read_content(path), form)


def load(path: str) -> Any:
    """The estimator of a model file, whichever class it is of."""
    with about(path):
        try:
            text = read_content(path).decode("utf-8") if path == "-" else read_text(path)
        except UnicodeDecodeError as error:
            raise ModelFileError(f"it is not a model file: {error}") from None
        if not text.lstrip("\ufeff \t\r\n").startswith("{"):
            raise ModelFileError(
                "it is not a model file, such as the model.json that fit writes; a model "
                "stands before the data"
            )
        from ..estimators import classifier, regressor  # noqa: F401  (both are known then)
        from ..estimators.equation_mixin import EquationMixin

        return EquationMixin.from_json(text)
