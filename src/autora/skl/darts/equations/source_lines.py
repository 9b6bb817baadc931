"""What source texts of a model have in common: a line per latent node and per output.

Python and JavaScript read the same formulas with pieces of text in place of numbers; a
`Language` says what else differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..graph.effects import Place
from ..graph.elementary import Functions
from ..graph.model import Model, combine
from ..graph.primitives import Primitive
from ..graph.source_text import Text


class Language(NamedTuple):
    """How a language writes what formulas leave open.

    Attributes
    ----------
    functions : Functions
        The elementary functions.
    piece : callable
        A number, or text, as a piece of source text.
    zero : callable
        Code of a node without edges, from the code of an input.
    constant : callable
        Code of an output without nodes, from the code of an input and that of a number.
    """

    functions: Functions
    piece: Callable[[Any], Text]
    zero: Callable[[str], str]
    constant: Callable[[str, str], str]


def edge_term(
    language: Language, primitive: Primitive, source: Text, coefs: Sequence[Any]
) -> Text:
    """What a primitive makes of a source.

    Raises
    ------
    ValueError
        If the formula of a user's own primitive cannot be written as text.
    """
    piece = language.piece
    try:
        return piece(primitive(language.functions, source, *map(piece, coefs)))
    except Exception as error:
        raise ValueError(
            f"the formula of {primitive.name!r} cannot be written as source text "
            f"({error}); use only arithmetic, numbers and the functions of its first "
            "argument m"
        ) from error


def node_values(
    language: Language,
    model: Model,
    inputs: Sequence[str],
    nodes: Sequence[str],
    own: Mapping[Place, Text],
) -> list[tuple[str, str]]:
    """Name and code of every latent node that reaches the output.

    ``inputs`` and ``nodes`` are names in the source text, ``own`` pieces of text in the
    place of coefficients. Inputs are counted from the model's origin.
    """
    sources, found = [language.piece(Text(name)) for name in [*inputs, *nodes]], []
    edges = model.edges_with(own)
    for k in sorted(model.live_nodes()):
        terms = [
            edge_term(language, edge.primitive, sources[edge.source], edge.coefs)
            for edge in edges
            if edge.target == k
        ]
        if terms:
            total = combine(terms[1:], False, terms[0])
            value = combine(terms, True) if model.products[k] else total
            found.append((nodes[k], value.code))
        else:
            found.append((nodes[k], language.zero(inputs[0])))
    return found


def readout_value(
    language: Language,
    model: Model,
    output: int,
    inputs: Sequence[str],
    nodes: Sequence[str],
    own: Mapping[Place, Text],
) -> str:
    """Code of the read-out of one output, before the link."""
    piece = language.piece
    weights = {k: piece(weight) for k, weight in model.weights(output, own).items()}
    terms = [
        piece(Text(nodes[k])) if weight.number == 1 else weight * piece(Text(nodes[k]))
        for k, weight in weights.items()
    ]
    bias = piece(model.intercept(output, own))
    if not terms:
        return language.constant(inputs[0], bias.code)
    total = combine(terms[1:], False, terms[0])
    return (total if bias.number == 0 else total + bias).code
