"""Graphs as small arrays, edited in compiled loops.

The second half of the template that `engine` compiles; see `kernel` for the arrays. An
edit is a row of integers (kind, node, slot, primitive, source, first, second, pair) and a
row of coefficients: it puts primitive(source) into a slot of a node. Where ``pair`` is not
negative the source is a new node made of two sources, first + second, first − second,
first · second or first / second.
"""

# ruff: noqa: F821
# mypy: ignore-errors

#: Kinds of edits.
SET, NEW_NODE, DELETE, HIDDEN, SHOW, FLIP, MULTIPLY, VARIANT = 0, 1, 2, 3, 4, 5, 6, 7
KEEP = 8


@compiled
def clear_node(k, agg, src, op, use, theta):
    agg[k] = 0
    use[k] = False
    src[k, :] = 0
    op[k, :] = -1
    theta[k, :, :] = 0.0


@compiled
def copy_slot(src, op, theta, k, s, t):
    src[k, t] = src[k, s]
    op[k, t] = op[k, s]
    theta[k, t, :] = theta[k, s, :]


@compiled
def bypass(k, s, basic, merges, n_inputs, agg, src, op, use):
    """Do without a node that only passes another one on.

    The read-out can see the other one instead where it scales anyway (``merges``).
    """
    source = src[k, s]
    identity = op[k, s] == basic[0]
    for node in range(k + 1, agg.shape[0]):
        for t in range(op.shape[1]):
            if identity and op[node, t] >= 0 and src[node, t] == n_inputs + k:
                src[node, t] = source
    straight = identity or op[k, s] == basic[1] or op[k, s] == basic[4]
    if use[k] and merges and straight and source >= n_inputs:
        use[k] = False
        use[source - n_inputs] = True


@compiled
def tidy(n_inputs, basic, merges, agg, src, op, use, theta):
    """Drop what does not reach the output and order the slots of every node.

    Returns the number of nodes left, which come first.
    """
    n_nodes, n_slots = op.shape
    live = np.zeros(n_nodes, np.bool_)
    full = np.zeros(n_nodes, np.int64)
    for k in range(n_nodes):
        for s in range(n_slots):
            source = src[k, s] - n_inputs
            if op[k, s] >= 0 and source >= 0 and full[source] == 0:
                op[k, s] = -1
            if op[k, s] >= 0:
                full[k] += 1
    for k in range(n_nodes - 1, -1, -1):
        if full[k] == 1:
            for s in range(n_slots):
                if op[k, s] >= 0:
                    bypass(k, s, basic, merges, n_inputs, agg, src, op, use)
    for k in range(n_nodes - 1, -1, -1):
        use[k] = use[k] and full[k] > 0
        live[k] = live[k] or use[k]
        for s in range(n_slots):
            source = src[k, s] - n_inputs
            if live[k] and op[k, s] >= 0 and source >= 0:
                live[source] = True
    place = np.zeros(n_nodes, np.int64)
    count = 0
    for k in range(n_nodes):
        if not live[k]:
            continue
        place[k] = count
        if count != k:
            agg[count], use[count] = agg[k], use[k]
            src[count], op[count], theta[count] = src[k], op[k], theta[k]
        for s in range(n_slots):
            source = src[count, s] - n_inputs
            if op[count, s] >= 0 and source >= 0:
                src[count, s] = n_inputs + place[source]
        order_slots(count, src, op, theta)
        if full[k] == 1:
            agg[count] = 0
        count += 1
    for k in range(count, n_nodes):
        clear_node(k, agg, src, op, use, theta)
    return count


@compiled
def order_slots(k, src, op, theta):
    n_slots = op.shape[1]
    for s in range(1, n_slots):
        for t in range(s, 0, -1):
            a = op[k, t - 1] * 4096 + src[k, t - 1] if op[k, t - 1] >= 0 else 1 << 40
            b = op[k, t] * 4096 + src[k, t] if op[k, t] >= 0 else 1 << 40
            if b >= a:
                break
            source, primitive = src[k, t], op[k, t]
            src[k, t], op[k, t] = src[k, t - 1], op[k, t - 1]
            src[k, t - 1], op[k, t - 1] = source, primitive
            for j in range(theta.shape[2]):
                keep = theta[k, t, j]
                theta[k, t, j] = theta[k, t - 1, j]
                theta[k, t - 1, j] = keep


@compiled
def structure_hash(n_nodes, agg, src, op, use):
    """A number that tidy graphs of equal structure share."""
    h = np.uint64(14695981039346656037)
    prime = np.uint64(1099511628211)
    for k in range(n_nodes):
        h = (h ^ np.uint64(7 + agg[k] * 2 + use[k])) * prime
        for s in range(op.shape[1]):
            if op[k, s] >= 0:
                h = (h ^ np.uint64(16 + op[k, s])) * prime
                h = (h ^ np.uint64(1024 + src[k, s])) * prime
    return np.int64(h)


@compiled
def insert_node(at, n_inputs, agg, src, op, use, theta):
    """Make room for a node; the last one, which must be empty, is lost."""
    n_nodes = agg.shape[0]
    for k in range(n_nodes - 1, at, -1):
        agg[k], use[k] = agg[k - 1], use[k - 1]
        src[k], op[k], theta[k] = src[k - 1], op[k - 1], theta[k - 1]
        for s in range(op.shape[1]):
            if src[k, s] >= n_inputs + at:
                src[k, s] += 1
    clear_node(at, agg, src, op, use, theta)


@compiled
def put(k, s, primitive, source, coefs, src, op, theta):
    op[k, s] = primitive
    src[k, s] = source
    theta[k, s, :] = 0.0
    for j in range(coefs.shape[0]):
        theta[k, s, j] = coefs[j]


@compiled
def free_slot(k, op):
    for s in range(op.shape[1]):
        if op[k, s] < 0:
            return s
    return -1


@compiled
def insert_pair(edit, basic, n_inputs, agg, src, op, use, theta):
    """The new node of a pair edit; returns its place."""
    first, second, pair = edit[5], edit[6], edit[7]
    at = max(0, max(first, second) - n_inputs + 1)
    insert_node(at, n_inputs, agg, src, op, use, theta)
    none = np.zeros(0)
    put(at, 0, basic[0], first, none, src, op, theta)
    put(at, 1, basic[pair], second, none, src, op, theta)
    agg[at] = 1 if pair >= 2 else 0
    return at


@compiled
def to_variant(primitive, form, k, s, op, theta):
    """Switch an edge to another variant of its function, at equal values if it can.

    ``form`` (primitives, 3): whether the argument has a slope, a shift, and the number of
    coefficients in all.
    """
    old = form[op[k, s]]
    new = form[primitive]
    slope = theta[k, s, 0] if old[0] else 1.0
    shift = theta[k, s, old[0]] if old[1] else 0.0
    tail = theta[k, s, old[0] + old[1] :].copy()
    theta[k, s, :] = 0.0
    at = 0
    if new[0]:
        theta[k, s, at] = slope
        at += 1
    if new[1]:
        theta[k, s, at] = shift
        at += 1
    for j in range(new[2] - at):
        theta[k, s, at + j] = tail[j]
    op[k, s] = primitive


@compiled
def apply_edit(edit, coefs, amplitude, basic, form, n_inputs, agg, src, op, use, theta):
    """Change a tidy graph; False where there is no room or the edit is void.

    ``basic`` names the primitives of pairs (x, −x, x, 1/x) and, last, a·x.
    """
    n_nodes = agg.shape[0]
    live = 0
    for k in range(n_nodes):
        if op[k, 0] >= 0:
            live = k + 1
    kind, k, s, primitive, source, pair = (
        edit[0], edit[1], edit[2], edit[3], edit[4], edit[7],
    )  # fmt: skip
    if kind == KEEP:
        return True
    if kind == DELETE:
        op[k, s] = -1
        return True
    if kind == SHOW:
        use[k] = not use[k]
        return True
    if kind == FLIP:
        agg[k] = 1 - agg[k]
        return True
    if kind == VARIANT:
        to_variant(primitive, form, k, s, op, theta)
        return True
    needed = (1 if pair >= 0 else 0) + (1 if kind in (HIDDEN, NEW_NODE) else 0)
    if live + needed > n_nodes or primitive < 0 or (pair >= 0 and basic[pair] < 0):
        return False
    if pair >= 0:
        at = insert_pair(edit, basic, n_inputs, agg, src, op, use, theta)
        source = n_inputs + at
        if kind == NEW_NODE:
            k = live + 1
        elif k >= at:
            k += 1
        else:
            return False
    elif kind == NEW_NODE:
        k = live
    if kind == NEW_NODE:
        put(k, 0, primitive, source, coefs, src, op, theta)
        use[k] = True
        return True
    if source >= n_inputs + k:
        return False
    if s < 0:
        s = free_slot(k, op)
        if s < 0:
            return False
    if kind == HIDDEN:
        if basic[4] < 0:
            return False
        insert_node(k, n_inputs, agg, src, op, use, theta)
        put(k, 0, primitive, source, coefs, src, op, theta)
        scale = np.full(1, amplitude)
        put(k + 1, s, basic[4], n_inputs + k, scale, src, op, theta)
        return True
    if kind == MULTIPLY:
        agg[k] = 1
    put(k, s, primitive, source, coefs, src, op, theta)
    return True


@compiled
def children(
    edits, coefs, amplitude, basic, form, merges, n_inputs, agg, src, op, use, theta, keys,
):  # fmt: skip
    """Apply one edit to every graph of a batch, in place, and tidy it.

    ``keys`` (B,) receives the hash of each structure, 0 where the edit is void.
    """
    for b in range(edits.shape[0]):
        keys[b] = 0
        if apply_edit(
            edits[b], coefs[b], amplitude[b], basic, form, n_inputs,
            agg[b], src[b], op[b], use[b], theta[b],
        ):  # fmt: skip
            count = tidy(n_inputs, basic, merges, agg[b], src[b], op[b], use[b], theta[b])
            if count > 0:
                keys[b] = structure_hash(count, agg[b], src[b], op[b], use[b])


@compiled
def random_edits(
    u, ops, start, scale, form, relatives, n_inputs, can_multiply, agg, op, edits, coefs,
):  # fmt: skip
    """Edits drawn without a score from uniform numbers ``u`` (B, 10)."""
    for b in range(u.shape[0]):
        live = 0
        for k in range(agg.shape[1]):
            if op[b, k, 0] >= 0:
                live = k + 1
        edit = edits[b]
        k = int(u[b, 0] * live)
        full = 0
        for s in range(op.shape[2]):
            if live > 0 and op[b, k, s] >= 0:
                full += 1
        primitive = ops[int(u[b, 1] * ops.shape[0])]
        edit[1], edit[2], edit[3] = k, int(u[b, 2] * full), primitive
        edit[4] = int(u[b, 3] * (n_inputs + k))
        edit[7] = -1
        coefs[b] = start[b, primitive]
        kind = u[b, 4]
        if live == 0 or kind < 0.15:
            edit[0], edit[4] = NEW_NODE, int(u[b, 3] * (n_inputs + live))
            k = live
        elif kind < 0.35:
            edit[0] = SET
        elif kind < 0.5 and full > 0:
            old = op[b, k, edit[2]]
            edit[0] = VARIANT
            edit[3] = relatives[old, int(u[b, 9] * relatives.shape[1])]
        elif kind < 0.75:
            edit[0], edit[2] = SET, -1
        elif kind < 0.85:
            edit[0] = DELETE
        elif kind < 0.9:
            edit[0] = SHOW
        elif kind < 0.97 and can_multiply:
            edit[0] = FLIP if full > 1 else MULTIPLY
            edit[2] = -1
        else:
            edit[0], edit[2] = HIDDEN, -1
        if edit[0] <= NEW_NODE and u[b, 5] < 0.25:
            edit[5] = int(u[b, 6] * (n_inputs + k))
            edit[6] = int(u[b, 7] * (n_inputs + k))
            edit[7] = int(u[b, 8] * 4) if can_multiply else int(u[b, 8] * 2)
        unit = scale[edit[4]] if edit[7] < 0 else 1.0
        if form[primitive, 0] == 1:
            coefs[b, 0] /= unit
        elif form[primitive, 1] == 1:
            coefs[b, 0] *= unit


@compiled
def dictionary(sources, ops, coefs, columns, finite):
    """Every primitive of a list at every source: ``columns`` (sources · list, n)."""
    n = sources.shape[1]
    spare = np.empty((1 + coefs.shape[1], n))
    c = 0
    for i in range(sources.shape[0]):
        for j in range(ops.shape[0]):
            evaluate(ops[j], sources[i], coefs[j], columns[c], spare)
            ok = True
            for t in range(n):
                if not abs(columns[c, t]) < 1e8:
                    ok = False
            finite[c] = ok
            if not ok:
                columns[c, :] = 0.0
            c += 1
