"""Equations in pictures: typeset, with few digits, in lines that fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..equations.printing import significant
from ..graph.model import Model
from . import style

_NUMBER = r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?"
#: Digits of numbers, at least and at most, and how far a curve may be off, as a share of
#: its range, for fewer to do.
_FEWEST, _MOST, _CLOSE = 3, 9, 0.01
#: Decimals of an equation before its numbers get few digits.
_DECIMALS = 6
_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
#: What starts each further line of an equation.
_INDENT, _MATH_INDENT = "    ", r"\quad "
#: Signs that LaTeX has and mathtext has not.
_UNKNOWN_SIGNS = {r"\&": r"\text{&}", r"\sim{}": r"\text{~}", r"\wedge{}": r"\text{^}"}


class Formula(NamedTuple):
    """An equation in two readings: one is typeset, the other fits everywhere.

    Attributes
    ----------
    latex : str
        For mathtext; "" where there is none.
    words : str
        In plain letters.
    """

    latex: str
    words: str

    def lines(self, room: float, size: float) -> list[str]:
        """Lines that take at most so many points, as matplotlib shows them.

        Mathematics breaks before + and −; where that is not enough, plain letters break
        between any two symbols.
        """
        return self._typeset(room, size) or in_lines(self.words, room, size)

    def _typeset(self, room: float, size: float) -> list[str]:
        """The lines in mathematics, none where it does not fit."""
        if not self.latex:
            return []
        try:
            lines = _filled(_terms(self.latex), room, _MATH_INDENT, lambda line: (
                style.text_width(f"${line}$", size)
            ))  # fmt: skip
        except ValueError:  # something that mathtext does not know
            return []
        return [f"${line.rstrip()}$" for line in lines]


def formulas_of(estimator: Any) -> list[Formula]:
    """The equations of a fitted estimator: one per output, or node by node where long.

    None for estimators of other packages.
    """
    if not hasattr(estimator, "model_repr") or not hasattr(estimator, "model_"):
        return []
    from ..equations.forms import headline

    inputs, targets = estimator._names()

    def written(form: str, latent: bool | str) -> list[str]:
        points = estimator._points()
        model = estimator.model_
        return headline(model, inputs, targets, points, "", _DECIMALS, form, latent)

    words = written("console", "auto")
    flat = len(words) == len(targets)
    latex = written("latex", not flat)
    digits = _digits(estimator.model_, estimator._points())
    return [
        Formula(_mathtext(one, digits), printed(other, (*inputs, *targets), digits))
        for one, other in zip(latex, words, strict=True)
    ]


def _digits(model: Model, points: np.ndarray) -> int:
    """Digits with which an equation still says what the model predicts.

    Where large terms nearly cancel, three may move the curve visibly.
    """
    model = model.replace(effects=None)
    expected = model.eta(points)
    near = _CLOSE * np.ptp(expected, axis=0)
    for digits in range(_FEWEST, _MOST):
        arrays = {
            kind: _rounded(getattr(model, kind), digits)
            for kind in ("edge", "readout", "bias")
        }
        off = np.abs(model.replace(**arrays).eta(points) - expected)
        if not (off > near).any():
            return digits
    return _MOST


def _rounded(values: np.ndarray, digits: int) -> np.ndarray:
    shown = [float(f"{value:.{digits}g}") for value in values.ravel().tolist()]
    return np.array(shown).reshape(values.shape)


def printed(equation: str, names: Sequence[str], digits: int = _FEWEST) -> str:
    """An equation of the console with few digits and the signs of print."""
    return typographic(compact(equation, names, digits), names)


def compact(equation: str, names: Sequence[str], digits: int = _FEWEST) -> str:
    """An equation with few digits, "·" for "*" and "^" for "**"; names stay."""

    def shown(match: re.Match[str]) -> str:
        if match[0] in ("*", "**"):
            return "·" if match[0] == "*" else "^"
        number = significant(float(match["number"]), digits)
        before = equation[: match.start()].rstrip()[-1:]
        if match["times"] and number == "1" and before not in ("*", "/"):
            return ""
        return number + "·" * bool(match["times"])

    parts = rf"(?P<number>{_NUMBER})(?P<times>\*(?!\*))?|\*\*?"
    return _outside(names, parts, shown, equation)


def typographic(equation: str, names: Sequence[str]) -> str:
    """An equation of the console with signs and indices of print; quoted names stay.

    A name such as x1 or k_2 gets an index, as in LaTeX, unless names without would be the
    same; a whole power and one of ten are raised.
    """
    latent = {f"{letter}_{digits}" for letter, digits in _INDEXED.findall(equation)}
    taken = {*names}
    indexed = {name: subscripted(name) for name in (latent | taken)}
    twice = len({*indexed.values()}) < len(indexed)

    def shown(match: re.Match[str]) -> str:
        if match["index"]:
            return match[0] if twice else subscripted(match[0])
        if match["ten"]:
            exponent = str(int(match["ten"])).translate(_RAISED)
            return f"{match['mantissa']}·10{exponent}"
        if match["power"]:
            return match["power"].translate(_RAISED)
        return {"**": "^", "*": "·", "-": "−"}[match[0]]

    parts = (
        rf"(?P<index>{_INDEX})|(?P<mantissa>\d[\d.]*)e(?P<ten>[+-]?\d+)"
        r"|(?:\*\*|\^)(?P<power>\d+)(?![\w./])|\*\*|\*|-"
    )
    plain = [name for name in names if subscripted(name) == name]
    return _outside(plain, parts, shown, equation)


_INDEX = r"(?<![\w.])[A-Za-z]+_?\d+(?![\w.(])"
_INDEXED = re.compile(r"(?<![\w.])([A-Za-z]+)_(\d+)(?![\w.(])")


def subscripted(name: str) -> str:
    """x1 and k_1 with an index; other names stay.

    Examples
    --------
    >>> print(subscripted("x1"), subscripted("k_12"), subscripted("ab1"))
    x₁ k₁₂ ab1
    """
    match = re.fullmatch(r"([A-Za-z])_?(\d+)", name)
    return match[1] + match[2].translate(_BELOW) if match else name


def _outside(
    names: Sequence[str], parts: str, shown: Callable[[re.Match[str]], str], text: str
) -> str:
    """A text in which parts are replaced, but not inside of names or quotes."""
    known = [re.escape(name) for name in sorted(names, key=len, reverse=True) if name]
    kept = "|".join([r"`(?:[^`]|``)*`", *(rf"(?<!\w){name}(?!\w)" for name in known)])
    return re.sub(
        rf"(?P<kept>{kept})|{parts}",
        lambda match: match[0] if match["kept"] else shown(match),
        text,
    )


def _mathtext(latex: str, digits: int) -> str:
    """LaTeX with few digits that mathtext can read."""
    for sign, known in _UNKNOWN_SIGNS.items():
        latex = latex.replace(sign, known)
    names: list[str] = []

    def letter(match: re.Match[str]) -> str:
        names.append(match[0])
        return chr(_PRIVATE + len(names) - 1)

    def shown(match: re.Match[str]) -> str:
        number = significant(float(match["number"]), digits)
        if match["factor"] and number == "1":
            return ""
        mantissa, _, exponent = number.partition("e")
        raised = rf" \cdot 10^{{{int(exponent)}}}" if exponent else ""
        return mantissa + raised + match["factor"]

    # Names take no part: each is a letter for a while.
    latex = re.sub(_NAME, letter, latex)
    factor = rf"(?P<factor> (?={_LETTER}|\\(?!cdot|right))|)"
    latex = re.sub(rf"(?P<number>{_NUMBER}){factor}", shown, latex)
    for pattern, better in _SPACES.items():
        latex = re.sub(pattern, better, latex)
    latex = "".join(_large_fractions(latex))
    for i, name in enumerate(names):
        latex = latex.replace(chr(_PRIVATE + i), name)
    return latex


def _large_fractions(latex: str) -> Iterator[str]:
    """Parts in which fractions that stand on the line are as large as what is beside."""
    depth, start = 0, 0
    for match in re.finditer(r"[{}]|\\frac", latex):
        if match[0] == r"\frac" and depth == 0:
            yield latex[start : match.start()] + r"\dfrac"
            start = match.end()
        depth += {"{": 1, "}": -1}.get(match[0], 0)
    yield latex[start:]


_NAME = r"(?:\\text\{[^}]*\}|\\[%$&#_{}]|\\backslash\{\})+"
_PRIVATE = 0xE000
_LETTER = "[A-Za-z\ue000-\uf8ff]"
#: What mathtext sets apart otherwise than LaTeX: factors side by side would read as one,
#: and a bracket would stand away from its function. A bracket in a bracket is not needed.
_SPACES = {
    rf"\\left\(\\left\(({_LETTER})\\right\) \\right\)": r"\\left(\1 \\right)",
    rf"((?<=[}}\d)])|(?<![\\A-Za-z]){_LETTER}) (?=\\(?!cdot|right)|{_LETTER})": r"\1 \\, ",
    r"(\\(?:[a-z]+|operatorname\{\w+\})(?:\^\{[^{}]*\})?)(?=\{\\left\()": r"\1\\!",
}


def _terms(latex: str) -> list[str]:
    """Parts of a sum, each with its sign, and what stands before "="."""
    found, depth, start = [], 0, 0
    for match in re.finditer(r"\\[{}]|\\left|\\right|[{}]| (?=[+-] )|(?<== )", latex):
        depth += {"{": 1, r"\left": 1, "}": -1, r"\right": -1}.get(match[0], 0)
        if depth == 0 and match[0] in (" ", ""):
            found.append(latex[start : match.end()])
            start = match.end()
    return [*found, latex[start:]]


def _filled(
    parts: Sequence[str], room: float, indent: str, width: Callable[[str], float]
) -> list[str]:
    """Parts in lines of at most so many points; none where a part is wider."""
    lines = [parts[0]]
    for part in parts[1:]:
        if width(lines[-1] + part) <= room:
            lines[-1] += part
        else:
            lines.append(indent + part)
    return lines if all(width(line) <= room for line in lines) else []


def in_lines(words: str, room: float, size: float) -> list[str]:
    """Plain letters in lines, which break between symbols, else anywhere."""

    def width(text: str) -> float:
        return style.text_width(_shown(text), size)

    lines = [""]
    for symbol in _symbols(words):
        for part in _pieces(symbol, room - width(_INDENT), width):
            if width(lines[-1] + part) <= room or not lines[-1].strip():
                lines[-1] += part
            else:
                lines.append(_INDENT + part.lstrip())
    return [_shown(line) for line in lines]


def _shown(line: str) -> str:
    """A line with its indent, its dollars not read as mathematics."""
    return line.rstrip().replace("$", r"\$")


def _symbols(words: str) -> Iterator[str]:
    """Quoted names, words and signs; a sign stands with what follows it."""
    held = ""
    for part in re.findall(r"`(?:[^`]|``)*`[·(]?|[^\s`·(]*[·(]|[^\s`·(]+|\s+", words):
        if part.isspace() or part in ("+", "−", "-"):
            held += part
            continue
        yield held + part
        held = ""
    if held.strip():
        yield held


def _pieces(symbol: str, room: float, width: Callable[[str], float]) -> Iterator[str]:
    """A symbol, taken apart only where it is wider than a line."""
    if width(symbol) <= room:
        yield symbol
        return
    piece = ""
    for part in re.findall(r"\s*\S+", symbol):
        for letter in [part] if width(part) <= room else part:
            if piece and width(piece + letter) > room:
                yield piece
                piece = ""
            piece += letter
    if piece:
        yield piece
