"""The command ``autora-darts``: its arguments, and what becomes of errors.

Exit codes: 0, 1 for data or a model that cannot be used, 2 for wrong arguments, 130 after
Ctrl-C, 141 when whoever reads the output has gone.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..selection import POLICIES, SELECTIONS
from . import pages
from .mistakes import understood

_PROGRAM = "autora-darts"
_ERROR, _USAGE, _INTERRUPTED, _PIPE = 1, 2, 130, 141
_DATA = "a CSV file, a spreadsheet or a Parquet file; - for standard input"
_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": r"\s+"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser, commands = _parser()
    given = sys.argv[1:] if arguments is None else list(arguments)
    asked = understood(parser, commands, given)
    asked.words = [_PROGRAM, *given]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(asked)
    except KeyboardInterrupt:
        print(f"{_PROGRAM}: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it empties its buffer at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE


def _run(asked: argparse.Namespace) -> int:
    from . import commands

    problem: Any
    try:
        code = getattr(commands, asked.command)(asked)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        raise
    except MemoryError:
        problem = "not enough memory"
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else error
    except (ValueError, RuntimeError, commands.UsageError) as error:
        problem = error
    commands.note(f"error: {problem}")
    return _USAGE if isinstance(problem, commands.UsageError) else _ERROR


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the program, and those of its commands by name."""
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Find interpretable equations in a table of data.",
        epilog=f"'{_PROGRAM} COMMAND --help' lists a command's options.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_fit(commands)
    _add_compare(commands)
    _add_predict(commands)
    _add_show(commands)
    pages.add_explore(commands, _add_form)
    _add_next(commands)
    _add_primitives(commands)
    return parser, commands.choices


def _version() -> str:
    try:
        return f"{_PROGRAM} {version('autora-skl-darts')}"
    except PackageNotFoundError:
        return f"{_PROGRAM}, not installed"


def _add_fit(commands: Any) -> None:
    parser = commands.add_parser(
        "fit",
        help="find an equation",
        description="Find an equation of a column in the others. Writes the model, the "
        "table of candidates and pictures into a folder.",
        usage="%(prog)s DATA --target NAME [options]",
    )
    parser.add_argument("data", metavar="DATA", help=_DATA)
    _add_columns(parser)
    add = parser.add_argument
    add("-o", "--output", metavar="DIR", help="folder of the results (default: DATA-darts)")
    add(
        "--format",
        choices=("png", "svg", "pdf"),
        default="png",
        help="format of the pictures (default: png)",
    )
    add("-q", "--quiet", action="store_true", help="print nothing but the equation")
    pages.add_report(parser)
    add("--equation", metavar="THEORY",
        help="fit the constants of this equation, such as 'a*dose/(b + dose)', instead of "
        "searching")  # fmt: skip
    _add_search(parser)
    _add_groups(parser)
    _add_units(parser)
    _add_form(parser)


def _add_groups(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("groups of rows").add_argument
    add("--groups", metavar="NAME",
        help="the column that says to which group a row belongs, such as its participant: "
        "all share an equation, of which some coefficients may differ")  # fmt: skip
    add("--group-coefficients", choices=tuple(POLICIES),
        help="which coefficients may differ between groups (default: auto, those for "
        "which the data pay)")  # fmt: skip
    add("--no-shrinkage", action="store_true",
        help="fit the coefficients of each group to its own rows only")  # fmt: skip


def _add_search(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("search").add_argument
    add("--primitives", nargs="+", metavar="NAME",
        help="the functions to search among, such as add mult exp ln sin; "
        f"'{_PROGRAM} primitives' lists all")  # fmt: skip
    add("--nodes", type=_nodes, default="auto", metavar="N",
        help="number of latent nodes, for the fixed graph of the DARTS papers (default: "
        "auto, graphs of any size)")  # fmt: skip
    add("--train-readout", action="store_true",
        help="with --nodes: fit a weight for each node, instead of adding all up"
        )  # fmt: skip
    add(
        "--time",
        type=_positive("a number of seconds"),
        metavar="S",
        help="seconds after which the search ends",
    )
    add("--seed", type=_whole(0, 2**32 - 1, "a whole number from 0"), default=0,
        metavar="N",
        help="the same number finds the same equation (default: 0)")  # fmt: skip
    add("--restarts", type=_whole(1, 10**6, "a whole number from 1"), default=1,
        metavar="N", help="independent searches, of which the best counts")  # fmt: skip
    add("--jobs", type=_jobs, metavar="N",
        help="how many restarts run at once, -1 for all cores")  # fmt: skip
    add("--selection", choices=SELECTIONS, default="auto",
        help="which candidate becomes the model (default: auto)")  # fmt: skip
    add("--guess", action="append", metavar="THEORY",
        help="an equation to search from, such as 'a*dose/(b + dose)'; may be repeated; "
        "names that are not columns are constants")  # fmt: skip


def _add_units(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("units (need the package pint)").add_argument
    add("--units", action="append", metavar="UNITS",
        help="of the inputs, such as 'distance=m,time=s', with nothing behind the = for a "
        "pure number; may be repeated; from_names for names such as 'distance (m)'"
        )  # fmt: skip
    add("--y-units", metavar="UNIT",
        help="of the target, such as m/s; of several targets as --units")  # fmt: skip
    add("--numbers-only", action="store_true",
        help="fitted coefficients are pure numbers")  # fmt: skip
    add("--constants", action="append", metavar="NAMES",
        help="physical constants that the equation may contain, such as 'c,k_B', or with "
        "their values, as 'mu=1.2 kg'; may be repeated")  # fmt: skip


def _add_compare(commands: Any) -> None:
    parser = commands.add_parser(
        "compare",
        help="compare theories with what is found",
        description="Fit theories to a column and weigh them beside the equation that is "
        "found for it. In a theory, names that are not columns are constants.",
        usage="%(prog)s DATA --target NAME --theory THEORY [options]",
    )
    parser.add_argument("data", metavar="DATA", help=_DATA)
    parser.set_defaults(
        groups=None, group_coefficients=None, no_shrinkage=False, equation=None
    )
    add = parser.add_argument
    _add_columns(parser)
    add("--theory", action="append", required=True, metavar="THEORY",
        help="such as 'Stevens: a*dose**b'; may be repeated")  # fmt: skip
    add("--model", metavar="MODEL",
        help="a model file, whose equation takes the place of a search")  # fmt: skip
    add("-o", "--output", metavar="FILE", help="write the table as CSV, too")
    add("-q", "--quiet", action="store_true", help="print nothing but the table")
    _add_search(parser)
    _add_units(parser)
    _add_form(parser)


def _add_columns(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-t", "--target", action="append", required=True, metavar="NAME",
        help="the column to explain; may be repeated")  # fmt: skip
    add("-i", "--inputs", nargs="+", action="extend", metavar="NAME",
        help="the columns to explain it by (default: all others)")  # fmt: skip
    add("--classify", action="store_true", help="the target is a class, not a number")
    add("--y-error", metavar="ERROR",
        help="standard deviation of the target's error, where it is known: a column or a "
        "number, in units of the target")  # fmt: skip
    add("--weight", metavar="NAME",
        help="the column that says how much each row counts")  # fmt: skip


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser(
        "predict",
        help="apply an equation to new rows",
        description="Write the rows of a file with the predictions beside them, as CSV.",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model file that fit wrote")
    add("data", metavar="DATA", help=_DATA)
    add("-o", "--output", metavar="FILE", help="default: standard output")
    add("--groups", metavar="NAME",
        help="the column that names the rows' groups, where the fit had groups "
        "(else: the population)")  # fmt: skip
    add("--interval", type=_probability, metavar="LEVEL",
        help="add the ends of intervals of this probability, such as 0.9")  # fmt: skip
    add("--kind", choices=("observation", "mean"),
        help="what lies in the intervals: new observations, or the law, which is their "
        "mean (default: observation)")  # fmt: skip
    _add_form(parser)


def _add_form(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("how DATA is written (default: detected)").add_argument
    add("--separator", type=_separator, metavar="SEP",
        help=f"between fields: {', '.join(_SEPARATORS)} or a character")  # fmt: skip
    add("--decimal", choices=(".", ","), metavar="MARK", help="decimal mark, . or ,")
    add("--encoding", help="such as utf-8 or latin-1")
    add("--no-header", action="store_true",
        help="the first line has data; columns are called x1, x2, …")  # fmt: skip
    add("--sheet", metavar="NAME", help="of a spreadsheet (default: the first)")
    add("--drop-missing", action="store_true", help="leave out rows that lack a value")


def _add_show(commands: Any) -> None:
    parser = commands.add_parser(
        "show",
        help="print or draw an equation",
        description="Print the equation of a model file. Files from strangers are safe: "
        "nothing in them is run.",
    )
    parser.add_argument("model", metavar="MODEL", help="a model file, - for standard input")
    add = parser.add_mutually_exclusive_group().add_argument
    add("--latex", action="store_true", help="as LaTeX")
    add("--sympy", action="store_true",
        help="as text that SymPy reads, at full precision")  # fmt: skip
    add("--python", action="store_true", help="as a Python function that needs NumPy alone")
    add("--table", action="store_true", help="the table of candidates")
    add("--coefficients", action="store_true",
        help="the coefficients and their standard errors, as CSV")  # fmt: skip
    add = parser.add_argument
    add("--graph", metavar="FILE",
        help="draw the graph: .svg, .png, .pdf or .dot; - prints DOT")  # fmt: skip
    add("--row", type=int, metavar="N", help="of another candidate, see --table")
    add("--digits", type=_whole(0, 17, "a whole number from 0 to 17"), default=2,
        metavar="N", help="decimals (default: 2)")  # fmt: skip
    add("--simplify", action="store_true", help="a shorter form, for --latex and --sympy")
    pages.add_report(parser, _add_form)


def _add_next(commands: Any) -> None:
    parser = commands.add_parser(
        "next",
        help="choose the next experiment",
        description="Write the conditions at which an observation is expected to tell most "
        "about which equation is right, as CSV: those of all models, each with its rivals.",
        usage="%(prog)s MODEL [MODEL ...] [options]",
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a model file")
    add = parser.add_argument
    add("-n", "--samples", type=_whole(1, 10**6, "a whole number from 1"), default=1,
        metavar="N", help="how many conditions (default: 1)")  # fmt: skip
    add("--pool", metavar="DATA",
        help="a file of the conditions that are possible (default: a grid over the "
        "range of the data of the fits)")  # fmt: skip
    add("--range", action="append", metavar="NAME=LOW:HIGH",
        help="the range of an input of the grid; may be repeated")  # fmt: skip
    add("--about", choices=("equation", "coefficients", "both"), default="equation",
        help="what an observation is to tell (default: equation)")  # fmt: skip
    add("--weights", nargs="+", metavar="W",
        help="how probable each model is: a number for each, or evidence, for models of "
        "the same data (default: equally)")  # fmt: skip
    add("--noise", type=_positive("a positive number"), metavar="SD",
        help="standard deviation of an observation (default: as the fits estimate it)"
        )  # fmt: skip
    add("--repeat", action="store_true", help="conditions may be chosen several times")
    add("--seed", type=_whole(0, 2**32 - 1, "a whole number from 0"), default=0,
        metavar="N",
        help="the same number chooses the same conditions (default: 0)")  # fmt: skip
    add("-o", "--output", metavar="FILE", help="default: standard output")
    _add_form(parser)


def _add_primitives(commands: Any) -> None:
    parser = commands.add_parser(
        "primitives",
        help="list the functions that equations may contain",
        description="List the primitives: their names, formulas and domains.",
    )
    parser.add_argument("--default", action="store_true",
        help="only those that are searched by default")  # fmt: skip


def _whole(low: int, high: int, what: str) -> Callable[[str], int]:
    """What reads a whole number between bounds."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"must be {what}, got {text!r}")
        return number

    return read


def _nodes(text: str) -> int | str:
    return text if text == "auto" else _whole(1, 1000, "auto or a number from 1")(text)


def _jobs(text: str) -> int:
    what = "a whole number, such as 4, or -1 for all cores"
    number = _whole(-1000, 1000, what)(text)
    if number == 0:
        raise argparse.ArgumentTypeError("must not be 0; -1 means all cores")
    return number


def _positive(what: str) -> Callable[[str], float]:
    """What reads a positive number."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            raise argparse.ArgumentTypeError(f"must be {what}, got {text!r}")
        return number

    return read


def _probability(text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = 0.0
    if not 0 < level < 1:
        raise argparse.ArgumentTypeError(
            f"must be a probability between 0 and 1, such as 0.9, got {text!r}"
        )
    return level


def _separator(text: str) -> str:
    found = _SEPARATORS.get(text, "\t" if text == r"\t" else text)
    if found not in _SEPARATORS.values() and (len(found) != 1 or not found.isascii()):
        raise argparse.ArgumentTypeError(
            f"must be one of {', '.join(_SEPARATORS)} or a character, got {text!r}"
        )
    return r"\s+" if found == " " else found
