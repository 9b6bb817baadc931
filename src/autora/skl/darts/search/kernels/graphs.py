"""Graphs as small arrays, edited in compiled loops.

Part of the template that `engine` compiles; see `kernel` for the arrays. An
edit is a row of integers (kind, node, slot, primitive, source, first, second, pair) and a
row of coefficients: it puts primitive(source) into a slot of a node. Where ``pair`` is not
negative the source is a new node made of two sources, first + second, first − second,
first · second or first / second. ``book`` is (basic, form, merges): the primitives of
pairs (x, −x, x, 1/x) and a·x; for every primitive whether its argument has a slope, a
shift, and the number of its coefficients; whether the read-out scales.
"""

# ruff: noqa: F821
# mypy: ignore-errors

#: Kinds of edits.
SET, NEW_NODE, DELETE, HIDDEN, SHOW, FLIP, MULTIPLY, VARIANT = 0, 1, 2, 3, 4, 5, 6, 7
KEEP = 8
#: More than there are sources.
SOURCES = 1 << 24


@compiled
def clear_slot(k, s, src, op, theta):
    src[k, s] = 0
    op[k, s] = -1
    for j in range(theta.shape[2]):
        theta[k, s, j] = 0.0


@compiled
def clear_node(k, agg, src, op, use, theta):
    agg[k] = 0
    use[k] = False
    for s in range(op.shape[1]):
        clear_slot(k, s, src, op, theta)


@compiled
def copy_node(k, to, agg, src, op, use, theta):
    agg[to], use[to] = agg[k], use[k]
    for s in range(op.shape[1]):
        src[to, s], op[to, s] = src[k, s], op[k, s]
        for j in range(theta.shape[2]):
            theta[to, s, j] = theta[k, s, j]


@compiled
def swap_slots(k, s, t, src, op, theta):
    src[k, s], src[k, t] = src[k, t], src[k, s]
    op[k, s], op[k, t] = op[k, t], op[k, s]
    for j in range(theta.shape[2]):
        theta[k, s, j], theta[k, t, j] = theta[k, t, j], theta[k, s, j]


@compiled
def order_slots(k, src, op, theta):
    """Sort by primitive and source, empty slots last."""
    for s in range(1, op.shape[1]):
        for t in range(s, 0, -1):
            a = op[k, t - 1] * SOURCES + src[k, t - 1] if op[k, t - 1] >= 0 else 1 << 40
            b = op[k, t] * SOURCES + src[k, t] if op[k, t] >= 0 else 1 << 40
            if b >= a:
                break
            swap_slots(k, t - 1, t, src, op, theta)


@compiled
def bypass(k, s, book, n_inputs, src, op, use):
    """Do without a node that only passes another one on.

    The read-out can see the other one instead where it scales anyway.
    """
    basic, _, merges = book
    source = src[k, s]
    identity = op[k, s] == basic[0]
    for node in range(k + 1, op.shape[0]):
        for t in range(op.shape[1]):
            if identity and op[node, t] >= 0 and src[node, t] == n_inputs + k:
                src[node, t] = source
    straight = identity or op[k, s] == basic[1] or op[k, s] == basic[4]
    if use[k] and merges and straight and source >= n_inputs:
        use[k] = False
        use[source - n_inputs] = True


@compiled
def count_edges(n_inputs, src, op):
    """Edges into every node, once those from empty nodes have gone."""
    full = np.zeros(op.shape[0], np.int64)
    for k in range(op.shape[0]):
        for s in range(op.shape[1]):
            source = src[k, s] - n_inputs
            if op[k, s] >= 0 and source >= 0 and full[source] == 0:
                op[k, s] = -1
            if op[k, s] >= 0:
                full[k] += 1
    return full


@compiled
def inline(n_inputs, plain, full, src, op, theta):
    """An edge that only passes on a node of one edge becomes that edge."""
    for k in range(op.shape[0]):
        for s in range(op.shape[1]):
            source = src[k, s] - n_inputs
            if op[k, s] != plain or source < 0 or full[source] != 1:
                continue
            for t in range(op.shape[1]):
                if op[source, t] >= 0:
                    src[k, s], op[k, s] = src[source, t], op[source, t]
                    for j in range(theta.shape[2]):
                        theta[k, s, j] = theta[source, t, j]
                    break


@compiled
def living(n_inputs, full, src, op, use):
    """Nodes that reach the output."""
    live = np.zeros(op.shape[0], np.bool_)
    for k in range(op.shape[0] - 1, -1, -1):
        use[k] = use[k] and full[k] > 0
        live[k] = live[k] or use[k]
        for s in range(op.shape[1]):
            source = src[k, s] - n_inputs
            if live[k] and op[k, s] >= 0 and source >= 0:
                live[source] = True
    return live


@compiled
def tidy(n_inputs, book, agg, src, op, use, theta):
    """Drop what does not reach the output and order the slots of every node.

    Returns the number of nodes left, which come first.
    """
    n_nodes, n_slots = op.shape
    full = count_edges(n_inputs, src, op)
    for k in range(n_nodes - 1, -1, -1):
        for s in range(n_slots):
            if full[k] == 1 and op[k, s] >= 0:
                bypass(k, s, book, n_inputs, src, op, use)
    inline(n_inputs, book[0][0], full, src, op, theta)
    live = living(n_inputs, full, src, op, use)
    place = np.zeros(n_nodes, np.int64)
    count = ZERO
    for k in range(n_nodes):
        if not live[k]:
            continue
        place[k] = count
        if count != k:
            copy_node(k, count, agg, src, op, use, theta)
        for s in range(n_slots):
            source = src[count, s] - n_inputs
            if op[count, s] < 0:
                clear_slot(count, s, src, op, theta)
            elif source >= 0:
                src[count, s] = n_inputs + place[source]
        order_slots(count, src, op, theta)
        if full[k] == 1:
            agg[count] = 0
        count += 1
    for k in range(count, n_nodes):
        clear_node(k, agg, src, op, use, theta)
    return count


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
    for k in range(agg.shape[0] - 1, at, -1):
        copy_node(k - 1, k, agg, src, op, use, theta)
        for s in range(op.shape[1]):
            if src[k, s] >= n_inputs + at:
                src[k, s] += 1
    clear_node(at, agg, src, op, use, theta)


@compiled
def put(k, s, primitive, source, src, op, theta):
    clear_slot(k, s, src, op, theta)
    op[k, s] = primitive
    src[k, s] = source


@compiled
def put_with(k, s, primitive, source, coefs, src, op, theta):
    put(k, s, primitive, source, src, op, theta)
    for j in range(theta.shape[2]):
        theta[k, s, j] = coefs[j]


@compiled
def free_slot(k, op):
    for s in range(op.shape[1]):
        if op[k, s] < 0:
            return s
    return -1


@compiled
def count_nodes(op):
    live = 0
    for k in range(op.shape[0]):
        if op[k, 0] >= 0:
            live = k + 1
    return live


@compiled
def insert_pair(edit, basic, n_inputs, agg, src, op, use, theta):
    """The new node of a pair edit; returns its place."""
    first, second, pair = edit[5], edit[6], edit[7]
    at = max(0, max(first, second) - n_inputs + 1)
    insert_node(at, n_inputs, agg, src, op, use, theta)
    put(at, ZERO, basic[0], first, src, op, theta)
    put(at, ONE, basic[pair], second, src, op, theta)
    agg[at] = 1 if pair >= 2 else 0
    return at


@compiled
def to_variant(primitive, form, k, s, op, theta):
    """Switch an edge to another variant of its function, at equal values if it can."""
    old, new = form[op[k, s]], form[primitive]
    slope = theta[k, s, 0] if old[0] else 1.0
    shift = theta[k, s, old[0]] if old[1] else 0.0
    first, at = old[0] + old[1], new[0] + new[1]
    tail = np.zeros(theta.shape[2])
    for j in range(first, theta.shape[2]):
        tail[j - first] = theta[k, s, j]
    for j in range(theta.shape[2]):
        theta[k, s, j] = tail[j - at] if at <= j < new[2] else 0.0
    if new[0]:
        theta[k, s, 0] = slope
    if new[1]:
        theta[k, s, new[0]] = shift
    op[k, s] = primitive


@compiled
def change(edit, form, agg, op, use, theta):
    """Edits that add nothing; False where the edit is of another kind."""
    kind, k, s = edit[0], edit[1], edit[2]
    if kind == DELETE:
        op[k, s] = -1
    elif kind == SHOW:
        use[k] = not use[k]
    elif kind == FLIP:
        agg[k] = 1 - agg[k]
    elif kind == VARIANT:
        if edit[3] >= 0:
            to_variant(edit[3], form, k, s, op, theta)
    elif kind != KEEP:
        return False
    return True


@compiled
def attach(edit, source, k, coefs, amplitude, book, n_inputs, agg, src, op, use, theta):
    """Put an edge into a node that is there; False where it does not fit."""
    kind, s, primitive = edit[0], edit[2], edit[3]
    if source >= n_inputs + k:
        return False
    if s < 0:
        s = free_slot(k, op)
    if s < 0 or (kind == HIDDEN and book[0][4] < 0):
        return False
    if kind == HIDDEN:
        insert_node(k, n_inputs, agg, src, op, use, theta)
        put_with(k, ZERO, primitive, source, coefs, src, op, theta)
        put(k + 1, s, book[0][4], n_inputs + k, src, op, theta)
        theta[k + 1, s, 0] = amplitude
        return True
    if kind == MULTIPLY:
        agg[k] = 1
    put_with(k, s, primitive, source, coefs, src, op, theta)
    return True


@compiled
def apply_edit(edit, coefs, amplitude, book, n_inputs, agg, src, op, use, theta):
    """Change a tidy graph; False where there is no room or the edit is void."""
    if change(edit, book[1], agg, op, use, theta):
        return True
    kind, k, primitive, source, pair = edit[0], edit[1], edit[3], edit[4], edit[7]
    live = count_nodes(op)
    needed = (1 if pair >= 0 else 0) + (1 if kind in (HIDDEN, NEW_NODE) else 0)
    if live + needed > agg.shape[0] or primitive < 0:
        return False
    if pair >= 0:
        if book[0][pair] < 0 or book[0][0] < 0:
            return False
        at = insert_pair(edit, book[0], n_inputs, agg, src, op, use, theta)
        source = n_inputs + at
        live += 1
        if k < at and kind != NEW_NODE:
            return False
        k += 1
    if kind == NEW_NODE:
        put_with(live, ZERO, primitive, source, coefs, src, op, theta)
        use[live] = True
        return True
    return attach(
        edit, source, k, coefs, amplitude, book, n_inputs, agg, src, op, use, theta
    )


@entry
def children(edits, coefs, amplitude, book, n_inputs, graphs, theta, keys):
    """Apply one edit to every graph of a batch, in place, and tidy it.

    ``keys`` (B,) receives the hash of each structure, 0 where the edit is void.
    """
    agg, src, op, use = graphs
    for b in range(edits.shape[0]):
        keys[b] = 0
        if apply_edit(
            edits[b], coefs[b], amplitude[b], book, n_inputs,
            agg[b], src[b], op[b], use[b], theta[b],
        ):  # fmt: skip
            count = tidy(n_inputs, book, agg[b], src[b], op[b], use[b], theta[b])
            if count > 0:
                keys[b] = structure_hash(count, agg[b], src[b], op[b], use[b])
