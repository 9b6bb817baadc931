"""The model as source text: a plain function that needs NumPy and nothing of ours.

The formulas are read from the tables of primitives and of output types, with pieces of
text in place of numbers.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from ..graph.elementary import ELEMENTARY, Elementary, Functions
from ..graph.model import Model, combine
from ..graph.primitives import Primitive
from ..graph.source_text import Text, text

_LONGEST_NAME = 40
#: Names that the text itself uses, beside those of helpers.
_RESERVED = ("np", "float")


class _Source(Functions):
    """The functions of primitives and output links as NumPy source."""

    def text(self, template: str, *args: Any) -> Text:
        """A call in which ``{0}`` stands for the first argument."""
        return Text(template.format(*(text(arg).code for arg in args)))

    def number(self, value: Any) -> float | None:
        """The number that an argument is, if it does not depend on the data."""
        return text(value).number


def _read(function: Elementary, m: _Source) -> Callable[..., Any]:
    call = f"{function.name}{function.call}"
    own = function.python or (f"_{call}" if function.helper else "")
    return function.reading(own, f"np.{call}", lambda code: partial(m.text, code), m)


_SOURCE = _Source(_read)


def _helpers() -> dict[str, str]:
    """Functions that NumPy lacks and their definitions."""
    return {f"_{f.name}": f.helper for f in ELEMENTARY.values() if f.helper}


def _called(code: str) -> list[str]:
    """Definitions of the helpers that a text calls."""
    return [helper for name, helper in _helpers().items() if f"{name}(" in code]


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


def _term(primitive: Primitive, source: Text, coefs: Sequence[float]) -> Text:
    try:
        return text(primitive(_SOURCE, source, *map(text, coefs)))
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
    code = _term(primitive, Text(source), coefs).code
    return code, "".join(_called(code))


def _nodes(model: Model, inputs: Sequence[str], nodes: Sequence[str]) -> list[str]:
    """One assignment per latent node that reaches the output."""
    names, live, lines = [*inputs, *nodes], model.live_nodes(), []
    for k in sorted(live):
        terms = [
            _term(edge.primitive, Text(names[edge.source]), edge.coefs)
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
        Text(nodes[k]) if weight == 1 else text(weight) * Text(nodes[k])
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
    model: Model,
    columns: Sequence[str],
    outputs: Sequence[str],
    name: str = "predict",
    fixed: Sequence[tuple[str, float, str]] = (),
) -> str:
    """A module with one function of the columns; see `ExportMixin.python`.

    ``fixed`` are names, values and units of the model's inputs after the columns.

    Raises
    ------
    ValueError
        If ``name`` is no identifier, or the formula of a user's own primitive cannot be
        written as text.
    """
    reserved = _reserved(name)
    known = identifiers([*columns, *(part[0] for part in fixed)], reserved)
    inputs = known[: len(columns)]
    letters = [f"k{k + 1}" for k in range(model.space.n_nodes)]
    etas = [f"y{q + 1}" for q in range(len(outputs))]
    local = identifiers([*letters, *etas], {*reserved, *known})
    nodes, etas = local[: len(letters)], local[len(letters) :]
    broadcast = f"np.broadcast_arrays({', '.join(inputs)})"
    unpacked = f"{inputs[0]}," if len(inputs) == 1 else ", ".join(inputs)
    eta = etas[0] if len(etas) == 1 else f"np.stack([{', '.join(etas)}], axis=-1)"
    link = text(model.objective.link(_SOURCE, Text(eta))).code
    starts = zip(known, model.origin.tolist(), strict=True)
    body = [
        *_docstring(model, inputs, columns, outputs),
        f"{unpacked} = (np.asarray(column, dtype=float) for column in {broadcast})",
        *_definitions(model, known, fixed),
        *(f"{name} = {name} - {start!r}" for name, start in starts if start),
        'with np.errstate(all="ignore"):',
        *("    " + line for line in _nodes(model, known, nodes)),
        *(
            f"    {target} = {_readout(model, q, inputs, nodes)}"
            for q, target in enumerate(etas)
        ),
        f"    return {link}",
    ]
    function = "\n".join(
        [f"def {name}({', '.join(inputs)}):", *("    " + b if b else "" for b in body)]
    )
    return "\n".join(["import numpy as np\n", *_called(function), f"\n{function}\n"])


def _reserved(name: str) -> set[str]:
    """Names that no argument may have; raises where the function's own is none."""
    reserved = {*_RESERVED, *_helpers()}
    usable = name.isidentifier() and name.isascii() and name not in reserved
    if not usable or keyword.iskeyword(name):
        raise ValueError(
            f"function_name must be a Python identifier such as 'predict', got {name!r}"
        )
    return {*reserved, name}


def _definitions(
    model: Model, inputs: Sequence[str], fixed: Sequence[tuple[str, float, str]]
) -> Iterator[str]:
    """The inputs after the columns that the model uses, with their values and units."""
    used = {edge.source for edge in model.live_edges()}
    for i, (_, value, unit) in enumerate(fixed, len(inputs) - len(fixed)):
        if i in used:
            comment = f"  # {unit}" if unit else ""
            yield f"{inputs[i]} = np.full({inputs[0]}.shape, {value!r}){comment}"
