"""The model as JavaScript for pages: a function of inputs and coefficients.

The formulas are read from the tables of primitives and of output types, as for Python. No
name of a column stands in the text, so that none can be run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..graph.effects import Place
from ..graph.elementary import ELEMENTARY, Elementary, Functions
from ..graph.model import Model
from ..graph.source_text import ATOM, Text, text
from .source_lines import Language, node_values, readout_value

#: Functions that JavaScript has in Math under the names that formulas use.
_IN_MATH = frozenset({"abs", "cos", "cosh", "exp", "sin", "sinh", "sqrt", "tan", "tanh"})
_IN_MATH |= {"log", "log1p", "expm1", "cbrt", "sign"}
#: Names of the arguments: inputs and coefficients.
_INPUTS, _COEFFICIENTS = "x", "c"


class _JavaScript(Text):
    """A piece of JavaScript."""

    __slots__ = ()

    def made(self, code: str, binding: int = ATOM) -> _JavaScript:
        return _JavaScript(code, binding)

    def _power(self, a: Text, b: Text) -> Text:
        # Its operator ** refuses a minus sign in front of the base.
        return self.made(f"Math.pow({a.code}, {b.code})")

    def __abs__(self) -> Text:
        return self.made(f"Math.abs({self.code})")


class _Source(Functions):
    """The functions of primitives and output links as JavaScript."""

    def text(self, template: str, *args: Any) -> Text:
        """A call in which ``{}`` stand for the arguments."""
        return _JavaScript(template.format(*(text(arg).code for arg in args)))

    def is_open(self, value: Any) -> bool:
        """Whether an argument is one of the coefficients that the page may change."""
        return text(value).code.startswith(f"{_COEFFICIENTS}[")


def _read(function: Elementary, m: _Source) -> Callable[..., Any]:
    own = function.javascript
    if not own and function.javascript_helper:
        own = f"_{function.name}{function.call}"
    if not own and not function.formula and function.name not in _IN_MATH:
        raise ValueError(
            f"the record of {function.name!r} says nothing of JavaScript, which has no "
            f"Math.{function.name}; give it javascript"
        )
    usual = f"Math.{function.name}{function.call}"
    return function.reading(own, usual, lambda code: partial(m.text, code), m)


def _piece(value: Any) -> _JavaScript:
    found = text(value)
    return _JavaScript(found.code, found.binding)


_SOURCE = _Source(_read)
_LANGUAGE = Language(
    _SOURCE, _piece, zero=lambda x: "0.0", constant=lambda x, number: number
)


def helpers() -> str:
    """Definitions of the functions that JavaScript lacks."""
    found = (record.javascript_helper for record in ELEMENTARY.values())
    return "".join(code for code in found if code)


def function_javascript(
    model: Model, where: Sequence[Place], fixed: Mapping[int, float]
) -> str:
    """A function ``(x, c)`` that returns the array of outputs of one row.

    Parameters
    ----------
    model : Model
    where : sequence of Place
        The coefficients that are arguments: ``c[i]`` is that of place i.
    fixed : dict of int to float
        Values of inputs that are no arguments, as physical constants; the others are
        ``x[i]`` by their number.

    Returns
    -------
    str
        An expression. It calls what `helpers` defines.

    Raises
    ------
    ValueError
        If a primitive cannot be written as text.
    """
    own = {place: Text(f"{_COEFFICIENTS}[{i}]") for i, place in enumerate(where)}
    inputs = [f"x{i}" for i in range(model.space.n_inputs)]
    nodes = [f"k{k}" for k in range(model.space.n_nodes)]
    etas = [f"y{q}" for q in range(len(model.bias))]
    used = {edge.source for edge in model.live_edges()}
    starts = model.origin.tolist()
    lines = [
        (name, _counted(fixed.get(i, f"{_INPUTS}[{i}]"), starts[i]))
        for i, name in enumerate(inputs)
        if i in used
    ]
    lines += node_values(_LANGUAGE, model, inputs, nodes, own)
    lines += [
        (eta, readout_value(_LANGUAGE, model, q, inputs, nodes, own))
        for q, eta in enumerate(etas)
    ]
    body = "".join(f"  const {name} = {code};\n" for name, code in lines)
    return f"({_INPUTS}, {_COEFFICIENTS}) => {{\n{body}  return {_linked(model, etas)};\n}}"


def _counted(value: Any, start: float) -> str:
    """An input counted from the model's origin."""
    piece = _piece(Text(value) if isinstance(value, str) else value)
    return (piece - start if start else piece).code


def _linked(model: Model, etas: Sequence[str]) -> str:
    """The array of outputs, after the link."""
    link = model.objective.link
    if model.objective.competing:
        return text(link(_SOURCE, _JavaScript(f"[{', '.join(etas)}]"))).code
    return f"[{', '.join(text(link(_SOURCE, _JavaScript(eta))).code for eta in etas)}]"
