"""The command ``predict``: the rows of a file with a model's answers beside them."""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np

from .groups import labels_known_to, require_groups
from .report import UsageError, note, put, warnings_as_notes
from .sources import about, load, read
from .text_tables import DataFileError, Table, listing


def predict(asked: argparse.Namespace) -> int:
    """The rows of a file with the model's answers beside them, written as they were."""
    if asked.model == asked.data == "-":
        raise UsageError("the model and the data cannot both come from standard input")
    model = load(asked.model)
    if asked.groups is not None:
        require_groups(model)
    _check_interval(model, asked)
    with about(asked.data):
        table = read(asked, asked.data)
        column = table.find([] if asked.groups is None else [asked.groups])
        inputs = inputs_of(model, table)
        table = table.complete(inputs, column, asked.drop_missing)
        X = table.numbers(inputs)
        groups = labels_known_to(model, table, column[0]) if column else None
    for text in table.notes:
        note(text)
    if groups is None and hasattr(model, "groups_"):
        note("without --groups the predictions are those of the population")
    if not hasattr(model, "feature_names_in_"):
        X = X.to_numpy()
    with warnings_as_notes():
        answers = _answers(model, X, groups)
        if asked.interval is not None:
            answers |= _intervals(model, X, groups, asked)
    found = table.cells.copy()
    for name, values in answers.items():
        found[_free(name, table.names)] = values
    text = found.to_csv(
        sep=table.separator, decimal=table.decimal, index=False, lineterminator="\n"
    )
    put(text, asked.output)
    return 0


def inputs_of(model: Any, table: Table) -> list[str]:
    """The columns that the model needs: by name where it knows names, else by place."""
    wanted = model._labels("input_labels", None)
    if hasattr(model, "feature_names_in_") or set(wanted) <= set(table.names):
        return table.find(wanted)
    if len(table.names) != len(wanted):
        raise DataFileError(
            f"the model was fitted without names of columns and needs {len(wanted)}, got "
            f"{listing(table.names)}; keep only those, in their order, or call them "
            f"{listing(wanted, 3)}"
        )
    return table.names


def _answers(model: Any, X: Any, groups: Any) -> dict[str, np.ndarray]:
    known = {} if groups is None else {"groups": groups}
    if hasattr(model, "classes_"):
        chances = model.predict_proba(X, **known).T
        names = [f"probability_{label}" for label in model.classes_]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has been said
            classes = model.predict(X, **known)
        return {"predicted_class": classes, **dict(zip(names, chances, strict=True))}
    values = model.predict(X, **known).reshape(len(X), -1).T
    names = [f"predicted_{name}" for name in model._labels("output_labels", None)]
    return dict(zip(names, values, strict=True))


def _check_interval(model: Any, asked: argparse.Namespace) -> None:
    """Raise a `UsageError` where a model has no interval of the kind asked for."""
    if asked.kind is None:
        return
    if asked.interval is None:
        raise UsageError("--kind is about intervals; give the level, as in --interval 0.9")
    if hasattr(model, "classes_"):
        raise UsageError(
            "--kind cannot be combined with a model of classes, whose intervals are of "
            "probabilities; leave it out"
        )


def _intervals(
    model: Any, X: Any, groups: Any, asked: argparse.Namespace
) -> dict[str, np.ndarray]:
    """Lower and upper ends, of every output or class."""
    from ..estimators.groups import UnknownGroupWarning

    known = {} if groups is None else {"groups": groups}
    if hasattr(model, "classes_"):
        names = [f"_probability_{label}" for label in model.classes_]
    else:
        names = [f"_{name}" for name in model._labels("output_labels", None)]
        names = names if len(names) > 1 else [""]
        known["kind"] = asked.kind or "auto"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownGroupWarning)  # it has been said
        ends = model.predict_interval(X, asked.interval, **known).reshape(len(X), -1, 2)
    return {
        f"{end}{name}": ends[:, i, side]
        for i, name in enumerate(names)
        for side, end in enumerate(("lower", "upper"))
    }


def _free(name: str, taken: list[str]) -> str:
    return _free(f"{name}_", taken) if name in taken else name
