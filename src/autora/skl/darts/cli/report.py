"""What the command line shows: lines, the table of candidates, pictures."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..plotting.style import plain, shortened
from ..runtime.files import write

#: What a fit may draw, and how.
PICTURES = (
    "graph", "equations", "evidence", "fit", "residuals", "confusion", "groups",
    "coefficients",
)  # fmt: skip
FORMATS = ("png", "svg", "pdf")
#: Characters of a line of the table: at least, and where no terminal sets a limit.
_NARROW, _WIDE = 60, 10_000
#: Weight of a rival below which the table only counts it.
_UNLIKELY = 0.02


class UsageError(Exception):
    """An argument that no parser can know to be wrong."""


def visible(text: str) -> str:
    """Text whose characters cannot command a terminal; names may come from strangers."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode()
        for c in text
    )


def say(text: str) -> None:
    print(visible(text))


def note(text: str) -> None:
    print(f"autora-darts: {visible(' '.join(text.split()))}", file=sys.stderr)


@contextmanager
def warnings_as_notes(quiet: bool = False) -> Iterator[None]:
    """Warnings as one line each, without the place in our code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if not quiet:
            note(f"warning: {message}")

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("default")
        for category in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)
        warnings.showwarning = show
        yield


def print_table(model: Any) -> None:
    """The candidates, simplest first; an arrow at the model.

    Rivals of one complexity that are not likely are counted alone.
    """
    table = model.equations_
    rival = table["complexity"].duplicated() & (table["weight"] < _UNLIKELY)
    rows = table[~rival | table["selected"]]
    columns = shutil.get_terminal_size((_NARROW, 0)).columns
    width = max(_NARROW, columns) - 47 if sys.stdout.isatty() else _WIDE
    say(f"{'':5} {'complexity':>10} {'loss':>9} {'criterion':>10} {'weight':>8}  equation")
    for i, row in rows.iterrows():
        mark = "→" if row["selected"] else " "
        say(
            f"{mark} {i:>3} {row['complexity']:>10.1f} {row['loss']:>9.3g} "
            f"{row['criterion']:>10.1f} {row['weight']:>8.2g}  "
            f"{shortened(row['equation'], width)}"
        )
    if len(rows) < len(table):
        say(f"{'':6}… and {len(table) - len(rows)} rivals of less weight")


def print_comparison(table: Any) -> None:
    """Theories and what was found, the best first, and their constants."""
    say(f"{'weight':>8} {'difference':>10} {'complexity':>10} {'loss':>9} {'R²':>8}  name")
    for _, row in table.iterrows():
        say(
            f"{row['weight']:>8.2g} {row['difference']:>10.1f} {row['complexity']:>10.1f} "
            f"{row['loss']:>9.3g} {row['r2']:>8.4f}  {row['name']}"
        )
    for _, row in table.iterrows():
        say(f"\n{row['name']}\n    = {row['equation']}")
        if not row.get("units_agree", True):
            say("    its units do not agree")
        for name, value in row["constants"].items():
            say(f"    {name} = {value:.6g} ± {row['standard_errors'][name]:.2g}")


# Pictures


def draw(model: Any, X: Any, y: Any, groups: Any, folder: Path, suffix: str) -> list[str]:
    """The pictures; one that cannot be drawn does not keep the others away."""
    import matplotlib

    matplotlib.use("agg")
    done = []
    for name, draw in _pictures(model, X, y, groups).items():
        where = folder / f"{name}.{suffix}"
        try:
            draw(where)
        except Exception as error:
            warnings.warn(f"{where.name} could not be drawn: {error}", stacklevel=2)
        else:
            done.append(where.name)
    return done


def _pictures(model: Any, X: Any, y: Any, groups: Any) -> dict[str, Callable[[Path], None]]:
    from ..plotting.coefficient_display import CoefficientDisplay
    from ..plotting.equations_display import EquationsDisplay
    from ..plotting.evidence_display import EvidenceDisplay
    from ..plotting.fit_display import FitDisplay
    from ..plotting.group_display import GroupDisplay
    from ..plotting.residual_display import ResidualDisplay

    def saved(display: Any, *data: Any, **look: Any) -> Callable[[Path], None]:
        return lambda path: _save(display.from_estimator(model, *data, **look), path)

    pictures = {
        "graph": lambda path: draw_graph(model, path),
        "equations": saved(EquationsDisplay),
        "evidence": saved(EvidenceDisplay),
    }
    if groups is not None:
        pictures["groups"] = saved(GroupDisplay, X, y, groups)
        if len(model.population_):
            pictures["coefficients"] = saved(CoefficientDisplay)
    known = {} if groups is None else {"groups": groups}
    fit = {"fit": saved(FitDisplay, X, y, **known)}
    if not hasattr(model, "classes_"):
        return pictures | fit | {"residuals": saved(ResidualDisplay, X, y, **known)}
    pictures["confusion"] = lambda path: _save(_confusion(model, X, y, known), path)
    drawable = X.shape[1] == 1 or (X.shape[1] == 2 and len(model.classes_) == 2)
    return pictures | fit if drawable and groups is None else pictures


def _confusion(model: Any, X: Any, y: Any, known: dict[str, Any]) -> Any:
    from sklearn.metrics import ConfusionMatrixDisplay

    return ConfusionMatrixDisplay.from_predictions(
        y,
        model.predict(X, **known),
        labels=model.classes_,
        display_labels=[plain(label) for label in model.classes_],
        colorbar=False,
        cmap="Blues",
    )


def _save(display: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    try:
        display.figure_.savefig(path, dpi=150)
    finally:
        plt.close(display.figure_)


def draw_graph(model: Any, path: Path) -> None:
    """The graph of a model as a picture, or as DOT text."""
    graph = model.visualize_model()
    suffix = path.suffix.lstrip(".").lower()
    if str(path) == "-":
        say(graph.source)
    elif suffix in ("dot", "gv"):
        write(path, graph.source)
    elif suffix in FORMATS:
        write(path, graph.pipe(suffix))
    else:
        raise UsageError(f"--graph FILE must end in .svg, .png, .pdf or .dot, got {path}")
