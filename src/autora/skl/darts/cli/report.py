"""What the command line shows: lines, the table of candidates, pictures."""

from __future__ import annotations

import shutil
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..estimators.equation_table import text_table
from ..plotting.style import shortened, weight_text
from ..runtime.files import write
from ..runtime.messages import warn
from .columns import Data

#: What a fit may draw, and how.
PICTURES = (
    "graph", "equations", "evidence", "fit", "residuals", "confusion", "groups",
    "coefficients",
)  # fmt: skip
FORMATS = ("png", "svg", "pdf")
#: Characters of a line of the table: at least, and where no terminal sets a limit.
_NARROW, _WIDE = 60, 10_000


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
    line = f"autora-darts: {visible(' '.join(text.split()))}"
    print(_folded(line) if sys.stderr.isatty() else line, file=sys.stderr)


def put(text: str, path: str | None) -> None:
    """Write a table to a file, or to standard output where none or "-" is named."""
    if path in (None, "-"):
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        return
    try:
        write(path, text)
    except OSError as error:
        error.filename = path  # not that of the unfinished file
        raise


def _columns() -> int:
    """Characters of a line of the terminal."""
    return max(_NARROW, shutil.get_terminal_size((_NARROW, 0)).columns)


def _folded(line: str) -> str:
    """Lines that a terminal need not break within words."""
    return textwrap.fill(
        line, _columns(), subsequent_indent="  ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


@contextmanager
def warnings_as_notes(quiet: bool = False) -> Iterator[list[str]]:
    """Warnings as one line each, without the place in our code; their texts are kept."""
    said: list[str] = []

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        said.append(str(message))
        if not quiet:
            note(f"warning: {message}")

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("default")
        for category in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)
        warnings.showwarning = show
        yield said


def say_equation(model: Any, decimals: int = 2) -> None:
    say(model.model_repr(decimals_to_display=decimals).removeprefix("Model:\n"))


def say_quality(model: Any, data: Data) -> None:
    """How complex the equation is, and how well it agrees with the rows."""
    table = model.equations_
    parts = []
    if model.selected_ is not None:
        row = table.loc[model.selected_]
        parts = [f"complexity {row['complexity']:g}", f"loss {row['loss']:.3g}"]
    parts += _agreement(model, data)
    if model.selected_ is not None and len(table) > 1:
        parts.append(f"weight {weight_text(row['weight'])}")
    say("")
    say(", ".join(parts))


def _agreement(model: Any, data: Data) -> list[str]:
    """R² of numbers, or the share of classes that are right."""
    from sklearn.metrics import accuracy_score, r2_score

    known = {} if data.groups is None else {"groups": data.groups}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit has said what there is to say
        found = model.predict(data.X, **known)
        if hasattr(model, "classes_"):
            share = accuracy_score(data.y, found, sample_weight=data.weight)
            return [f"{share:.1%} of classes right"]
        weight = _weights(data)
        values = r2_score(data.y, found, sample_weight=weight, multioutput="raw_values")
    return [f"R² {', '.join(f'{value:.4f}' for value in values)}"]


def _weights(data: Data) -> Any:
    """How much each row counts in the fit; None where all count the same."""
    if data.y_error is None or np.ndim(data.y_error) == 0:
        return data.weight
    return (1 if data.weight is None else data.weight) / data.y_error**2


def say_files(written: list[str], folder: Path) -> None:
    line = f"{', '.join(written)} in {folder}"
    say("")
    say(_folded(line) if sys.stdout.isatty() else line)


def print_table(model: Any) -> None:
    """The candidates, simplest first; an arrow at the model."""
    width = _columns() if sys.stdout.isatty() else _WIDE
    numbers = ("complexity", "loss", "criterion", "weight")
    say(text_table(model.equations_, numbers, "→", width))


def _room(head: str) -> int:
    """Characters that are left of a line behind the columns of numbers."""
    return _columns() - len(head) if sys.stdout.isatty() else _WIDE


def print_comparison(table: Any) -> None:
    """Theories and what was found, the best first, and their constants."""
    head = f"{'weight':>8} {'difference':>10} {'complexity':>10} {'loss':>9} {'R²':>8}  "
    width = _room(head)
    say(f"{head}name")
    for _, row in table.iterrows():
        say(
            f"{weight_text(row['weight']):>8} {row['difference']:>10.1f} "
            f"{row['complexity']:>10.1f} {row['loss']:>9.3g} {row['r2']:>8.4f}  "
            f"{shortened(row['name'], width)}"
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
            warn(f"{where.name} could not be drawn: {error}")
        else:
            done.append(where.name)
    return done


def _pictures(model: Any, X: Any, y: Any, groups: Any) -> dict[str, Callable[[Path], None]]:
    from ..pages.pictures import displays
    from ..plotting.equations_display import EquationsDisplay
    from ..plotting.evidence_display import EvidenceDisplay

    def saved(draw: Callable[[], Any]) -> Callable[[Path], None]:
        return lambda path: _save(draw(), path)

    found = {
        "equations": lambda: EquationsDisplay.from_estimator(model),
        "evidence": lambda: EvidenceDisplay.from_estimator(model),
        **displays(model, X, y, groups),
    }
    graph = {"graph": lambda path: draw_graph(model, path)}
    return graph | {name: saved(draw) for name, draw in found.items()}


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
