"""Text to formulas, by a grammar of our own: nothing in the text is ever run.

Numbers, names, + − * / ** (also ^), brackets and calls of known functions, with the
precedence of Python. A name that is no plain word stands in backticks, as in the equations
that are printed; it is then the name of a column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from .elementary import NUMPY
from .formula import (
    Call,
    Formula,
    Name,
    Number,
    evaluated,
    functions,
    n_arguments,
    names_in,
)
from .spelling import did_you_mean

#: Bounds of what is read, so that nobody's text takes memory or time.
MOST_CHARACTERS, MOST_LEVELS = 1000, 30
MOST_CONSTANTS = 30
#: Characters of a long text that are shown around a mistake, and columns that are listed.
_SHOWN, _LISTED = 60, 12
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<word>[^\W\d]\w*)"
    r"|`(?P<quoted>(?:[^`]|``)*)`|(?P<sign>\*\*|[-+*/^(),·−]))"
)
_SPELLINGS = {"^": "**", "·": "*", "−": "-"}
_NUMBERS = {"pi": math.pi}


class Parsed(NamedTuple):
    """A theory as it was written; which of its names are inputs only data can tell."""

    label: str  #: empty where the text has none
    text: str  #: without the label
    formula: Formula
    quoted: tuple[str, ...]  #: names in backticks, which must be columns


class Theory(NamedTuple):
    """A formula of some data: its names are columns, or constants that are fitted."""

    name: str  #: its label, else its text
    formula: Formula
    inputs: tuple[str, ...]  #: of all columns, in their order
    constants: tuple[str, ...]  #: in the order in which they are read


class _Token(NamedTuple):
    kind: str  #: "number", "word", "quoted", "sign" or "end"
    text: str
    start: int


def parsed(text: Any, argument: str) -> Parsed:
    """The formula of a text such as ``"Fechner: k*log(x1/x0)"``.

    Parameters
    ----------
    text : str
        A label may stand before a colon.
    argument : str
        What messages call it, as "guesses[0]".

    Raises
    ------
    ValueError
        If it is no text or no formula; the message shows the place.
    """
    if not isinstance(text, str):
        raise ValueError(
            f"{argument} must be a text such as 'a*x1/(b + x1)', got {text!r} of type "
            f"{type(text).__name__}"
        )
    if len(text) > MOST_CHARACTERS:
        raise ValueError(
            f"{argument} has {len(text)} characters, but at most {MOST_CHARACTERS} are "
            f"read ({text[:30]!r}…); write it shorter"
        )
    before, colon, after = _split(text)
    label, formula = (before.strip(), after) if colon else ("", before)
    if colon and not (label and label.isprintable()):
        raise ValueError(
            f"{argument} has no readable label before its colon, got {text[:_SHOWN]!r}; "
            "write one, as in 'Stevens: a*x1**b', or leave the colon out"
        )
    reader = _Reader(formula, argument)
    found = reader.whole()
    return Parsed(label, formula.strip(), found, tuple(reader.quoted))


def about(found: Parsed, inputs: Sequence[str], argument: str, numbered: bool) -> Theory:
    """The theory of data with these columns; every other name is a constant.

    Parameters
    ----------
    inputs : sequence of str
    argument : str
        What messages call it.
    numbered : bool
        Whether the columns have no names of their own and are called x1, x2, …

    Raises
    ------
    ValueError
        If what must be a column is none, or no column is named at all, which a slip of
        the pen may do.
    """
    names = names_in(found.formula)
    strangers = [name for name in found.quoted if name not in inputs]
    if numbered:
        beyond = (name for name in names if re.fullmatch(r"x[0-9]+", name))
        strangers += [name for name in beyond if name not in inputs]
    columns = ", ".join(inputs[:_LISTED]) + ", …" * (len(inputs) > _LISTED)
    if strangers:
        raise ValueError(
            f"{argument} names {strangers[0]!r}, which is not a column of X, in "
            f"{found.text[:_SHOWN]!r}; the columns are {columns}"
        )
    constants = tuple(name for name in names if name not in inputs)
    if len(constants) > MOST_CONSTANTS:
        raise ValueError(
            f"{argument} has {len(constants)} constants, at most {MOST_CONSTANTS} are "
            "fitted; write numbers for those that are known"
        )
    if constants == names and not isinstance(found.formula, Name):
        raise ValueError(
            f"{argument} names no column of X, got {found.text[:_SHOWN]!r}; the columns "
            f"are {columns}"
        )
    name = found.label or " ".join(found.text.split())
    return Theory(name, found.formula, tuple(inputs), constants)


def _split(text: str) -> tuple[str, bool, str]:
    """What stands before and after the first colon outside of backticks."""
    quoted = False
    for place, character in enumerate(text):
        quoted ^= character == "`"
        if character == ":" and not quoted:
            return text[:place], True, text[place + 1 :]
    return text, False, ""


def _made(function: str, *arguments: Formula) -> Formula:
    """A call; sums and products take in those among their arguments."""
    if function in ("+", "*"):
        parts: list[Formula] = []
        for part in arguments:
            same = isinstance(part, Call) and part.function == function
            parts += part.arguments if same and isinstance(part, Call) else (part,)
        arguments = tuple(parts)
    return Call(function, arguments)


class _Reader:
    """A reader of one text, from left to right."""

    def __init__(self, text: str, argument: str) -> None:
        self.text, self.argument = text, argument
        self.quoted: list[str] = []
        self.functions, self.level = functions(), 0
        self.tokens, self.next = self._tokens(), 0

    def _tokens(self) -> list[_Token]:
        found, place = [], 0
        while self.text[place:].strip():
            match = _TOKEN.match(self.text, place)
            if match is None or match.lastgroup is None:
                here = len(self.text) - len(self.text[place:].lstrip())
                self._fail(self._stranger(self.text[here]), here)
            kind = match.lastgroup
            # A quotation begins with its backtick.
            start = match.start(kind) - (kind == "quoted")
            found.append(_Token(kind, match[kind], start))
            place = match.end()
        if not found:
            raise ValueError(
                f"{self.argument} has no formula, got {self.text!r}; write one, as in "
                "'a*x1/(b + x1)'"
            )
        return [*found, _Token("end", "", len(self.text.rstrip()))]

    @staticmethod
    def _stranger(character: str) -> str:
        if character == "=":
            return "'=' has no place in it; write the right-hand side alone"
        if character == "`":
            return "the backtick is not closed"
        return (
            f"{character!r} has no place in a formula, which consists of numbers, names, "
            "+ - * / **, brackets and functions"
        )

    def _fail(self, problem: str, place: int) -> NoReturn:
        first = max(0, min(place - _SHOWN // 2, len(self.text) - _SHOWN))
        shown = self.text[first : first + _SHOWN]
        shown = "".join(c if c.isprintable() else " " for c in shown)
        raise ValueError(
            f"{self.argument} cannot be read, at character {place + 1}: {problem}\n"
            f"    {shown}\n    {' ' * (place - first)}^"
        )

    @property
    def token(self) -> _Token:
        return self.tokens[self.next]

    def _takes(self, *signs: str) -> _Token | None:
        """The next token, if it is one of these signs."""
        token = self.token
        if token.kind == "sign" and _SPELLINGS.get(token.text, token.text) in signs:
            self.next += 1
            return token
        return None

    def _call(self, function: str, place: int, *arguments: Formula) -> Formula:
        """A call, or its value where all arguments are numbers."""
        made = _made(function, *arguments)
        if not all(isinstance(part, Number) for part in arguments):
            return made
        with np.errstate(all="ignore"):
            try:
                value = float(evaluated(made, NUMPY, {}, frozenset()))
            except (ArithmeticError, TypeError):  # no real number
                value = math.nan
        if not math.isfinite(value):
            self._fail("this has no finite value", place)
        return Number(value)

    def whole(self) -> Formula:
        found = self._sum()
        if self.token.kind != "end":
            what = self.token.text
            if what == ")":
                self._fail("this bracket closes nothing", self.token.start)
            self._fail(f"an operator is missing before {what!r}", self.token.start)
        return found

    def _sum(self) -> Formula:
        self.level += 1
        if self.level > MOST_LEVELS:
            self._fail(f"it is nested more than {MOST_LEVELS} times", self.token.start)
        place, parts = self.token.start, [self._product()]
        while sign := self._takes("+", "-"):
            part = self._product()
            minus = sign.text != "+"
            parts.append(self._call("neg", sign.start, part) if minus else part)
        self.level -= 1
        return self._call("+", place, *parts) if len(parts) > 1 else parts[0]

    def _product(self) -> Formula:
        place, above, below = self.token.start, [self._signed()], list[Formula]()
        while sign := self._takes("*", "/"):
            (below if sign.text == "/" else above).append(self._signed())
        found = self._call("*", place, *above) if len(above) > 1 else above[0]
        if below:
            under = self._call("*", place, *below) if len(below) > 1 else below[0]
            found = self._call("/", place, found, under)
        return found

    def _signed(self) -> Formula:
        negative, first = False, self.token
        while sign := self._takes("+", "-"):
            negative ^= sign.text != "+"
        found = self._power()
        return self._call("neg", first.start, found) if negative else found

    def _power(self) -> Formula:
        base = self._atom()
        sign = self._takes("**")
        if sign is None:
            return base
        self.level += 1
        if self.level > MOST_LEVELS:
            self._fail(f"it is nested more than {MOST_LEVELS} times", sign.start)
        exponent = self._signed()
        self.level -= 1
        return self._call("**", sign.start, base, exponent)

    def _atom(self) -> Formula:
        token = self.token
        self.next += token.kind != "end"
        if token.kind == "number":
            if not math.isfinite(float(token.text)):
                self._fail("this number is too large", token.start)
            return Number(float(token.text))
        if token.kind == "quoted":
            name = token.text.replace("``", "`")
            self.quoted.append(name)
            return Name(name)
        if token.kind == "word":
            if self._takes("("):
                return self._function(token)
            known = _NUMBERS.get(token.text)
            return Name(token.text) if known is None else Number(known)
        if token.text == "(":
            found = self._sum()
            self._closed(token)
            return found
        self._fail("a number, a name or a bracket is missing here", token.start)

    def _closed(self, opened: _Token) -> None:
        if not self._takes(")"):
            if self.token.kind == "end":
                self._fail("this bracket is not closed", opened.start)
            self._fail(f"')' is missing before {self.token.text!r}", self.token.start)

    def _function(self, token: _Token) -> Formula:
        function = self.functions.get(token.text)
        if function is None:
            self._fail(
                f"unknown function {token.text!r}"
                f"{did_you_mean(token.text, self.functions)} Known are "
                f"{', '.join(sorted(self.functions))}; a product has a *",
                token.start,
            )
        opened = self.tokens[self.next - 1]
        arguments = [self._sum()]
        while self._takes(","):
            arguments.append(self._sum())
        self._closed(opened)
        if len(arguments) != (wanted := n_arguments(function)):
            self._fail(
                f"{token.text!r} takes {wanted} argument{'s' * (wanted > 1)}, got "
                f"{len(arguments)}",
                token.start,
            )
        return self._call(function, token.start, *arguments)
