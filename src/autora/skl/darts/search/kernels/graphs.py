"""Graphs as small arrays, edited in compiled loops.

An edit is a row of integers (see `arrays`) and a row of coefficients: it puts
primitive(source) into a slot of a node. Where it has a pair the source is a new node.
"""

from __future__ import annotations

import numpy as np

from .arrays import (
    DELETE,
    DIFFERENCE,
    FIRST,
    FLIP,
    HIDDEN,
    KEEP,
    KIND,
    MULTIPLY,
    NEW_NODE,
    NODE,
    ONE,
    OP,
    PAIR,
    PRODUCT,
    SCALED,
    SECOND,
    SHOW,
    SLOT,
    SOURCE,
    SUM,
    VARIANT,
    ZERO,
    Graph,
)
from .compilation import compiled, entry, inlined

#: More than there are sources.
SOURCES = 1 << 24


@compiled
def clear_slot(k, s, graph, theta):
    graph.src[k, s] = 0
    graph.op[k, s] = -1
    for j in range(theta.shape[2]):
        theta[k, s, j] = 0.0


@compiled
def clear_node(k, graph, theta):
    graph.agg[k] = 0
    graph.use[k] = False
    for s in range(graph.op.shape[1]):
        clear_slot(k, s, graph, theta)


@compiled
def copy_node(k, to, graph, theta):
    graph.agg[to], graph.use[to] = graph.agg[k], graph.use[k]
    for s in range(graph.op.shape[1]):
        graph.src[to, s], graph.op[to, s] = graph.src[k, s], graph.op[k, s]
        for j in range(theta.shape[2]):
            theta[to, s, j] = theta[k, s, j]


@compiled
def swap_slots(k, s, t, graph, theta):
    graph.src[k, s], graph.src[k, t] = graph.src[k, t], graph.src[k, s]
    graph.op[k, s], graph.op[k, t] = graph.op[k, t], graph.op[k, s]
    for j in range(theta.shape[2]):
        theta[k, s, j], theta[k, t, j] = theta[k, t, j], theta[k, s, j]


@inlined
def order_slots(k, graph, theta):
    """Sort by primitive and source, empty slots last."""
    op, src = graph.op, graph.src
    for s in range(1, op.shape[1]):
        for t in range(s, 0, -1):
            a = op[k, t - 1] * SOURCES + src[k, t - 1] if op[k, t - 1] >= 0 else 1 << 40
            b = op[k, t] * SOURCES + src[k, t] if op[k, t] >= 0 else 1 << 40
            if b >= a:
                break
            swap_slots(k, t - 1, t, graph, theta)


@inlined
def bypass(k, s, rules, n_inputs, graph):
    """Do without a node that only passes another one on.

    The read-out can see the other one instead where it scales anyway.
    """
    src, op, use, basic = graph.src, graph.op, graph.use, rules.basic
    source = src[k, s]
    identity = op[k, s] == basic[SUM]
    for node in range(k + 1, op.shape[0]):
        for t in range(op.shape[1]):
            if identity and op[node, t] >= 0 and src[node, t] == n_inputs + k:
                src[node, t] = source
    straight = identity or op[k, s] == basic[DIFFERENCE] or op[k, s] == basic[SCALED]
    if use[k] and rules.merges and straight and source >= n_inputs:
        use[k] = False
        use[source - n_inputs] = True


@inlined
def count_edges(n_inputs, graph):
    """Edges into every node, once those from empty nodes have gone."""
    full = np.zeros(graph.op.shape[0], np.int64)
    for k in range(graph.op.shape[0]):
        for s in range(graph.op.shape[1]):
            source = graph.src[k, s] - n_inputs
            if graph.op[k, s] >= 0 and source >= 0 and full[source] == 0:
                graph.op[k, s] = -1
            if graph.op[k, s] >= 0:
                full[k] += 1
    return full


@inlined
def inline(n_inputs, plain, full, graph, theta):
    """An edge that only passes on a node of one edge becomes that edge."""
    op, src = graph.op, graph.src
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


@inlined
def living(n_inputs, full, graph):
    """Nodes that reach the output."""
    live = np.zeros(graph.op.shape[0], np.bool_)
    for k in range(graph.op.shape[0] - 1, -1, -1):
        graph.use[k] = graph.use[k] and full[k] > 0
        live[k] = live[k] or graph.use[k]
        for s in range(graph.op.shape[1]):
            source = graph.src[k, s] - n_inputs
            if live[k] and graph.op[k, s] >= 0 and source >= 0:
                live[source] = True
    return live


@inlined
def tidy(n_inputs, rules, graph, theta):
    """Drop what does not reach the output and order the slots of every node.

    Returns the number of nodes left, which come first.
    """
    n_nodes, n_slots = graph.op.shape
    full = count_edges(n_inputs, graph)
    for k in range(n_nodes - 1, -1, -1):
        for s in range(n_slots):
            if full[k] == 1 and graph.op[k, s] >= 0:
                bypass(k, s, rules, n_inputs, graph)
    inline(n_inputs, rules.basic[SUM], full, graph, theta)
    live = living(n_inputs, full, graph)
    place = np.zeros(n_nodes, np.int64)
    count = ZERO
    for k in range(n_nodes):
        if not live[k]:
            continue
        place[k] = count
        if count != k:
            copy_node(k, count, graph, theta)
        for s in range(n_slots):
            source = graph.src[count, s] - n_inputs
            if graph.op[count, s] < 0:
                clear_slot(count, s, graph, theta)
            elif source >= 0:
                graph.src[count, s] = n_inputs + place[source]
        order_slots(count, graph, theta)
        if full[k] == 1:
            graph.agg[count] = 0
        count += 1
    for k in range(count, n_nodes):
        clear_node(k, graph, theta)
    return count


@inlined
def structure_hash(n_nodes, graph):
    """A number that tidy graphs of equal structure share."""
    h = np.uint64(14695981039346656037)
    prime = np.uint64(1099511628211)
    for k in range(n_nodes):
        h = (h ^ np.uint64(7 + graph.agg[k] * 2 + graph.use[k])) * prime
        for s in range(graph.op.shape[1]):
            if graph.op[k, s] >= 0:
                h = (h ^ np.uint64(16 + graph.op[k, s])) * prime
                h = (h ^ np.uint64(1024 + graph.src[k, s])) * prime
    return np.int64(h)


@compiled
def insert_node(at, n_inputs, graph, theta):
    """Make room for a node; the last one, which must be empty, is lost."""
    for k in range(graph.agg.shape[0] - 1, at, -1):
        copy_node(k - 1, k, graph, theta)
        for s in range(graph.op.shape[1]):
            if graph.src[k, s] >= n_inputs + at:
                graph.src[k, s] += 1
    clear_node(at, graph, theta)


@compiled
def put(k, s, primitive, source, graph, theta):
    clear_slot(k, s, graph, theta)
    graph.op[k, s] = primitive
    graph.src[k, s] = source


@compiled
def put_with(k, s, primitive, source, coefs, graph, theta):
    put(k, s, primitive, source, graph, theta)
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


@inlined
def insert_pair(edit, basic, n_inputs, graph, theta):
    """The new node of a pair edit; returns its place."""
    at = max(0, max(edit[FIRST], edit[SECOND]) - n_inputs + 1)
    insert_node(at, n_inputs, graph, theta)
    put(at, ZERO, basic[SUM], edit[FIRST], graph, theta)
    put(at, ONE, basic[edit[PAIR]], edit[SECOND], graph, theta)
    graph.agg[at] = 1 if edit[PAIR] >= PRODUCT else 0
    return at


@inlined
def to_variant(primitive, form, k, s, graph, theta):
    """Switch an edge to another variant of its function, at equal values if it can."""
    old, new = form[graph.op[k, s]], form[primitive]
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
    graph.op[k, s] = primitive


@inlined
def change(edit, form, graph, theta):
    """Edits that add nothing; False where the edit is of another kind."""
    kind, k, s = edit[KIND], edit[NODE], edit[SLOT]
    if kind == DELETE:
        graph.op[k, s] = -1
    elif kind == SHOW:
        graph.use[k] = not graph.use[k]
    elif kind == FLIP:
        graph.agg[k] = 1 - graph.agg[k]
    elif kind == VARIANT:
        if edit[OP] >= 0:
            to_variant(edit[OP], form, k, s, graph, theta)
    elif kind != KEEP:
        return False
    return True


@inlined
def attach(edit, source, k, coefs, amplitude, rules, n_inputs, graph, theta):
    """Put an edge into a node that is there; False where it does not fit."""
    kind, s, primitive = edit[KIND], edit[SLOT], edit[OP]
    if source >= n_inputs + k:
        return False
    if s < 0:
        s = free_slot(k, graph.op)
    if s < 0 or (kind == HIDDEN and rules.basic[SCALED] < 0):
        return False
    if kind == HIDDEN:
        insert_node(k, n_inputs, graph, theta)
        put_with(k, ZERO, primitive, source, coefs, graph, theta)
        put(k + 1, s, rules.basic[SCALED], n_inputs + k, graph, theta)
        theta[k + 1, s, 0] = amplitude
        return True
    if kind == MULTIPLY:
        graph.agg[k] = 1
    put_with(k, s, primitive, source, coefs, graph, theta)
    return True


@inlined
def apply_edit(edit, coefs, amplitude, rules, n_inputs, graph, theta):
    """Change a tidy graph; False where there is no room or the edit is void."""
    if change(edit, rules.form, graph, theta):
        return True
    kind, k, primitive = edit[KIND], edit[NODE], edit[OP]
    source, pair = edit[SOURCE], edit[PAIR]
    live = count_nodes(graph.op)
    needed = (1 if pair >= 0 else 0) + (1 if kind in (HIDDEN, NEW_NODE) else 0)
    if live + needed > graph.agg.shape[0] or primitive < 0:
        return False
    if pair >= 0:
        if rules.basic[pair] < 0 or rules.basic[SUM] < 0:
            return False
        at = insert_pair(edit, rules.basic, n_inputs, graph, theta)
        source = n_inputs + at
        live += 1
        if k < at and kind != NEW_NODE:
            return False
        k += 1
    if kind == NEW_NODE:
        put_with(live, ZERO, primitive, source, coefs, graph, theta)
        graph.use[live] = True
        return True
    return attach(edit, source, k, coefs, amplitude, rules, n_inputs, graph, theta)


@entry
def children(edits, coefs, amplitude, rules, n_inputs, graphs, theta, keys):
    """Apply one edit to every graph of a batch, in place, and tidy it.

    ``keys`` (B,) receives the hash of each structure, 0 where the edit is void.
    """
    for b in range(edits.shape[0]):
        keys[b] = 0
        graph = Graph(graphs.agg[b], graphs.src[b], graphs.op[b], graphs.use[b])
        if apply_edit(edits[b], coefs[b], amplitude[b], rules, n_inputs, graph, theta[b]):
            count = tidy(n_inputs, rules, graph, theta[b])
            if count > 0:
                keys[b] = structure_hash(count, graph)
