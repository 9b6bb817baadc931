"""Equations read back from what is printed, by rules of their own.

Text is read as a person would: names in backticks are columns, ``ln`` is the natural
logarithm. LaTeX is read by a recursive descent over the few commands that equations have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit, softmax

_FUNCTIONS = {
    "exp": np.exp,
    "ln": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "max": np.maximum,
    "sign": np.sign,
    "logistic": expit,
    "softmax": lambda eta: eta,  # of all outputs together; see `text_values`
    "pi": np.pi,
}


def _on_a_line(name: str) -> str:
    """A name as it is shown: line ends and the like as in Python's strings."""
    return name.replace("\n", "\\n").replace("\t", "\\t")


def expression_value(text: str, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The value of one printed expression in columns of data."""
    known: dict[str, Any] = dict(_FUNCTIONS)
    quoted = {"`" + _on_a_line(name).replace("`", "``") + "`": name for name in columns}

    def placed(match: re.Match[str]) -> str:
        known[f"column_{len(known)}"] = columns[quoted[match[0]]]
        return f"column_{len(known) - 1}"

    plain = re.sub(r"`(?:[^`]|``)*`", placed, text)
    for name, column in columns.items():
        if name.isidentifier() and name not in _FUNCTIONS:
            known[unicodedata.normalize("NFKC", name)] = column
    with np.errstate(all="ignore"):
        return np.asarray(eval(plain, {"__builtins__": {}}, known), float)


def text_values(
    text: str, columns: Mapping[str, np.ndarray], outputs: Sequence[str]
) -> np.ndarray:
    """Values of shape (n, outputs) of what `model_repr` prints."""
    known, found = dict(columns), []
    rows = len(next(iter(columns.values())))
    lines = text.split("\n")[1:]
    for i, line in enumerate(lines):
        output = i - (len(lines) - len(outputs))
        left = f"{outputs[output]} = " if output >= 0 else f"{line.split(' = ')[0]} = "
        assert line.startswith(left), (line, left)
        value = np.broadcast_to(expression_value(line[len(left) :], known), rows)
        if output >= 0:
            found.append(value)
        else:
            known[left[: -len(" = ")]] = value
    table = np.column_stack(found)
    return softmax(table, axis=1) if "= softmax(" in text else table


class _Latex:
    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        self.rest = text.strip()
        self.names = sorted(names.items(), key=lambda pair: -len(pair[0]))

    def took(self, *pieces: str) -> bool:
        for piece in pieces:
            if self.rest.startswith(piece):
                self.rest = self.rest[len(piece) :].lstrip()
                return True
        return False

    def need(self, *pieces: str) -> None:
        if not self.took(*pieces):
            raise ValueError(f"expected {pieces} at {self.rest[:80]!r}")

    def total(self) -> Any:
        value = -self.product() if self.took("-") else self.product()
        while self.rest:
            if self.took("+"):
                value = value + self.product()
            elif self.took("-"):
                value = value - self.product()
            else:
                return value
        return value

    def product(self) -> Any:
        value = self.power()
        while self.rest and not re.match(r"[+\-})\],]|\\right|\\\\", self.rest):
            self.took(r"\cdot")
            value = value * self.power()
        return value

    def power(self) -> Any:
        value = self.atom()
        while self.took("^"):
            value = value ** self.group()
        return value

    def group(self) -> Any:
        self.need("{")
        value = self.total()
        self.need("}")
        return value

    def bracket(self) -> Any:
        braces = self.took("{")
        self.need(r"\left(")
        value = self.total()
        self.need(r"\right)")
        if braces:
            self.need("}")
        return value

    def function(self, function: Any) -> Any:
        power = self.group() if self.took("^") else None
        value = function(self.bracket())
        return value if power is None else value**power

    def atom(self) -> Any:
        for written, value in self.names:
            if self.took(written):
                return value
        if number := re.match(r"\d+(\.\d+)?", self.rest):
            self.took(number[0])
            return float(number[0])
        if self.took("e^"):
            return np.exp(self.group())
        if self.took(r"\pi"):
            return np.pi
        if self.took(r"\frac"):
            return self.group() / self.group()
        if self.took(r"\sqrt["):
            degree = self.total()
            self.need("]")
            return self.group() ** (1 / degree)
        if self.took(r"\sqrt"):
            return np.sqrt(self.group())
        if self.took(r"\left|"):
            self.need("{")
            value = self.total()
            self.need("}")
            self.need(r"\right|")
            return np.abs(value)
        if self.took(r"\max\left("):
            first = self.total()
            self.need(",")
            second = self.total()
            self.need(r"\right)")
            return np.maximum(first, second)
        for name in ("ln", "sin", "cos", "tanh"):
            if self.took("\\" + name):
                return self.function(_FUNCTIONS[name])
        for name in ("sign", "logistic", "softmax"):
            if self.took(rf"\operatorname{{{name}}}"):
                return self.function(_FUNCTIONS[name])
        if self.took("{"):
            value = self.total()
            self.need("}")
            return value
        if self.rest.startswith(r"\left("):
            return self.bracket()
        raise ValueError(f"cannot read {self.rest[:80]!r}")


def latex_values(
    text: str, columns: Mapping[str, np.ndarray], written: Mapping[str, str], n: int
) -> np.ndarray:
    """Values of shape (rows, n) of LaTeX; ``written`` says how every column is written."""
    rows = len(next(iter(columns.values())))
    names = {written[name]: column for name, column in columns.items()}
    found = []
    for line in text.split(r" \\ "):
        reader = _Latex(line.split(" = ", 1)[1], names)
        with np.errstate(all="ignore"):
            value = reader.total()
        if reader.rest:
            raise ValueError(f"left over: {reader.rest[:80]!r}")
        found.append(np.broadcast_to(value, rows))
    assert len(found) == n
    return np.column_stack(found)
