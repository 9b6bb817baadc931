"""What the command line does: fit, compare, predict, show.

Everything here is imported after the arguments have been understood, so that help and
mistakes need not wait for it.
"""

from __future__ import annotations

import argparse
import builtins
import keyword
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..graph.grammar import parsed
from ..graph.primitives import PRIMITIVES, resolve
from ..persistence.fields import ModelFileError, read_text
from ..runtime.files import write
from .groups import check_groups, labels_known_to, require_groups
from .pages import check_page, explore as explore, report_of_file, write_report_of
from .report import (
    FORMATS,
    PICTURES,
    UsageError,
    draw,
    draw_graph,
    note,
    print_comparison,
    print_table,
    say,
    warnings_as_notes,
)
from .text_files import Form, read_content, read_table
from .text_tables import DataFileError, Table, listing
from .units import check_units, constants_asked, in_terms_of_options, units_asked

#: What a fit leaves in its folder, beside the pictures.
MODEL, TABLE = "model.json", "equations.csv"
_SHOWN = 60  #: characters of a theory that cannot be read
INTERRUPTED = 130  #: the exit code after Ctrl-C


@contextmanager
def _about(path: str) -> Iterator[None]:
    """Errors say which file they are about."""
    name = "standard input" if path == "-" else path
    try:
        yield
    except (DataFileError, ModelFileError) as error:
        raise type(error)(f"{name}: {error}") from None


def _read(asked: argparse.Namespace, path: str) -> Table:
    form = Form(asked.separator, asked.decimal, asked.encoding, not asked.no_header)
    return read_table(read_content(path), form)


def _load(path: str) -> Any:
    """The estimator of a model file, whichever class it is of."""
    with _about(path):
        try:
            text = read_content(path).decode("utf-8") if path == "-" else read_text(path)
        except UnicodeDecodeError as error:
            raise ModelFileError(f"no UTF-8 text: {error}") from None
        from ..estimators import classifier, regressor  # noqa: F401  (both are known then)
        from ..estimators.equation_mixin import EquationMixin

        return EquationMixin.from_json(text)


# fit


def fit(asked: argparse.Namespace) -> int:
    """Read, search, write; 130 where Ctrl-C ended the search."""
    _check(asked)
    check_page(asked.report)
    with _about(asked.data):
        X, y, groups, notes = _columns(_read(asked, asked.data), asked)
    for text in () if asked.quiet else notes:
        note(text)
    folder = _folder(asked)
    model, interrupted = _estimator(asked), False
    with warnings_as_notes(asked.quiet) as said:
        try:
            _fit(model, X, y, asked, groups)
        except KeyboardInterrupt:
            interrupted = True
            if not hasattr(model, "model_"):
                note("interrupted before anything was found")
                return INTERRUPTED
        of_fit, written = [*said], _write(model, folder)
        if not interrupted:
            write_report_of(model, asked, (X, y, groups), of_fit)
            written += draw(model, X, y, groups, folder, asked.format)
    if not asked.quiet:
        print_table(model)
        say("")
    _say_equation(model)
    if not asked.quiet:
        say(f"\n{', '.join(written)} in {folder}")
        if asked.report and not interrupted:
            say(asked.report)
    if interrupted:
        note(f"interrupted; the best equation so far is in {folder / MODEL}")
    return INTERRUPTED if interrupted else 0


def _check(asked: argparse.Namespace) -> None:
    """What is wrong with the arguments, whatever the data are."""
    if asked.classify and len(asked.target) > 1:
        raise UsageError("--classify takes one --target")
    for text in asked.guess or ():
        _check_theory(text, "--guess")
    check_units(asked)
    check_groups(asked)
    try:
        resolve(asked.primitives or PRIMITIVES)
    except (ValueError, TypeError) as error:
        raise UsageError(f"--primitives: {error}") from None


def _check_theory(text: str, option: str) -> None:
    try:
        parsed(text, option)
    except ValueError as error:
        problem = str(error).splitlines()[0]
        raise UsageError(f"{problem} (in {text[:_SHOWN]!r})") from None


def _estimator(asked: argparse.Namespace) -> Any:
    from ..estimators.classifier import DARTSClassifier
    from ..estimators.regressor import DARTSRegressor

    units: dict[str, Any] = {}
    if asked.numbers_only:
        units["dimensionless_constants_only"] = True
    if asked.constants:
        units["constants"] = constants_asked(asked)
    return (DARTSClassifier if asked.classify else DARTSRegressor)(
        num_graph_nodes=asked.nodes,
        train_classifier_coefficients=asked.train_readout or "auto",
        train_classifier_bias=asked.train_readout or "auto",
        primitives=asked.primitives or "auto",
        max_time=asked.time,
        n_restarts=asked.restarts,
        n_jobs=asked.jobs,
        model_selection=asked.selection,
        random_state=asked.seed,
        guesses=asked.guess,
        group_coefficients=asked.group_coefficients or "auto",
        shrinkage=not asked.no_shrinkage,
        verbose=int(not asked.quiet and sys.stderr.isatty()),
        **units,
    )


def _fit(model: Any, X: Any, y: Any, asked: argparse.Namespace, groups: Any = None) -> None:
    targets = [y.name] if y.ndim == 1 else list(y.columns)
    further = units_asked(asked, list(X.columns), targets)
    if groups is not None:
        further["groups"] = groups
    if not further:
        model.fit(X, y)
        return
    with in_terms_of_options():
        model.fit(X, y, **further)


def _columns(
    table: Table, asked: argparse.Namespace
) -> tuple[pd.DataFrame, Any, Any, list[str]]:
    """Inputs, target and groups, complete, and what the reader should know."""
    targets, groups = table.find(asked.target), _group_column(table, asked)
    taken = [*targets, *groups]
    inputs = table.find(asked.inputs or [n for n in table.names if n not in taken])
    for names, what in ((targets, "the target"), (groups, "that of the groups")):
        if both := [name for name in inputs if name in names]:
            raise DataFileError(f"column {both[0]!r} cannot be an input and {what}")
    if not inputs and not groups:
        raise DataFileError(
            f"{targets[0]!r} is its only column, so that nothing is left to explain it "
            "by; is it the right --separator?"
        )
    if not inputs:
        raise DataFileError("beside target and groups there is no column of an input")
    try:
        labels = [*targets, *groups] if asked.classify else groups
        numeric = inputs if asked.classify else [*inputs, *targets]
        table = table.complete(numeric, labels, asked.drop_missing)
        X = table.numbers(inputs)
    except DataFileError as error:
        raise DataFileError(f"{error}{_better_inputs(table, inputs, targets)}") from None
    found = table.labels(groups[0]) if groups else None
    if asked.classify:
        return X, table.classes(targets[0]), found, table.notes
    try:
        y = table.numbers(targets)
    except DataFileError as error:
        raise DataFileError(f"{error}; --classify finds equations of classes") from None
    return X, y if len(targets) > 1 else y[targets[0]], found, table.notes


def _group_column(table: Table, asked: argparse.Namespace) -> list[str]:
    """The column of the groups, if there is one."""
    groups = table.find([] if asked.groups is None else [asked.groups])
    if groups and groups[0] in getattr(asked, "target", ()):
        raise DataFileError(
            f"column {groups[0]!r} cannot be the target and that of the groups"
        )
    return groups


def _better_inputs(table: Table, inputs: list[str], targets: list[str]) -> str:
    """Which columns could be inputs, where some of those asked for cannot."""
    numeric = [name for name in table.numeric_names() if name not in targets]
    if not numeric or set(inputs) <= set(numeric):
        return ""
    return f"; columns of numbers, for --inputs: {listing(numeric)}"


def _folder(asked: argparse.Namespace) -> Path:
    """Where results go; made before the search, not to fail after it."""
    stem = "stdin" if asked.data == "-" else Path(asked.data).stem
    folder = Path(asked.output or f"{stem}-darts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(model: Any, folder: Path) -> list[str]:
    if (folder / MODEL).exists():
        # Pictures of an earlier fit must not stand beside this one's model.
        for name in PICTURES:
            for suffix in FORMATS:
                (folder / f"{name}.{suffix}").unlink(missing_ok=True)
    model.save(folder / MODEL)
    write(folder / TABLE, model.equations_.to_csv(lineterminator="\n"))
    return [MODEL, TABLE]


def _say_equation(model: Any, decimals: int = 2) -> None:
    say(model.model_repr(decimals_to_display=decimals).removeprefix("Model:\n"))


# compare


def compare(asked: argparse.Namespace) -> int:
    """Theories beside the equation of a model file, or of a search."""
    _check(asked)
    for text in asked.theory:
        _check_theory(text, "--theory")
    if len(asked.target) > 1:
        raise UsageError("compare takes one --target")
    if asked.model == asked.data == "-":
        raise UsageError("the model and the data cannot both come from standard input")
    units = (asked.units, asked.y_units, asked.numbers_only, asked.constants)
    if asked.model and any(units):
        raise UsageError(
            "--units, --y-units, --numbers-only and --constants are for a search; the file "
            "of --model has the units of its own fit; leave them out"
        )
    model = _load(asked.model) if asked.model else _estimator(asked)
    with _about(asked.data):
        X, y, _, notes = _columns(_read(asked, asked.data), asked)
    for text in () if asked.quiet else notes:
        note(text)
    with warnings_as_notes(asked.quiet):
        if not asked.model:
            _fit(model, X, y, asked)
        elif not hasattr(model, "feature_names_in_"):
            X = X.to_numpy()
        table = model.compare(asked.theory, X, y)
    print_comparison(table)
    if asked.output:
        write(asked.output, table.to_csv(index=False, lineterminator="\n"))
    return 0


# predict


def predict(asked: argparse.Namespace) -> int:
    """The rows of a file with the model's answers beside them, written as they were."""
    if asked.model == asked.data == "-":
        raise UsageError("the model and the data cannot both come from standard input")
    model = _load(asked.model)
    if asked.groups is not None:
        require_groups(model)
    _check_interval(model, asked)
    with _about(asked.data):
        table = _read(asked, asked.data)
        column = _group_column(table, asked)
        inputs = _inputs(model, table)
        table = table.complete(inputs, column, asked.drop_missing)
        X = table.numbers(inputs)
        groups = labels_known_to(model, table, column[0]) if column else None
    for text in table.notes:
        note(text)
    if groups is None and hasattr(model, "groups_"):
        note("without --groups the coefficients of the population predict")
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
    if asked.output in (None, "-"):
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        return 0
    try:
        write(asked.output, text)
    except OSError as error:
        error.filename = asked.output  # not that of the unfinished file
        raise
    return 0


def _inputs(model: Any, table: Table) -> list[str]:
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
        raise UsageError("--kind is of intervals; give the level, as in --interval 0.9")
    if hasattr(model, "classes_"):
        raise UsageError(
            "--kind is for numbers; intervals of a model of classes are of their "
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


# show


def show(asked: argparse.Namespace) -> int:
    """The equation of a model file in the form asked for."""
    check_page(asked.report)
    model = _load(asked.model)
    if asked.row is not None:
        model.select_equation(asked.row)
    if asked.graph is not None:
        draw_graph(model, Path(asked.graph))
    if asked.report is not None:
        report_of_file(model, asked)
        return 0
    if asked.latex:
        say(model.latex(asked.digits, simplify=asked.simplify))
    elif asked.sympy:
        say(_sympy_text(model, asked.simplify))
    elif asked.python:
        say(model.python().rstrip("\n"))
    elif asked.table:
        print_table(model)
    elif asked.graph is None:
        _say_equation(model, asked.digits)
    return 0


def _sympy_text(model: Any, simplify: bool) -> str:
    """Text from which SymPy makes the same expression.

    SymPy evaluates what it reads: a name that is no plain symbol would be run, or taken
    for one of SymPy's own.
    """
    import sympy

    found = model.sympy(simplify=simplify)
    names, _ = model._names()
    safe = all(n.isidentifier() and n.isascii() and _is_free(n, sympy) for n in names)
    return str(found) if safe else sympy.srepr(found)


def _is_free(name: str, sympy: Any) -> bool:
    return not (keyword.iskeyword(name) or hasattr(sympy, name) or hasattr(builtins, name))
