"""The model as source text: a plain function that needs NumPy and nothing of ours.

The formulas are read from the tables of primitives and of output types, with pieces of
text in place of numbers.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from ..graph.model import Model, combine
from ..graph.primitives import Primitive

# How tightly an expression binds, as in Python's grammar.
_SUM, _PRODUCT, _NEGATIVE, _POWER, _ATOM = range(5)
_LONGEST_NAME = 40
#: Names that the text itself uses.
_RESERVED = frozenset({"np", "float", "_expit", "_power", "_softmax"})

_EXPIT = """
def _expit(x):
    tail = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, tail) / (1.0 + tail)
"""
_VARYING_POWER = """
def _power(x, a):
    size = np.abs(x) ** a
    return np.where((x < 0) & (np.mod(a, 2) == 1), -size, size)
"""
_SOFTMAX = """
def _softmax(x):
    weight = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return weight / np.sum(weight, axis=-1, keepdims=True)
"""
_HELPERS = {"_expit(": _EXPIT, "_power(": _VARYING_POWER, "_softmax(": _SOFTMAX}


class _Text:
    """A piece of source text that grows when a formula computes with it."""

    __slots__ = ("binding", "code")
    # NumPy numbers in a formula leave the operation to this class.
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, code: str, binding: int = _ATOM) -> None:
        self.code, self.binding = code, binding

    def at(self, binding: int) -> str:
        """The code, in brackets unless it binds at least as tightly."""
        return self.code if self.binding >= binding else f"({self.code})"

    @property
    def is_minus(self) -> bool:
        """Whether the code is a minus sign in front of what could stand alone."""
        return self.code.startswith("-") and self.binding >= _PRODUCT

    def __neg__(self) -> _Text:
        return _Text(f"-{self.at(_POWER)}", _NEGATIVE)

    def __pos__(self) -> _Text:
        return self

    def __abs__(self) -> _Text:
        return _call("np.abs", self)

    def __add__(self, other: Any) -> _Text:
        b = _text(other)
        if b.is_minus:
            # In floating point a + (−b)·c and a − b·c are the same number.
            return _Text(f"{self.code} - {b.code[1:]}", _SUM)
        return _Text(f"{self.code} + {b.at(_PRODUCT)}", _SUM)

    def __radd__(self, other: Any) -> _Text:
        return _text(other) + self

    def __sub__(self, other: Any) -> _Text:
        b = _text(other)
        if b.is_minus:
            return _Text(f"{self.code} + {b.code[1:]}", _SUM)
        return _Text(f"{self.code} - {b.at(_PRODUCT)}", _SUM)

    def __rsub__(self, other: Any) -> _Text:
        return _text(other) - self

    def __mul__(self, other: Any) -> _Text:
        return _Text(f"{self.at(_PRODUCT)} * {_text(other).at(_NEGATIVE)}", _PRODUCT)

    def __rmul__(self, other: Any) -> _Text:
        return _text(other) * self

    def __truediv__(self, other: Any) -> _Text:
        return _Text(f"{self.at(_PRODUCT)} / {_text(other).at(_NEGATIVE)}", _PRODUCT)

    def __rtruediv__(self, other: Any) -> _Text:
        return _text(other) / self

    def __pow__(self, other: Any) -> _Text:
        return _Text(f"{self.at(_ATOM)} ** {_text(other).at(_ATOM)}", _POWER)

    def __rpow__(self, other: Any) -> _Text:
        return _text(other) ** self

    def __bool__(self) -> bool:
        raise TypeError("a formula must not branch on its argument")

    def __eq__(self, other: object) -> Any:
        raise TypeError("a formula must not compare its argument")


def _text(value: Any) -> _Text:
    """A number at full precision; text stays as it is."""
    if isinstance(value, _Text):
        return value
    number = value if type(value) is int else float(value)
    if not math.isfinite(number):
        raise TypeError(f"{number} is not a finite number")
    negative = math.copysign(1, number) < 0
    return _Text(repr(number), _NEGATIVE if negative else _ATOM)


def _call(function: str, *args: Any) -> _Text:
    return _Text(f"{function}({', '.join(_text(arg).code for arg in args)})")


def _named(function: str) -> Any:
    return lambda *args: _call(function, *args)


def _power(x: Any, a: Any) -> _Text:
    try:
        odd = float(_text(a).code) % 2 == 1
    except ValueError:  # it depends on the data
        return _call("_power", x, a)
    return (_text(x) if odd else _call("np.abs", x)) ** a


#: The functions of primitives and output links as NumPy source.
_SOURCE = SimpleNamespace(
    **{n: _named(f"np.{n}") for n in ("exp", "log", "sqrt", "sin", "cos", "tanh")},
    abs=_named("np.abs"),
    maximum=_named("np.maximum"),
    minimum=_named("np.minimum"),
    power=_power,
    expit=_named("_expit"),
    softplus=lambda x: _call("np.logaddexp", 0.0, x),
    softmax=_named("_softmax"),
)


def identifiers(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Distinct ASCII identifiers that resemble the names and are not taken.

    Examples
    --------
    >>> identifiers(["dose", "lambda", "x[0]", "x 0", "", "2nd"])
    ['dose', 'lambda_', 'x_0', 'x_0_2', 'x', 'x_2nd']
    """
    used, found = set(taken), []
    for name in names:
        plain = unicodedata.normalize("NFKD", name)
        base = re.sub(r"[^0-9A-Za-z]+", "_", plain).strip("_")[:_LONGEST_NAME]
        base = base or "x"
        if base[0].isdigit():
            base = f"x_{base}"
        if keyword.iskeyword(base):
            base += "_"
        candidate, number = base, 1
        while candidate in used:
            number += 1
            candidate = f"{base}_{number}"
        used.add(candidate)
        found.append(candidate)
    return found


def _term(primitive: Primitive, source: _Text, coefs: Sequence[float]) -> _Text:
    try:
        return _text(primitive(_SOURCE, source, *map(_text, coefs)))
    except Exception as error:
        raise ValueError(
            f"the formula of {primitive.name!r} cannot be written as source text "
            f"({error}); use only arithmetic, numbers and the functions of its first "
            "argument m"
        ) from error


def term_source(
    primitive: Primitive, source: str, coefs: Sequence[float]
) -> tuple[str, str]:
    """A primitive of a variable as an expression, and the helpers that it calls."""
    code = _term(primitive, _Text(source), coefs).code
    return code, "".join(helper for call, helper in _HELPERS.items() if call in code)


def _nodes(model: Model, inputs: Sequence[str], nodes: Sequence[str]) -> list[str]:
    """One assignment per latent node that reaches the output."""
    names, live, lines = [*inputs, *nodes], model.live_nodes(), []
    for k in sorted(live):
        terms = [
            _term(edge.primitive, _Text(names[edge.source]), edge.coefs)
            for edge in model.edges()
            if edge.target == k
        ]
        if terms:
            total = combine(terms[1:], False, terms[0])
            value = combine(terms, True) if model.products[k] else total
            lines.append(f"{nodes[k]} = {value.code}")
        else:
            lines.append(f"{nodes[k]} = np.zeros({inputs[0]}.shape)")
    return lines


def _readout(model: Model, output: int, inputs: Sequence[str], nodes: Sequence[str]) -> str:
    """The read-out of one output, before the link."""
    terms = [
        _Text(nodes[k]) if weight == 1 else _text(weight) * _Text(nodes[k])
        for k, weight in enumerate(model.readout[:, output])
        if weight != 0
    ]
    bias = float(model.bias[output])
    if not terms:
        return f"np.full({inputs[0]}.shape, {bias!r})"
    total = combine(terms[1:], False, terms[0])
    return (total + bias if bias else total).code


def _docstring(
    model: Model, inputs: Sequence[str], columns: Sequence[str], outputs: Sequence[str]
) -> list[str]:
    shape = (
        "an array of their shape"
        if len(outputs) == 1
        else "an array with one more axis, last, for the outputs"
    )
    lines = [
        "An equation found in data by autora-skl-darts.",
        "",
        "Arguments are numbers or arrays that broadcast; the columns of the data were",
        *(f"    {a}: {c!r}" for a, c in zip(inputs, columns, strict=True)),
        f"Returns {shape}: {', '.join(map(repr, outputs))}",
        f"(output type {model.objective.name!r}). Outside the equation's domain the value",
        "is NaN or infinite.",
    ]
    # Names of columns are anything at all: nothing in them may end the string.
    safe = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return [f'"""{safe[0]}', *safe[1:], '"""']


def function_source(
    model: Model, columns: Sequence[str], outputs: Sequence[str], name: str = "predict"
) -> str:
    """A module with one function of the model's inputs; see `Readings.python`.

    Raises
    ------
    ValueError
        If ``name`` is no identifier, or the formula of a user's own primitive cannot be
        written as text.
    """
    usable = name.isidentifier() and name.isascii() and name not in _RESERVED
    if not usable or keyword.iskeyword(name):
        raise ValueError(
            f"function_name must be a Python identifier such as 'predict', got {name!r}"
        )
    inputs = identifiers(columns, {*_RESERVED, name})
    letters = [f"k{k + 1}" for k in range(model.space.n_nodes)]
    etas = [f"y{q + 1}" for q in range(len(outputs))]
    local = identifiers([*letters, *etas], {*_RESERVED, name, *inputs})
    nodes, etas = local[: len(letters)], local[len(letters) :]
    broadcast = f"np.broadcast_arrays({', '.join(inputs)})"
    unpacked = f"{inputs[0]}," if len(inputs) == 1 else ", ".join(inputs)
    eta = etas[0] if len(etas) == 1 else f"np.stack([{', '.join(etas)}], axis=-1)"
    link = _text(model.objective.link(_SOURCE, _Text(eta))).code
    starts = zip(inputs, model.origin.tolist(), strict=True)
    body = [
        *_docstring(model, inputs, columns, outputs),
        f"{unpacked} = (np.asarray(column, dtype=float) for column in {broadcast})",
        *(f"{name} = {name} - {start!r}" for name, start in starts if start),
        'with np.errstate(all="ignore"):',
        *("    " + line for line in _nodes(model, inputs, nodes)),
        *(
            f"    {target} = {_readout(model, q, inputs, nodes)}"
            for q, target in enumerate(etas)
        ),
        f"    return {link}",
    ]
    function = "\n".join(
        [f"def {name}({', '.join(inputs)}):", *("    " + b if b else "" for b in body)]
    )
    helpers = [helper for call, helper in _HELPERS.items() if call in function]
    return "\n".join(["import numpy as np\n", *helpers, f"\n{function}\n"])
