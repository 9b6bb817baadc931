"""Edits of graphs drawn without a score, in compiled loops; see `arrays` for edits."""

from __future__ import annotations

from .arrays import (
    DELETE,
    FIRST,
    FLIP,
    HIDDEN,
    KIND,
    MULTIPLY,
    NEW_NODE,
    NODE,
    OP,
    PAIR,
    SECOND,
    SET,
    SHOW,
    SLOT,
    SOURCE,
    VARIANT,
    ZERO,
)
from .compilation import entry, inlined
from .graphs import count_nodes


@inlined
def random_kind(u, live, full, can_multiply):
    if live == 0 or u < 0.15:
        return NEW_NODE
    if u < 0.35:
        return SET
    if u < 0.5:
        return VARIANT
    if u < 0.75:
        return -1  # one more edge
    if u < 0.85:
        return DELETE
    if u < 0.9:
        return SHOW
    if u < 0.97 and can_multiply:
        return FLIP if full > 1 else MULTIPLY
    return HIDDEN


@inlined
def random_edit(u, ops, relatives, n_inputs, can_multiply, op, edit):
    """Fill one edit drawn without a score from uniform numbers ``u`` (10,)."""
    live = count_nodes(op)
    k = int(u[0] * live)
    full = ZERO
    for s in range(op.shape[1]):
        if live > 0 and op[k, s] >= 0:
            full += 1
    kind = random_kind(u[4], live, full, can_multiply)
    if kind == NEW_NODE:
        k = live
    edit[KIND] = max(kind, SET)
    edit[NODE], edit[SLOT], edit[PAIR] = k, int(u[2] * full), -1
    edit[OP] = ops[int(u[1] * ops.shape[0])]
    edit[SOURCE] = int(u[3] * (n_inputs + k))
    if kind == VARIANT:
        edit[OP] = relatives[op[k, edit[SLOT]], int(u[9] * relatives.shape[1])]
    if kind in (-1, MULTIPLY, HIDDEN):
        edit[SLOT] = -1
    if edit[KIND] <= NEW_NODE and u[5] < 0.25:
        edit[FIRST] = int(u[6] * (n_inputs + k))
        edit[SECOND] = int(u[7] * (n_inputs + k))
        edit[PAIR] = int(u[8] * (4 if can_multiply else 2))


@entry
def random_edits(
    u, ops, start, places, scale, form, relatives, n_inputs, can_multiply, op, edits, coefs
):
    """Edits for a batch of graphs, coefficients in the units of their source.

    Those of a primitive are the numbers of a graph's row of ``start`` at its ``places``.
    """
    for b in range(u.shape[0]):
        edit = edits[b]
        random_edit(u[b], ops, relatives, n_inputs, can_multiply, op[b], edit)
        primitive = edit[OP]
        if primitive < 0:
            continue
        for j in range(coefs.shape[1]):
            coefs[b, j] = start[b, places[primitive, j]]
        unit = scale[edit[SOURCE]] if edit[PAIR] < 0 else 1.0
        if form[primitive, 0] == 1:
            coefs[b, 0] /= unit
        elif form[primitive, 1] == 1:
            coefs[b, 0] *= unit
