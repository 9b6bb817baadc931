"""Edits of graphs drawn without a score, in compiled loops.

Part of the template that `engine` compiles; see `kernel_graphs` for what an edit is.
"""

# ruff: noqa: F821
# mypy: ignore-errors


@compiled
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


@compiled
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
    edit[0] = max(kind, SET)
    edit[1], edit[2], edit[7] = k, int(u[2] * full), -1
    edit[3] = ops[int(u[1] * ops.shape[0])]
    edit[4] = int(u[3] * (n_inputs + k))
    if kind == VARIANT:
        edit[3] = relatives[op[k, edit[2]], int(u[9] * relatives.shape[1])]
    if kind in (-1, MULTIPLY, HIDDEN):
        edit[2] = -1
    if edit[0] <= NEW_NODE and u[5] < 0.25:
        edit[5] = int(u[6] * (n_inputs + k))
        edit[6] = int(u[7] * (n_inputs + k))
        edit[7] = int(u[8] * (4 if can_multiply else 2))


@entry
def random_edits(u, ops, start, places, scale, form, relatives, settings, op, edits, coefs):
    """Edits for a batch of graphs, coefficients in the units of their source.

    Those of primitive number ``op`` are the numbers of a graph's row of ``start`` at
    ``places[op]``.
    """
    n_inputs, can_multiply = settings
    for b in range(u.shape[0]):
        edit = edits[b]
        random_edit(u[b], ops, relatives, n_inputs, can_multiply, op[b], edit)
        if edit[3] < 0:
            continue
        for j in range(coefs.shape[1]):
            coefs[b, j] = start[b, places[edit[3], j]]
        unit = scale[edit[4]] if edit[7] < 0 else 1.0
        if form[edit[3], 0] == 1:
            coefs[b, 0] /= unit
        elif form[edit[3], 1] == 1:
            coefs[b, 0] *= unit
