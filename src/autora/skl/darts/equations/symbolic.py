"""The SymPy reading of a model: expressions in its inputs and latent nodes.

SymPy is imported when the first equation is asked for, not with the package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from ..graph.effects import Place
from ..graph.elementary import ELEMENTARY, NUMPY, Elementary, Functions
from ..graph.model import Edge, Model, combine
from .printing import console_target, latex_name, text

#: Terms of an equation without latent nodes beyond which it is not written: on one line
#: of a table, and at all.
_MOST_ON_A_LINE, _MOST_TERMS = 1_000, 20_000
#: Decimals of an equation on one line of a table, a picture or a progress bar.
LINE_DECIMALS = 4
#: To base 2, of numbers that SymPy still prints at once.
_LARGEST_EXPONENT = 100_000
#: Where symbols stand for coefficients: nowhere, as a rule.
NONE: Mapping[Place, Any] = {}


class _Symbolic(Functions):
    """The elementary functions as SymPy reads them."""

    def whole(self, exponent: Any) -> Any:
        """A whole exponent as an integer: |x|^4.0 is x^4, and SymPy should know."""
        import sympy

        is_number = isinstance(exponent, (float, sympy.Float))
        if is_number and abs(exponent) < 100 and float(exponent).is_integer():
            return sympy.Integer(round(float(exponent)))
        return exponent

    def number(self, value: Any) -> float | None:
        """The number that an argument is, if it is a fitted one."""
        import sympy

        return float(value) if isinstance(value, (float, sympy.Float)) else None


def _named(name: str) -> Any:
    import sympy

    return getattr(sympy, name)


def _read(function: Elementary, m: _Symbolic) -> Callable[..., Any]:
    found = function.reading(function.sympy, function.name, _named, m)
    return _in_double(function.name, found) if function.elementwise else found


def _read_steady(function: Elementary, m: _Symbolic) -> Callable[..., Any]:
    found = (
        partial(function.steady, m) if function.steady else getattr(SYMPY, function.name)
    )
    return _in_double(function.name, found) if function.elementwise else found


#: The elementary functions as SymPy reads them.
SYMPY = _Symbolic(_read)
#: The same, in forms that double precision can evaluate far from zero, too.
STEADY = _Symbolic(_read_steady)


def beyond_numpy() -> dict[str, Callable[..., Any]]:
    """Functions that SymPy knows and NumPy does not, by their name in SymPy."""
    own = (f for f in ELEMENTARY.values() if f.elementwise and f.numpy and f.symbol)
    return {f.symbol: getattr(NUMPY, f.name) for f in own}


def _in_double(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, evaluated as in predictions where its arguments are fitted numbers.

    SymPy's numbers have no largest one: exp(exp(1e9)) would take for ever.
    """
    import sympy

    def evaluate(*args: Any) -> Any:
        if any(arg in (sympy.nan, sympy.zoo) for arg in args):
            return sympy.nan  # some functions would raise, and say no more than that
        numbers = [getattr(arg, "is_number", True) for arg in args]
        if not all(numbers) or not any(isinstance(arg, sympy.Float) for arg in args):
            return function(*args)
        with np.errstate(all="ignore"):
            value = float(getattr(NUMPY, name)(*map(_float, args)))
        if np.isfinite(value):
            return sympy.Float(value, 17)
        return sympy.nan if np.isnan(value) else sympy.oo * int(np.sign(value))

    return evaluate


def _float(number: Any) -> float:
    """In double precision, where what is too large is infinite and i is nowhere."""
    try:
        return float(number)
    except OverflowError:
        return np.inf if number > 0 else -np.inf
    except TypeError:
        return np.nan


def floats(values: Any) -> list[Any]:
    """Numbers as SymPy has them; symbols stay."""
    import sympy

    return [v if isinstance(v, sympy.Symbol) else sympy.Float(float(v), 17) for v in values]


def symbols(names: Sequence[str]) -> list[Any]:
    import sympy

    return [sympy.Symbol(str(name), real=True) for name in names]


def with_values(expression: Any, known: Mapping[str, float]) -> Any:
    """An expression with numbers in place of some of its symbols."""
    import sympy

    numbers = [sympy.Float(value) for value in known.values()]
    return expression.xreplace(dict(zip(symbols([*known]), numbers, strict=True)))


def node_symbols(model: Model, taken: Sequence[str] = ()) -> list[Any]:
    """Symbols k_1, k_2, … of the latent nodes; another letter where a name is taken."""
    numbers = range(1, model.space.n_nodes + 1)
    letters = (letter * times for times in count(1) for letter in "khzuvw")
    names = ([f"{letter}_{i}" for i in numbers] for letter in letters)
    return symbols(next(n for n in names if not set(n) & {str(t) for t in taken}))


def edge_expression(edge: Edge, source: Any, steady: bool = False) -> Any:
    """What one edge contributes, as an expression in its source."""
    functions = STEADY if steady else SYMPY
    return edge.primitive(functions, source, *floats(edge.coefs))


def readouts(
    model: Model, nodes: Sequence[Any], own: Mapping[Place, Any] = NONE
) -> list[Any]:
    """Read-out of every output, before the link, as expressions in the nodes.

    ``own`` are symbols in the place of coefficients.
    """
    import sympy

    result = []
    for q in range(len(model.bias)):
        total: Any = sympy.Integer(0)
        for k, weight in model.weights(q, own).items():
            if nodes[k] != 0:
                total += nodes[k] if weight == 1 else floats([weight])[0] * nodes[k]
        bias = model.intercept(q, own)
        result.append(total + floats([bias])[0] if bias != 0 else total)
    return result


def linked(model: Model, etas: Sequence[Any], functions: Functions) -> list[Any]:
    """Outputs after the link."""
    link = model.objective.link
    if model.objective.competing:
        return list(link(functions, etas))
    return [link(functions, eta) for eta in etas]


def n_terms(model: Model) -> int:
    """Edges of the equations when latent nodes are substituted, over all outputs."""
    n_inputs, (n_nodes, n_outputs) = model.space.n_inputs, model.readout.shape
    counts = [0] * (n_inputs + n_nodes)
    for edge in model.edges():
        counts[n_inputs + edge.target] += 1 + counts[edge.source]
    total = sum(counts[n_inputs + int(k)] for k in np.nonzero(model.readout)[0])
    # Every output of a softmax has all others in it.
    return total * n_outputs if model.objective.competing else total


def exponent(number: Any) -> int:
    """Of a SymPy Float, to base 2: numbers in double precision have at most 1100."""
    return abs(number._mpf_[2])


def substituted(
    model: Model,
    input_names: Sequence[str],
    most: int = _MOST_TERMS,
    steady: bool = False,
    link: bool = True,
    own: Mapping[Place, Any] = NONE,
) -> list[Any] | None:
    """The outputs in terms of the inputs; None where SymPy would take for ever.

    Inputs are counted from the model's origin; see `from_origin`.

    ``steady`` asks for forms that do not overflow, ``link=False`` for the read-out; ``own``
    are symbols in the place of coefficients.
    """
    import sympy

    if n_terms(model) > most:
        return None
    functions = STEADY if steady else SYMPY
    centred = model.replace(origin=None)
    inputs, edges = symbols(input_names), model.edges_with(own)
    latent = centred.evaluate(functions, inputs, sympy.Integer(0), edges)
    found = readouts(model, latent, own)
    found = linked(model, found, functions) if link else found
    numbers = (number for e in found for number in e.atoms(sympy.Float))
    if any(exponent(n) > _LARGEST_EXPONENT for n in numbers):
        return None
    return [_with_whole_exponents(e) for e in found]


def starts_of(model: Model, input_names: Sequence[str]) -> dict[str, float]:
    """What is subtracted from inputs before anything else, by name."""
    pairs = zip(input_names, model.origin.tolist(), strict=True)
    return {str(name): start for name, start in pairs if start}


def from_origin(model: Model, expression: Any, input_names: Sequence[str]) -> Any:
    """An expression in inputs counted from the model's origin in the inputs themselves.

    x − 1700000000 stays one thing: taken apart, its parts cancel in double precision.
    """
    import sympy

    found = {}
    for name, start in starts_of(model, input_names).items():
        (symbol,) = symbols([name])
        whole = float(start).is_integer()
        number = sympy.Integer(round(start)) if whole else sympy.Float(start, 17)
        found[symbol] = sympy.UnevaluatedExpr(symbol - number)
    return expression.xreplace(found) if found else expression


def _with_whole_exponents(expression: Any) -> Any:
    """x^1.0, which SymPy makes of exp(1.0·ln x), as x."""
    import sympy

    if not any(power.exp.is_Float for power in expression.atoms(sympy.Pow)):
        return expression
    return expression.replace(
        lambda e: e.is_Pow and e.exp.is_Float, lambda e: e.base ** SYMPY.whole(e.exp)
    )


def expressions(
    model: Model, input_names: Sequence[str], own: Mapping[Place, Any] = NONE
) -> list[Any]:
    """The outputs as SymPy expressions in the inputs, at full precision.

    Inputs are counted from the model's origin; see `from_origin`. ``own`` are symbols in
    the place of coefficients.

    Raises
    ------
    ValueError
        If the equation is too long without its latent nodes, or has numbers such as
        exp(1e9).
    """
    found = substituted(model, input_names, own=own)
    if found is None:
        raise ValueError(
            "the equation cannot be written without its latent nodes: it would have "
            f"{n_terms(model)} terms (at most {_MOST_TERMS}) or numbers far too large; "
            "model_repr() shows it node by node"
        )
    return found


def one_line(model: Model, input_names: Sequence[str]) -> str:
    """The equation without latent nodes; several outputs are separated by semicolons.

    Where that would be too long to read, the latent nodes stay.
    """
    found = substituted(model, input_names, _MOST_ON_A_LINE)
    if found is None:
        outputs = [f"y{q + 1}" for q in range(len(model.bias))]
        return "; ".join(equations(model, input_names, outputs, decimals=LINE_DECIMALS))
    starts = starts_of(model, input_names)
    return "; ".join(text(e, LINE_DECIMALS, starts=starts) for e in found)


def link_text(model: Model, eta: str, output_format: str) -> str:
    """The output link around an already printed read-out."""
    name = model.objective.link_name
    if not name:
        return eta
    if output_format == "console":
        return f"{name}({eta})"
    return rf"\operatorname{{{name}}}\left({eta}\right)"


def equations(
    model: Model,
    input_labels: Sequence[str],
    output_labels: Sequence[str],
    output_function_label: str = "",
    decimals: int = 2,
    output_format: str = "console",
    steady: bool = False,
    own: Mapping[Place, Any] = NONE,
) -> list[str]:
    """One line per latent node in use and one per output.

    ``steady`` asks for forms that do not overflow; ``own`` are symbols in the place of
    coefficients.
    """
    import sympy

    latent = node_symbols(model, [*input_labels, *output_labels])
    inputs, starts = symbols(input_labels), starts_of(model, input_labels)
    values, live, products = inputs + latent, model.live_nodes(), model.products
    edges, lines = model.edges_with(own), []
    for k in sorted(live):
        parts = [
            edge_expression(edge, values[edge.source], steady)
            for edge in edges
            if edge.target == k
        ]
        total = combine(parts, products[k], sympy.Integer(0))
        if total == 0:
            latent[k] = total
            values = inputs + latent
            continue
        right = text(total, decimals, output_format, starts)
        lines.append(f"{text(latent[k], decimals, output_format)} = {right}")
    shown = [text(eta, decimals, output_format) for eta in readouts(model, latent, own)]
    targets = named(output_labels, output_function_label, output_format)
    return lines + assignments(model, targets, shown, output_format)


def named(labels: Sequence[str], function: str, output_format: str) -> list[str]:
    """What stands in front of the equals signs, as P(y) where there is a function."""
    if output_format == "console":
        names = [console_target(label) for label in labels]
        return [f"{function}({name})" for name in names] if function else names
    names = [latex_name(label) for label in labels]
    inside = latex_name(function)
    return [rf"{inside}\left({name}\right)" for name in names] if function else names


def assignments(
    model: Model, targets: Sequence[str], etas: Sequence[str], output_format: str
) -> list[str]:
    """Lines such as ``y = logistic(2*x1)`` from targets and read-outs in words."""
    return [
        f"{target} = {link_text(model, eta, output_format)}"
        for target, eta in zip(targets, etas, strict=True)
    ]
