"""An equation typeset with gaps for its coefficients, which a page fills and fills again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count

import numpy as np

from ..graph.effects import Place
from ..graph.model import Model
from .forms import agrees
from .mathml import mathml
from .printing import text
from .symbolic import assignments, equations, named, starts_of, substituted, symbols

#: Characters of LaTeX beyond which latent nodes stay.
_LONGEST = 1500


def open_form(
    model: Model,
    where: Sequence[Place],
    input_names: Sequence[str],
    output_names: Sequence[str],
    points: np.ndarray,
    decimals: int,
) -> list[str]:
    """The lines of an equation as MathML, with ``<mn data-c="i">`` for coefficient i.

    Parameters
    ----------
    model : Model
        Without effects of groups, or with: coefficients that differ are open, too.
    where : sequence of Place
        The coefficients that are open.
    input_names, output_names : sequence of str
    points : ndarray of shape (n, inputs)
        Where the form, with the model's coefficients, is compared with the model.
    decimals : int
        Of the numbers that are not open.
    """
    stem = _free_word([*input_names, *output_names])
    names = [f"{stem}{i}" for i in range(len(where))]
    own = dict(zip(where, symbols(names), strict=True))
    lines = _flat(model, own, input_names, output_names, points, decimals)
    if lines is None:
        form = (input_names, output_names, "", decimals, "latex")
        lines = equations(model, *form, own=own)
    gap = re.compile(rf"<mtext>{stem}(\d+)</mtext>")
    return [gap.sub(r'<mn data-c="\1"></mn>', mathml(line)) for line in lines]


def _free_word(taken: Sequence[str]) -> str:
    """A word that no name contains; it comes first in the alphabet, as numbers do."""
    words = ("A" * times for times in count(2))
    return next(word for word in words if not any(word in name for name in taken))


def _flat(
    model: Model,
    own: Mapping[Place, object],
    input_names: Sequence[str],
    output_names: Sequence[str],
    points: np.ndarray,
    decimals: int,
) -> list[str] | None:
    """Without latent nodes; None where that is too long or not the model's values."""
    etas = substituted(model, input_names, link=False, own=own)
    if etas is None:
        return None
    middle = [float(getattr(model, p.kind)[p.at]) for p in own]
    counted = np.column_stack([points - model.origin, np.tile(middle, (len(points), 1))])
    variables = [*symbols(input_names), *own.values()]
    expected = model.eta(points).T
    pairs = zip(etas, expected, strict=True)
    if not all(agrees(eta, variables, counted, right) for eta, right in pairs):
        return None
    starts = starts_of(model, input_names)
    shown = [text(eta, decimals, "latex", starts) for eta in etas]
    if max(map(len, shown)) > _LONGEST:
        return None
    return assignments(model, named(output_names, "", "latex"), shown, "latex")
