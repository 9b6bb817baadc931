"""Groups of rows on the command line: the column that names them."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from .report import UsageError
from .text_tables import Table


def check_groups(asked: argparse.Namespace) -> None:
    """Raise a `UsageError` where groups do not go with the other options of a fit."""
    if asked.groups is None:
        if asked.group_coefficients is not None or asked.no_shrinkage:
            raise UsageError(
                "--group-coefficients and --no-shrinkage need groups: name the column of "
                "the groups with --groups, or leave these options out"
            )
        return
    reason = None
    if asked.guess:
        reason = "--guess, whose constants are the same in all groups"
    elif asked.equation is not None:
        reason = "--equation: it needs a search"
    elif len(asked.target) > 1:
        reason = "several targets: give one --target"
    elif asked.nodes != "auto":
        reason = f"--nodes {asked.nodes}: leave out --nodes"
    if reason is not None:
        raise UsageError(f"--groups cannot be combined with {reason}")


def labels_known_to(model: Any, table: Table, column: str) -> np.ndarray:
    """A column as labels of groups of a model, which may be numbers or text.

    Parameters
    ----------
    model : DARTSRegressor or DARTSClassifier
        Fitted with groups.
    table : Table
    column : str

    Returns
    -------
    ndarray of shape (rows,)
        What is no group of the model stays as it is.
    """
    found = table.labels(column)
    known = {str(label): label for label in model.groups_.tolist()}
    return np.array([known.get(str(label), label) for label in found.tolist()], object)


def require_groups(model: Any) -> None:
    """Raise a `UsageError` unless a model was fitted with groups."""
    if not hasattr(model, "groups_"):
        raise UsageError("--groups: the model was fitted without groups; leave it out")
