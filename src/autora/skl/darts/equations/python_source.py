"""The model as source text: a plain function that needs NumPy and nothing of ours.

The formulas are read from the tables of primitives and of output types, with pieces of
text in place of numbers.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..graph.effects import Place
from ..graph.elementary import ELEMENTARY, Elementary, Functions
from ..graph.model import Model
from ..graph.primitives import Primitive
from ..graph.source_text import Text, text
from .source_lines import Language, edge_term, node_values, readout_value

_LONGEST_NAME = 40
#: The dict of groups, and names that the text itself uses beside those of helpers.
_GROUPS = "COEFFICIENTS"
_RESERVED = ("np", "float", _GROUPS)
#: Groups beyond which their coefficients are not written out.
_MOST_GROUPS = 1000


class GroupArguments(NamedTuple):
    """Arguments for the coefficients that differ between groups."""

    names: Mapping[Place, str]
    terms: Sequence[str]  #: what they belong to
    labels: Sequence[Any]  #: of the groups

    @property
    def keys(self) -> list[str]:
        """The labels as source text; none where there are too many, or two are alike."""
        if len(self.labels) > _MOST_GROUPS:
            return []
        found = [*map(_key, self.labels)]
        return found if len({*found}) == len(found) else []


def _key(label: Any) -> str:
    """A text or number as it is, any other label as its text."""
    label = label.item() if isinstance(label, np.generic) else label
    finite = type(label) is float and math.isfinite(label)
    return repr(label if finite or type(label) in (str, int, bool) else str(label))


#: Of a model whose rows have no groups, or whose groups share all coefficients.
NO_GROUPS = GroupArguments({}, (), ())


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
_PYTHON = Language(
    _SOURCE,
    text,
    zero=lambda x: f"np.zeros({x}.shape)",
    constant=lambda x, number: f"np.full({x}.shape, {number})",
)


def _helpers() -> dict[str, str]:
    """Functions that NumPy lacks and their definitions."""
    return {f"_{f.name}": f.helper for f in ELEMENTARY.values() if f.helper}


def _called(code: str) -> list[str]:
    """Definitions of the helpers that a text calls."""
    return [helper for name, helper in _helpers().items() if f"{name}(" in code]


def identifiers(
    names: Iterable[str], taken: Iterable[str] = (), words: Container[str] = ()
) -> list[str]:
    """Distinct ASCII identifiers that resemble the names and are not taken.

    Those that are keywords or among the ``words``, which mean something else to whoever
    reads them, end in an underscore.

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
        if keyword.iskeyword(base) or base in words:
            base += "_"
        candidate, number = base, 1
        while candidate in used:
            number += 1
            candidate = f"{base}_{number}"
        used.add(candidate)
        found.append(candidate)
    return found


def term_source(
    primitive: Primitive, source: str, coefs: Sequence[float]
) -> tuple[str, str]:
    """A primitive of a variable as an expression, and the helpers that it calls."""
    code = edge_term(_PYTHON, primitive, Text(source), coefs).code
    return code, "".join(_called(code))


def _docstring(
    model: Model,
    inputs: Sequence[str],
    columns: Sequence[str],
    outputs: Sequence[str],
    groups: GroupArguments,
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
        *_said_of_groups(groups),
        f"Returns {shape}: {', '.join(map(repr, outputs))}",
        f"(output type {model.objective.name!r}). Outside the equation's domain the value",
        "is NaN or infinite.",
    ]
    # Names of columns are anything at all: nothing in them may end the string.
    safe = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return [f'"""{safe[0]}', *safe[1:], '"""']


def _said_of_groups(groups: GroupArguments) -> Iterator[str]:
    if not groups.names:
        return
    yield "Coefficients of a group, those of the population where left out, are"
    for name, term in zip(groups.names.values(), groups.terms, strict=True):
        yield f"    {name}: {term!r}"
    if groups.keys:
        yield f"{_GROUPS} has those of every group: **{_GROUPS}[label]"


def _table_of_groups(model: Model, groups: GroupArguments) -> list[str]:
    """The coefficients of every group as a dict; nothing where there are too many."""
    if not groups.names or not groups.keys:
        return []
    assert model.effects is not None
    lines = [f"{_GROUPS} = {{"]
    for key, row in zip(groups.keys, model.effects.values.tolist(), strict=True):
        own = dict(zip(groups.names.values(), row, strict=True))
        lines.append(f"    {key}: {own!r},")
    return ["\n".join([*lines, "}\n"])]


def function_source(
    model: Model,
    columns: Sequence[str],
    outputs: Sequence[str],
    name: str = "predict",
    fixed: Sequence[tuple[str, float, str]] = (),
    groups: GroupArguments = NO_GROUPS,
) -> str:
    """A module with one function of the columns; see `ExportMixin.python`.

    ``fixed`` are names, values and units of the model's inputs after the columns.

    Raises
    ------
    ValueError
        If ``name`` is no identifier, or the formula of a user's own primitive cannot be
        written as text.
    """
    own = [*groups.names.values()]
    reserved = _reserved(name, own)
    known = identifiers([*columns, *(part[0] for part in fixed)], reserved)
    inputs = known[: len(columns)]
    unpacked = ", ".join([*inputs, *own])
    broadcast, comma = f"np.broadcast_arrays({unpacked})", "," * (unpacked in inputs)
    starts = zip(known, model.origin.tolist(), strict=True)
    body = [
        *_docstring(model, inputs, columns, outputs, groups),
        f"{unpacked}{comma} = (np.asarray(column, dtype=float) for column in {broadcast})",
        *_definitions(model, known, fixed),
        *(f"{name} = {name} - {start!r}" for name, start in starts if start),
        'with np.errstate(all="ignore"):',
        *("    " + line for line in _computed(model, known, {*reserved, *known}, groups)),
    ]
    middle = _of_population(model, groups)
    signature = ", ".join([*inputs, *("*" for _ in middle[:1]), *middle])
    function = "\n".join(
        [f"def {name}({signature}):", *("    " + b if b else "" for b in body)]
    )
    table = _table_of_groups(model, groups)
    parts = ["import numpy as np\n", *table, *_called(function), f"\n{function}\n"]
    return "\n".join(parts)


def _of_population(model: Model, groups: GroupArguments) -> list[str]:
    """Arguments for what differs between groups, with the population's values."""
    return [
        f"{name}={float(getattr(model, place.kind)[place.at])!r}"
        for place, name in groups.names.items()
    ]


def _computed(
    model: Model, inputs: Sequence[str], taken: Iterable[str], groups: GroupArguments
) -> list[str]:
    """Latent nodes, read-outs, and what is returned."""
    own = {place: Text(name) for place, name in groups.names.items()}
    letters = [f"k{k + 1}" for k in range(model.space.n_nodes)]
    etas = [f"y{q + 1}" for q in range(len(model.bias))]
    local = identifiers([*letters, *etas], taken)
    nodes, etas = local[: len(letters)], local[len(letters) :]
    eta = etas[0] if len(etas) == 1 else f"np.stack([{', '.join(etas)}], axis=-1)"
    link = text(model.objective.link(_SOURCE, Text(eta))).code
    return [
        *(
            f"{target} = {code}"
            for target, code in node_values(_PYTHON, model, inputs, nodes, own)
        ),
        *(
            f"{target} = {readout_value(_PYTHON, model, q, inputs, nodes, own)}"
            for q, target in enumerate(etas)
        ),
        f"return {link}",
    ]


def _reserved(name: str, own: Iterable[str]) -> set[str]:
    """Names that no column may have; raises where the function's own is none."""
    reserved = {*_RESERVED, *_helpers(), *own}
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
