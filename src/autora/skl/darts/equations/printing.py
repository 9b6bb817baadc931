"""Expressions as text and LaTeX: numbers, names and functions as people read them.

A name that is no plain word stands in backticks, as in queries of pandas, so that the
column ``a+b`` squared cannot be read as a + b².
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ..graph import constants
from ..graph.elementary import ELEMENTARY
from ..graph.objectives import OBJECTIVES

#: Words of the text itself, beside functions and links: a column of that name is quoted.
_WORDS = frozenset({"pi", "ln", "sign", "nan", "oo", "zoo"})
#: Numbers below are written in powers of ten, where zeros would take the place of digits.
_SMALL = 1e-4
#: Letters that mean a number in LaTeX.
_LETTERS = frozenset("eπ")


def console_name(name: str) -> str:
    """A column name as one word of an equation.

    Examples
    --------
    >>> print(console_name("dose"), console_name("dose (mg)"), console_name(""))
    dose `dose (mg)` ``
    """
    functions = {f.symbol.lower() for f in ELEMENTARY.values() if f.elementwise}
    taken = _WORDS | functions | {o.link_name for o in OBJECTIVES.values()}
    if name.isidentifier() and not keyword.iskeyword(name) and name not in taken:
        return name
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)
    return "`" + shown.replace("`", "``") + "`"


def console_target(name: str) -> str:
    """The name of an output in front of an equals sign."""
    plain = name.isprintable() and name.strip() and "=" not in name and "`" not in name
    return name if plain else console_name(name)


def latex_name(name: str) -> str:
    r"""A name as LaTeX: x1, x_1 and a_i get an index, anything unusual is text.

    Examples
    --------
    >>> print(latex_name("x1"), latex_name("a_i"), latex_name("contrast (%)"))
    x_{1} a_{i} \text{contrast (}\%\text{)}
    """
    match = re.fullmatch(r"([A-Za-z])_?(\d+)|([A-Za-z])_([A-Za-z])", name)
    if match:
        letter, index = filter(None, match.groups())
        return f"{letter}_{{{index}}}"
    if re.fullmatch(r"[A-Za-z]", name):
        return name
    # Signs that mean something in LaTeX stand outside of the text: MathJax shows their
    # backslashes inside.
    special = {"\\": r"\backslash{}", "~": r"\sim{}", "^": r"\wedge{}"}
    special |= {c: "\\" + c for c in "_%$&#{}"}
    runs = re.split(
        r"([\\~^_%$&#{}])", "".join(c if c.isprintable() else " " for c in name)
    )
    parts = [special.get(run, rf"\text{{{run}}}") for run in runs if run]
    return "".join(parts) or r"\text{}"


def latex_factor(name: str) -> str:
    """A column name as LaTeX in an expression, in brackets where it is no plain word."""
    plain = re.fullmatch(r"\w+", name) and not name[0].isdigit()
    if plain and name not in _LETTERS:
        return latex_name(name)
    return rf"\left({latex_name(name)}\right)"


def typeset_by_sympy(expressions: Iterable[Any]) -> None:
    """Tell SymPy how to typeset the names in expressions that are no plain words.

    It writes a name into LaTeX as it stands, where the % of ``contrast (%)`` begins a
    comment. What was set for other symbols stays; symbols are as they were.
    """
    from sympy.printing.printer import Printer

    names = {s: s.name for e in expressions for s in e.free_symbols}
    ours = {s: latex_factor(n) for s, n in names.items() if not re.fullmatch(r"\w+", n)}
    if ours:
        known = Printer._global_settings.get("symbol_names", {})
        Printer.set_global_settings(symbol_names={**ours, **known})


def rounded(number: float, decimals: int) -> str:
    """A number with so many decimals, in powers of ten where it is small or large."""
    if number != 0 and not max(10**-decimals, _SMALL) <= abs(number) < 1e6:
        return f"{number:.{decimals}e}"
    return f"{number:.{decimals}f}"


def significant(number: float, digits: int) -> str:
    """A number with so many digits that are not zeros in front; whole ones keep all.

    Examples
    --------
    >>> print(significant(0.04481, 2), significant(251.4, 2), significant(3e-7, 2))
    0.045 251 3e-07
    """
    if 10**digits <= abs(number) < 1e6:
        return f"{number:.0f}"
    return f"{number:.{digits}g}"


def latex_number(shown: str) -> str:
    r"""A printed number as LaTeX: 2e-05 is 2 \cdot 10^{-5}."""
    if "e" not in shown:
        return shown
    mantissa, exponent = shown.split("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"


def with_known_numbers(expression: Any) -> Any:
    """An expression in which 2.0 is 2, and what was rounded to π/2 or 1/3 is that.

    Both have the same values to the last digits.
    """
    import sympy

    found = {}
    for number in expression.atoms(sympy.Float):
        value = float(number)
        if (nearest := constants.whole(value)) is not None:
            found[number] = sympy.Integer(nearest)
        elif constants.decimal(value) is None and (known := constants.recognised(value)):
            exact = sympy.Rational(known.ratio.numerator, known.ratio.denominator)
            found[number] = exact * sympy.pi**known.pi * sympy.E**known.e
    return expression.xreplace(found) if found else expression


def text(
    expression: Any,
    decimals: int,
    output_format: str = "console",
    starts: Mapping[str, float] | None = None,
    as_it_is: bool = False,
) -> str:
    """An expression with its coefficients rounded for display.

    Symbols among ``starts`` stand for what is left of a column when that is subtracted.
    ``as_it_is`` keeps SymPy from tidying, so that π is a number with decimals.

    Round numbers, as 2, 0.5 and π/2, are written as such: nothing of them is lost.
    """
    printer = _console() if output_format == "console" else _latex()
    printer.decimals, printer.starts = decimals, starts or {}
    shown = printer.doprint(expression if as_it_is else with_known_numbers(expression))
    return re.sub(r"\(\(([^()]* - [\d.e+-]+)\)\)", r"(\1)", shown) if starts else shown


def number_text(value: Any, decimals: int) -> str:
    """A number as equations have it: round ones are written out."""
    number = float(value)
    if (nearest := constants.whole(number)) is not None:
        return str(nearest)
    return constants.decimal(number) or rounded(number, decimals)


def _number(start: float) -> str:
    return f"{start:.0f}" if start.is_integer() else repr(start)


def _console() -> Any:
    from sympy.printing.str import StrPrinter

    class Console(StrPrinter):
        decimals = 2
        starts: ClassVar[Mapping[str, float]] = {}

        def _print_Float(self, expr: Any) -> str:
            return number_text(expr, self.decimals)

        def _print_Symbol(self, expr: Any) -> str:
            name, start = console_name(expr.name), self.starts.get(expr.name)
            return f"({name} - {_number(start)})" if start else name

        def _print_Exp1(self, expr: Any) -> str:
            return "exp(1)"

        def _print_Max(self, expr: Any) -> str:
            name = expr.func.__name__.lower()
            return f"{name}({', '.join(self._print(a) for a in reversed(expr.args))})"

        _print_Min = _print_Abs = _print_Max

        def _print_log(self, expr: Any) -> str:
            return f"ln({self._print(expr.args[0])})"

    return Console({"order": None})


def _latex() -> Any:
    from sympy.printing.latex import LatexPrinter

    class Latex(LatexPrinter):
        decimals = 2
        starts: ClassVar[Mapping[str, float]] = {}

        def _print_Float(self, expr: Any) -> str:
            return latex_number(number_text(expr, self.decimals))

        def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
            name, start = latex_factor(expr.name), self.starts.get(expr.name)
            return rf"\left({name} - {_number(start)}\right)" if start else name

    return Latex({"ln_notation": True})


def distinct(names: Sequence[str], taken: Iterable[str], stem: str) -> list[str]:
    """Names of outputs, with numbered ones in the place of those that inputs have already.

    Examples
    --------
    >>> distinct(["dose"], ["dose", "y"], "y"), distinct(["dose", "rate"], ["dose"], "y")
    (['y_'], ['y1', 'rate'])
    """
    taken, twice = set(taken), len({*names}) < len(names)
    if not twice and not taken & {*names}:
        return list(names)
    for letter in (stem, f"{stem}_", *"zwuv"):
        others = numbered(letter, len(names))
        pairs = zip(names, others, strict=True)
        found = [o if twice or name in taken else name for name, o in pairs]
        if not taken & {*found} and len({*found}) == len(found):
            return found
    return list(names)


def numbered(letter: str, count: int) -> list[str]:
    """x1, x2, … for columns without names; a single output is y."""
    if letter != "x" and count == 1:
        return [letter]
    return [f"{letter}{i + 1}" for i in range(count)]
