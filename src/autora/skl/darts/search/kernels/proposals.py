"""The edits that promise most at every graph of a batch, in compiled loops.

`scores` says what an edit would gain; `search.gradient` draws the random numbers and
explains them. The criterion of an edit is compared as
error · exp(complexity · log(n) / n), which has the same order and needs no logarithm. Of a
likelihood the error is n minus the gain.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .arrays import (
    BERNOULLI,
    DIFFERENCE,
    FIRST,
    HIDDEN,
    KIND,
    MULTIPLY,
    NEW_NODE,
    NODE,
    OP,
    PAIR,
    PRODUCT,
    SCALED,
    SET,
    SLOT,
    SOURCE,
    SUM,
    ZERO,
    Dictionary,
    Functions,
    Graph,
    Heap,
    Prices,
    Slot,
    Vocabulary,
)
from .compilation import compiled, entry, inlined
from .graphs import count_nodes
from .linear_algebra import copy_row, square
from .refit import expanded
from .scores import (
    edit_basis,
    fill_dictionary,
    list_slots,
    projected,
    score_column,
    slot_target,
)

#: How an edit comes: with amplitude 1, a free one, or through a hidden node that has it.
FIXED, FREE, THROUGH = 0, 1, 2


class Offers(NamedTuple):
    """What is the same for all edits that are looked at."""

    width: int  #: columns of the dictionary
    can_multiply: bool
    train_readout: bool
    vocabulary: Vocabulary
    prices: Prices
    floor: float  #: least error that counts


class Target(NamedTuple):
    """What a slot's new edge should be; see `score_column`."""

    ht: np.ndarray
    hh: np.ndarray
    hq: np.ndarray
    rank: int
    error: float
    price: float
    offset: float  #: what is added to errors, as no smaller one counts


@compiled
def settle_down(best, size, key, code, amplitude):
    """Put an edit in the place of the worst of a heap of ``size``."""
    keys, codes, amplitudes = best.keys, best.codes, best.amplitudes
    at, down = 0, 1
    while down < size:
        if down + 1 < size and keys[down + 1] > keys[down]:
            down += 1
        if not keys[down] > key:
            break
        keys[at], codes[at], amplitudes[at] = keys[down], codes[down], amplitudes[down]
        at, down = down, 2 * down + 1
    keys[at], codes[at], amplitudes[at] = key, code, amplitude


@compiled
def offer(best, filled, key, code, amplitude):
    """Put an edit among the best, a heap with the worst on top; how many it then holds."""
    keys, codes, amplitudes = best.keys, best.codes, best.amplitudes
    most = keys.shape[0]
    if not key < np.inf or (filled == most and not key < keys[0]):
        return filled
    at = filled
    if filled == most:
        settle_down(best, most, key, code, amplitude)
        return filled
    while at > 0 and keys[(at - 1) // 2] < key:
        up = (at - 1) // 2
        keys[at], codes[at], amplitudes[at] = keys[up], codes[up], amplitudes[up]
        at = up
    keys[at], codes[at], amplitudes[at] = key, code, amplitude
    return filled + 1


@inlined
def sort_best(best, filled):
    """From a heap to ascending order."""
    keys, codes, amplitudes = best.keys, best.codes, best.amplitudes
    for last in range(filled - 1, 0, -1):
        key, code, amplitude = keys[last], codes[last], amplitudes[last]
        keys[last], codes[last], amplitudes[last] = keys[0], codes[0], amplitudes[0]
        settle_down(best, last, key, code, amplitude)


@inlined
def heap_of(size):
    """Room for that many edits: key, code and amplitude of each."""
    return Heap(np.empty(size), np.empty(size, np.int64), np.empty(size))


@inlined
def make_pairs(pairs, first, dictionary):
    """New nodes of two sources, after the sources that there are."""
    sources, latest = dictionary.sources, dictionary.latest
    for p in range(pairs.shape[0]):
        a, b, kind = sources[pairs[p, 0]], sources[pairs[p, 1]], pairs[p, 2]
        made = sources[first + p]
        latest[first + p] = max(pairs[p, 0], pairs[p, 1])
        for i in range(made.shape[0]):
            if kind == SUM:
                made[i] = a[i] + b[i]
            elif kind == DIFFERENCE:
                made[i] = a[i] - b[i]
            elif kind == PRODUCT:
                made[i] = a[i] * b[i]
            else:
                made[i] = a[i] / b[i]
            if not abs(made[i]) < 1e8:
                latest[first + p] = sources.shape[0]  # too late for every node


@inlined
def offer_column(best, filled, code, at, keys, slot, op, offers):
    """Offer a primitive at a source for a slot in every way in which it may come.

    ``at`` and ``keys`` are those with a free amplitude and with amplitude 1.
    """
    width, vocabulary = offers.width, offers.vocabulary
    free, fixed, amplitude = keys
    absorbed = offers.train_readout and (slot.product or slot.alone)
    if not absorbed:
        place = code + FIXED * width + at[1]
        filled = offer(best, filled, fixed, place, 1.0)
    if absorbed or vocabulary.scales_itself[op]:
        place = code + FREE * width + at[0]
        filled = offer(best, filled, free, place, amplitude)
    elif slot.node >= 0 and vocabulary.basic[SCALED] >= 0:
        place = code + THROUGH * width + at[0]
        filled = offer(best, filled, free * offers.prices.hidden, place, amplitude)
    return filled


@inlined
def offer_slot(best, filled, number, slot, sources, dictionary, target, offers):
    """Offer every column that may fill a slot; how many edits the best then are.

    ``sources`` is (sources, the first that is a pair, the first that is too late). Of one
    primitive with several drawn coefficients the best are offered.
    """
    width, prices, ops = offers.width, offers.prices, offers.vocabulary.ops
    for source in range(sources[0]):
        if dictionary.latest[source] >= sources[2]:
            continue
        made = target.price * (prices.pair if source >= sources[1] else 1.0)
        free = fixed = np.inf
        amplitude, at_free, at_fixed = 0.0, 0, 0
        for j in range(ops.shape[0]):
            c = source * ops.shape[0] + j
            if dictionary.finite[c]:
                errors = score_column(
                    dictionary.columns[c], target.ht, target.hh, target.hq, target.rank,
                    target.error,
                )  # fmt: skip
                if errors[0] < free:
                    free, amplitude, at_free = errors[0], errors[2], c
                if errors[1] < fixed:
                    fixed, at_fixed = errors[1], c
            if j + 1 == ops.shape[0] or ops[j + 1] != ops[j]:
                op, code = ops[j], number * 3 * width
                factor = made * prices.primitive[op]
                filled = offer_column(
                    best, filled, code, (at_free, at_fixed),
                    (max(free + target.offset, offers.floor) * factor,
                     max(fixed + target.offset, offers.floor) * factor, amplitude),
                    slot, op, offers,
                )  # fmt: skip
                free = fixed = np.inf
    return filled


@inlined
def best_edits(best, data, graph, work, sources, dictionary, slots, offers):
    """Fill ``best`` with the most promising edits of a graph; how many these are."""
    op, root, prices = graph.op, work.root, offers.prices
    n, n_inputs = root.shape[0], data.x.shape[0]
    offset = offers.floor
    if data.loss == BERNOULLI:
        offset = square(data.root) - square(work.residual)
    q = np.empty((1 + op.shape[0] + work.jacobian.shape[0], n))
    hq, h, t = np.empty(q.shape), np.empty(n), np.empty(n)
    filled = ZERO
    for number in range(list_slots(offers.can_multiply, graph.agg, op, slots)):
        k, s = slots[number, 0], slots[number, 1]
        slot = Slot(k, s, slots[number, 2] == 1, slots[number, 3] == 1)
        slot_target(slot, n_inputs, root, work, h, t)
        rank = edit_basis(slot, data, graph, work, q)
        error = projected(h, t, q, rank, hq)
        price = prices.readout if k < 0 else 1.0
        if k >= 0 and s >= 0:
            price /= prices.primitive[op[k, s]]
        late = n_inputs + (k if k >= 0 else count_nodes(op))
        within = (sources[0], sources[1], late)
        target = Target(h * t, h * h, hq, rank, error, price, offset)
        filled = offer_slot(best, filled, number, slot, within, dictionary, target, offers)
    return filled


@inlined
def write_edit(code, amplitude, slots, pairs, n_sources, dictionary, offers, edit, coefs):
    """The edit that a code stands for, as a row for `children`."""
    width, ops = offers.width, offers.vocabulary.ops
    column, mode, number = code % width, code // width % 3, code // width // 3
    source, primitive = column // ops.shape[0], ops[column % ops.shape[0]]
    k, s = slots[number, 0], slots[number, 1]
    kind = MULTIPLY if s == -2 else SET
    if mode == THROUGH:
        kind = HIDDEN
    if k < 0:
        kind = NEW_NODE
    edit[KIND], edit[NODE], edit[SLOT] = kind, max(k, 0), max(s, -1)
    edit[OP], edit[SOURCE], edit[PAIR] = primitive, source, -1
    if source >= n_sources:
        for i in range(3):
            edit[FIRST + i] = pairs[source - n_sources, i]
    scales = offers.vocabulary.scales_itself[primitive] and mode == FREE
    scale = amplitude if scales else 1.0
    for j in range(coefs.shape[0]):
        coefs[j] = dictionary.coefs[column, j] * scale


@inlined
def add_nodes(graph, work, drawn, pairs, data, functions, vocabulary, dictionary):
    """The columns of a graph's nodes and pairs, behind those of the inputs.

    Returns the number of sources and the first that is a pair.
    """
    n_inputs = data.x.shape[0]
    nodes_end = n_inputs + count_nodes(graph.op)
    for source in range(n_inputs, nodes_end):
        dictionary.latest[source] = source
        copy_row(work.nodes[source], dictionary.sources[source])
    n_pairs = 0
    while n_pairs < pairs.shape[0] and pairs[n_pairs, 0] >= 0:
        n_pairs += 1
    make_pairs(pairs[:n_pairs], nodes_end, dictionary)
    fill_dictionary(
        n_inputs, nodes_end + n_pairs, data, functions, vocabulary, drawn, dictionary
    )
    return nodes_end + n_pairs, nodes_end


@inlined
def draw_by_rank(best, filled, luck, drawn):
    """Sort the edits and draw some of them: their rank counts, and luck. How many.

    ``drawn`` receives (key, place, 0) of each, as ``best`` has them.
    """
    sort_best(best, filled)
    count = ZERO
    for rank in range(filled):
        count = offer(drawn, count, np.log(rank + 2.0) - luck[rank], rank, 0.0)
    sort_best(drawn, count)
    return count


@entry
def propose(
    data, slopes, values, can_multiply, graphs, theta, drawn, pairs, luck, vocabulary,
    prices, floor, edits, coefs, amplitudes, parents,
):  # fmt: skip
    """Edits for every graph of a batch, drawn by rank; how many there are.

    ``drawn`` (1 + B, list, P) are the coefficients of the dictionary of the inputs and of
    what every graph has beside them, ``pairs`` (B, pairs, 3) its new nodes, −1 for none;
    ``luck`` (B, shortlist) is added to −log(rank + 2), and the largest win. Every graph
    may have edits.shape[0] // B. ``parents`` receives whose edit each row is.
    """
    n_graphs, n_nodes, n_slots = graphs.op.shape
    n_inputs, n = data.x.shape
    functions, size = Functions(slopes, values), vocabulary.ops.shape[0]
    most = n_inputs + n_nodes + pairs.shape[1]
    width, short = most * size, luck.shape[1]
    dictionary = Dictionary(
        np.empty((width, n)), np.empty(width, np.bool_), np.empty((width, theta.shape[3])),
        np.arange(most), np.empty((most, n)), np.empty(n),
    )  # fmt: skip
    best, chosen = heap_of(short), heap_of(edits.shape[0] // n_graphs)
    slots = np.empty((1 + n_nodes * (n_slots + 2), 4), np.int64)
    offers = Offers(width, can_multiply, data.train_readout, vocabulary, prices, floor)
    for j in range(n_inputs):
        copy_row(data.x[j], dictionary.sources[j])
    fill_dictionary(ZERO, n_inputs, data, functions, vocabulary, drawn[0], dictionary)
    count = 0
    for b in range(n_graphs):
        graph = Graph(graphs.agg[b], graphs.src[b], graphs.op[b], graphs.use[b])
        work, fine = expanded(data, functions, graph, theta[b])
        if fine < 0:
            continue
        sources = add_nodes(
            graph, work, drawn[1 + b], pairs[b], data, functions, vocabulary, dictionary
        )
        filled = best_edits(best, data, graph, work, sources, dictionary, slots, offers)
        for place in range(draw_by_rank(best, filled, luck[b], chosen)):
            i = chosen.codes[place]
            write_edit(
                best.codes[i], best.amplitudes[i], slots, pairs[b], sources[1], dictionary,
                offers, edits[count], coefs[count],
            )  # fmt: skip
            amplitudes[count], parents[count] = best.amplitudes[i], b
            count += 1
    return count
