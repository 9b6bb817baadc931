"""The edits that promise most at every graph of a batch, in compiled loops.

Part of the template that `engine` compiles; `kernel_scores` says what an edit would gain,
`vertex` draws the random numbers and explains them. The criterion of an edit is compared
as error · exp(complexity · log(n) / n), which has the same order and needs no logarithm:
``prices`` (by primitive; of a pair, of a node in the read-out, of a hidden node) are such
factors. ``vocabulary`` is (primitives, basic, form, straight, scales_itself, value_of), see
`arena` and `codegen`.
"""

# ruff: noqa: F821, RUF005
# mypy: ignore-errors

#: How an edit comes: with amplitude 1, a free one, or through a hidden node that has it.
FIXED, FREE, THROUGH = 0, 1, 2


@compiled
def settle_down(best, size, key, code, amplitude):
    """Put an edit in the place of the worst of a heap of ``size``."""
    keys, codes, amplitudes = best
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
    keys, codes, amplitudes = best
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


@compiled
def sort_best(best, filled):
    """From a heap to ascending order."""
    keys, codes, amplitudes = best
    for last in range(filled - 1, 0, -1):
        key, code, amplitude = keys[last], codes[last], amplitudes[last]
        keys[last], codes[last], amplitudes[last] = keys[0], codes[0], amplitudes[0]
        settle_down(best, last, key, code, amplitude)


@compiled
def heap_of(size):
    """Room for that many edits: key, code and amplitude of each."""
    return np.empty(size), np.empty(size, np.int64), np.empty(size)


@compiled
def make_pairs(pairs, first, values, latest):
    """New nodes of two sources, after the sources that there are."""
    for p in range(pairs.shape[0]):
        a, b, kind = values[pairs[p, 0]], values[pairs[p, 1]], pairs[p, 2]
        made = values[first + p]
        latest[first + p] = max(pairs[p, 0], pairs[p, 1])
        for i in range(made.shape[0]):
            if kind == 0:
                made[i] = a[i] + b[i]
            elif kind == 1:
                made[i] = a[i] - b[i]
            elif kind == 2:
                made[i] = a[i] * b[i]
            else:
                made[i] = a[i] / b[i]
            if not abs(made[i]) < 1e8:
                latest[first + p] = values.shape[0]  # too late for every node


@compiled
def offer_column(best, filled, code, columns, keys, slot, op, settings):
    """Offer a primitive at a source for a slot in every way in which it may come.

    ``columns`` and ``keys`` are those with a free amplitude and with amplitude 1.
    """
    width, train_readout, vocabulary, prices = settings
    free, fixed, amplitude = keys
    absorbed = train_readout and (slot[2] or slot[3])
    if not absorbed:
        place = code + FIXED * width + columns[1]
        filled = offer(best, filled, fixed, place, 1.0)
    if absorbed or vocabulary[4][op]:
        place = code + FREE * width + columns[0]
        filled = offer(best, filled, free, place, amplitude)
    elif slot[0] >= 0 and vocabulary[1][4] >= 0:
        place = code + THROUGH * width + columns[0]
        filled = offer(best, filled, free * prices[3], place, amplitude)
    return filled


@compiled
def offer_slot(best, filled, number, slot, sources, book, scored, settings):
    """Offer every column that may fill a slot; how many edits the best then are.

    ``sources`` is (sources, the first that is a pair, the first that is too late). Of one
    primitive with several drawn coefficients the best are offered.
    """
    columns, finite, latest = book[0], book[1], book[3]
    ht, hh, hq, rank, s0, floor, price = scored
    width, _, vocabulary, prices = settings
    ops = vocabulary[0]
    for source in range(sources[0]):
        if latest[source] >= sources[2]:
            continue
        made = price * (prices[1] if source >= sources[1] else 1.0)
        free = fixed = np.inf
        amplitude, at_free, at_fixed = 0.0, 0, 0
        for j in range(ops.shape[0]):
            c = source * ops.shape[0] + j
            if finite[c]:
                errors = score_column(columns[c], ht, hh, hq, rank, s0)
                if errors[0] < free:
                    free, amplitude, at_free = errors[0], errors[2], c
                if errors[1] < fixed:
                    fixed, at_fixed = errors[1], c
            if j + 1 == ops.shape[0] or ops[j + 1] != ops[j]:
                op, code = ops[j], number * 3 * width
                factor = made * prices[0][op]
                filled = offer_column(
                    best, filled, code, (at_free, at_fixed),
                    ((free + floor) * factor, (fixed + floor) * factor, amplitude),
                    slot, op, settings,
                )  # fmt: skip
                free = fixed = np.inf
    return filled


@compiled
def best_edits(
    best, data, can_multiply, graph, work, sources, book, slots, floor, settings
):
    """Fill ``best`` with the most promising edits of a graph; how many these are."""
    op, root, prices = graph[2], data[2], settings[3]
    n, n_inputs = root.shape[0], data[0].shape[0]
    q = np.empty((1 + op.shape[0] + work[7].shape[0], n))
    hq, h, t = np.empty(q.shape), np.empty(n), np.empty(n)
    filled = ZERO
    for number in range(list_slots(can_multiply, graph[0], op, slots)):
        k, s = slots[number, 0], slots[number, 1]
        slot = (k, s, slots[number, 2] == 1, slots[number, 3] == 1)
        slot_target(slot, n_inputs, root, work, h, t)
        rank = edit_basis(slot, data, graph, work, q)
        s0 = projected(h, t, q, rank, hq)
        price = prices[2] if k < 0 else 1.0
        if k >= 0 and s >= 0:
            price /= prices[0][op[k, s]]
        late = n_inputs + (k if k >= 0 else count_nodes(op))
        within = (sources[0], sources[1], late)
        scored = (h * t, h * h, hq, rank, s0, floor, price)
        filled = offer_slot(best, filled, number, slot, within, book, scored, settings)
    return filled


@compiled
def write_edit(code, amplitude, slots, pairs, n_sources, book, settings, edit, coefs):
    """The edit that a code stands for, as a row for `children`."""
    width, _, vocabulary, _ = settings
    ops = vocabulary[0]
    column, mode, number = code % width, code // width % 3, code // width // 3
    source, primitive = column // ops.shape[0], ops[column % ops.shape[0]]
    k, s = slots[number, 0], slots[number, 1]
    kind = MULTIPLY if s == -2 else SET
    if mode == THROUGH:
        kind = HIDDEN
    if k < 0:
        kind = NEW_NODE
    edit[0], edit[1], edit[2] = kind, max(k, 0), max(s, -1)
    edit[3], edit[4], edit[7] = primitive, source, -1
    if source >= n_sources:
        for i in range(3):
            edit[5 + i] = pairs[source - n_sources, i]
    scale = amplitude if vocabulary[4][primitive] and mode == FREE else 1.0
    for j in range(coefs.shape[0]):
        coefs[j] = book[2][column, j] * scale


@compiled
def fill_book(graph, work, drawn, pairs, n_inputs, vocabulary, book):
    """The dictionary of a graph's nodes and pairs, behind that of the inputs.

    Returns the number of sources and the first that is a pair.
    """
    columns, finite, coefs, latest, values = book
    nodes_end = n_inputs + count_nodes(graph[2])
    for source in range(n_inputs, nodes_end):
        latest[source] = source
        copy_row(work[0][source], values[source])
    n_pairs = 0
    while n_pairs < pairs.shape[0] and pairs[n_pairs, 0] >= 0:
        n_pairs += 1
    make_pairs(pairs[:n_pairs], nodes_end, values, latest)
    dictionary(
        n_inputs, nodes_end + n_pairs, values, vocabulary, drawn, columns, finite, coefs
    )
    return nodes_end + n_pairs, nodes_end


@compiled
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
    data, evaluate, value_of, can_multiply, graphs, theta, drawn, pairs, luck, vocabulary,
    prices, floor, edits, coefs, amplitudes, parents,
):  # fmt: skip
    """Edits for every graph of a batch, drawn by rank; how many there are.

    ``drawn`` (1 + B, list, P) are the coefficients of the dictionary of the inputs and of
    what every graph has beside them, ``pairs`` (B, pairs, 3) its new nodes, −1 for none;
    ``luck`` (B, shortlist) is added to −log(rank + 2), and the largest win. Every graph
    may have edits.shape[0] // B. ``parents`` receives whose edit each row is.
    """
    agg, src, op, use = graphs
    full, known = data + (evaluate,), vocabulary + (value_of,)
    n_graphs, n_nodes, n_slots = op.shape
    n_inputs, n = data[0].shape
    ops = vocabulary[0]
    most = n_inputs + n_nodes + pairs.shape[1]
    width, short = most * ops.shape[0], luck.shape[1]
    columns, finite = np.empty((width, n)), np.empty(width, np.bool_)
    own, values = np.empty((width, theta.shape[3])), np.empty((most, n))
    book = (columns, finite, own, np.arange(most), values)
    best, chosen = heap_of(short), heap_of(edits.shape[0] // n_graphs)
    slots = np.empty((1 + n_nodes * (n_slots + 2), 4), np.int64)
    settings = (width, data[4], known, prices)
    for j in range(n_inputs):
        copy_row(data[0][j], values[j])
    dictionary(ZERO, n_inputs, values, known, drawn[0], columns, finite, own)
    count = 0
    for b in range(n_graphs):
        graph = (agg[b], src[b], op[b], use[b])
        work, _, fine = expanded(full, graph, theta[b])
        if fine < 0:
            continue
        sources = fill_book(graph, work, drawn[1 + b], pairs[b], n_inputs, known, book)
        filled = best_edits(
            best, full, can_multiply, graph, work, sources, book, slots, floor, settings
        )
        for place in range(draw_by_rank(best, filled, luck[b], chosen)):
            i = chosen[1][place]
            write_edit(
                best[1][i], best[2][i], slots, pairs[b], sources[1], book, settings,
                edits[count], coefs[count],
            )  # fmt: skip
            amplitudes[count], parents[count] = best[2][i], b
            count += 1
    return count
