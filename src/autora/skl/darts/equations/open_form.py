"""An equation typeset with gaps for its coefficients, which a page fills."""

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
    names: tuple[Sequence[str], Sequence[str]],
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
    names : pair of sequences of str
        Of the inputs and the outputs.
    points : ndarray of shape (n, inputs)
        Where the form, with the model's coefficients, is compared with the model.
    decimals : int
        Of the numbers that are not open.
    """
    stem = _free_word([*names[0], *names[1]])
    gaps = symbols([f"{stem}{i}" for i in range(len(where))])
    own = dict(zip(where, gaps, strict=True))
    lines = _flat(model, own, names, points, decimals)
    if lines is None:
        lines = equations(model, *names, "", decimals, "latex", own=own)
    gap = re.compile(rf"<mtext>{stem}(\d+)</mtext>")
    return [gap.sub(r'<mn data-c="\1"></mn>', mathml(line, block=True)) for line in lines]


def _free_word(taken: Sequence[str]) -> str:
    """A word that no name contains; it comes first in the alphabet, as numbers do."""
    words = ("A" * times for times in count(2))
    return next(word for word in words if not any(word in name for name in taken))


def _flat(
    model: Model,
    own: Mapping[Place, object],
    names: tuple[Sequence[str], Sequence[str]],
    points: np.ndarray,
    decimals: int,
) -> list[str] | None:
    """Without latent nodes; None where that is too long or not the model's values."""
    input_names, output_names = names
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
