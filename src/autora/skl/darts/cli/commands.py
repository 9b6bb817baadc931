"""What the command line does: a function for each command.

Everything here is imported after the arguments have been understood, so that help and
mistakes need not wait for it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..graph.formula import names_in
from ..graph.grammar import parsed
from ..graph.primitives import PRIMITIVES, resolve
from ..graph.spelling import nearest
from ..runtime.files import write
from .binary_files import PACKED
from .columns import Data, data_of
from .experiments import next_experiments as next
from .forms import show
from .groups import check_groups
from .pages import check_page, explore, write_report_of
from .predictions import predict
from .report import (
    FORMATS,
    PICTURES,
    UsageError,
    draw,
    note,
    print_comparison,
    print_table,
    put,
    say,
    say_equation,
    say_files,
    say_quality,
    warnings_as_notes,
)
from .sources import about, load, read
from .units import check_units, constants_asked, units_asked
from .vocabulary import primitives
from .wording import in_terms_of_options

__all__ = ["compare", "explore", "fit", "next", "predict", "primitives", "show"]

#: What a fit leaves in its folder, beside the pictures.
MODEL, TABLE = "model.json", "equations.csv"
_SHOWN = 60  #: characters of a theory in messages
#: How much a constant has to be like a column to be asked about.
_ALIKE = 0.8
INTERRUPTED = 130  #: the exit code after Ctrl-C


# fit


def fit(asked: argparse.Namespace) -> int:
    """Read, search, write; 130 where Ctrl-C ended the search."""
    _check(asked)
    check_page(asked.report)
    with about(asked.data):
        data = data_of(read(asked, asked.data), asked)
    X, y, groups = data.X, data.y, data.groups
    for text in () if asked.quiet else data.notes:
        note(text)
    if not asked.quiet:
        given = [asked.equation] if asked.equation else asked.guess or []
        _say_misspelt(given, list(X.columns))
    folder = _folder(asked)
    model, interrupted = _estimator(asked), False
    with warnings_as_notes(asked.quiet) as said:
        try:
            _fit(model, data, asked)
        except KeyboardInterrupt:
            interrupted = True
            if not hasattr(model, "model_"):
                note("interrupted before anything was found")
                return INTERRUPTED
        of_fit, written = [*said], _write(model, folder)
        if not interrupted:
            write_report_of(model, asked, (X, y, groups), of_fit)
            written += draw(model, X, y, groups, folder, asked.format)
    say_equation(model)
    if not asked.quiet:
        say_quality(model, data)
        say("")
        print_table(model)
        say_files(written, folder)
        if asked.report and not interrupted:
            say(asked.report)
    if interrupted:
        note(f"interrupted; the best equation so far is in {folder / MODEL}")
    return INTERRUPTED if interrupted else 0


def _check(asked: argparse.Namespace) -> None:
    """What is wrong with the arguments, whatever the data are."""
    if asked.classify and len(asked.target) > 1:
        raise UsageError("--classify takes one --target")
    if asked.classify and asked.y_error is not None:
        raise UsageError("--y-error is for numbers; leave it out with --classify")
    for text in asked.guess or ():
        _check_theory(text, "--guess")
    if asked.equation is not None:
        _check_theory(asked.equation, "--equation")
        for name, given in (
            ("--guess", asked.guess),
            ("--primitives", asked.primitives),
            ("--nodes", asked.nodes != "auto"),
        ):
            if given:
                raise UsageError(f"{name} is about a search; leave it out with --equation")
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


def _say_misspelt(texts: Sequence[str], columns: Sequence[str]) -> None:
    """Names of constants that may be columns in another spelling."""
    for text in texts:
        names = names_in(parsed(text, "theory").formula)
        others = [column for column in columns if column not in names]
        for name in names:
            near = None if name in columns else nearest(name, others, _ALIKE)
            if near is not None:
                note(
                    f"in {text[:_SHOWN]!r} {name!r} is not a column, so that it is fitted "
                    f"as a constant; did you mean {near!r}?"
                )


def _estimator(asked: argparse.Namespace) -> Any:
    from ..estimators.classifier import DARTSClassifier
    from ..estimators.regressor import DARTSRegressor

    further: dict[str, Any] = {}
    if asked.numbers_only:
        further["dimensionless_constants_only"] = True
    if asked.constants:
        further["constants"] = constants_asked(asked)
    if asked.equation is not None:
        further["equation"] = asked.equation
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
        **further,
    )


def _fit(model: Any, data: Data, asked: argparse.Namespace) -> None:
    X, y = data.X, data.y
    targets = [y.name] if y.ndim == 1 else list(y.columns)
    further = units_asked(asked, list(X.columns), targets) | data.further
    if data.groups is not None:
        further["groups"] = data.groups
    with in_terms_of_options():
        model.fit(X, y, **further)


def _folder(asked: argparse.Namespace) -> Path:
    """Where results go; made before the search, not to fail after it."""
    path = Path(asked.data)
    if path.suffix in PACKED:
        path = path.with_suffix("")
    stem = "stdin" if asked.data == "-" else path.stem
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
    model = load(asked.model) if asked.model else _estimator(asked)
    with about(asked.data):
        if asked.inputs is None and hasattr(model, "feature_names_in_"):
            asked.inputs = model.feature_names_in_.tolist()
        data = data_of(read(asked, asked.data), asked)
    X = data.X
    for text in () if asked.quiet else data.notes:
        note(text)
    if not asked.quiet:
        _say_misspelt(asked.theory, list(X.columns))
    with warnings_as_notes(asked.quiet):
        if not asked.model:
            _fit(model, data, asked)
        elif not hasattr(model, "feature_names_in_"):
            X = X.to_numpy()
        with in_terms_of_options():
            table = model.compare(asked.theory, X, data.y, **data.further)
    print_comparison(table)
    if asked.output:
        put(table.to_csv(index=False, lineterminator="\n"), asked.output)
    return 0
