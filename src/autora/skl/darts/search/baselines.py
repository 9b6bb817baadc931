"""What every equation must beat: the best constant and the straight line of the inputs.

They were written down before anything was searched, so they do not pay for what was tried.
A line of some of many inputs was chosen among others and does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..fitting.problem import Problem, mean_loss, thinned
from ..fitting.refit import Fit, levenberg_marquardt
from ..graph.model import Edge, Model
from ..graph.objectives import Objective
from ..graph.primitives import IDENTITY, forms, lookup, resolve
from ..graph.search_space import SearchSpace
from ..graph.specification import SpaceBounds
from ..selection.candidates import Candidate
from ..selection.criteria import judged, judged_beforehand

_STEPS = 50
#: Most inputs of a line of some of them; share of a column that others may leave and span.
_MOST_CHOSEN, _SPANNED = 50, 1e-6
#: Rows on which these inputs are chosen.
_MOST_ROWS = 20_000


def straight(problem: Problem, objective: Objective) -> Model:
    """The best linear function of the inputs under the model's own loss."""
    n_inputs, n_outputs = problem.x.shape[1], problem.y.shape[1]
    space = SearchSpace(n_inputs, n_outputs, n_outputs, resolve(("none", "mult")))
    if objective.least_squares:
        slopes, bias = least_squares(problem)
    else:
        slopes = np.zeros((n_inputs, n_outputs))
        bias = objective.inverse(np.average(problem.y, axis=0, weights=problem.weight))
    entries = np.ndenumerate(slopes)
    edges = [Edge(j, k, lookup("mult"), (slope,)) for (j, k), slope in entries]
    line = Model.from_edges(space, objective, edges, np.eye(n_outputs), bias)
    if objective.least_squares:
        return line
    fixed = problem._replace(train_readout=False, train_bias=True)
    return levenberg_marquardt(fixed, line, _STEPS).model


def least_squares(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (inputs, outputs) and biases of the best linear functions.

    Inputs whose mean double precision cannot hold have no slope.
    """
    root = np.sqrt(problem.weight)[:, None]
    centre = np.average(problem.x, axis=0, weights=problem.weight)
    size = np.abs(problem.x - centre).max(axis=0)
    size = np.where(np.isfinite(size) & (size > 0), size, np.inf)
    design = np.where(size < np.inf, (problem.x - centre) / size, 0.0)
    design = np.hstack([design, np.ones((len(root), 1))])
    found = np.linalg.lstsq(design * root, problem.y * root, rcond=None)[0]
    slopes = found[:-1] / size[:, None]
    return slopes, found[-1] - np.where(size < np.inf, centre, 0.0) @ slopes


def lines(problem: Problem, objective: Objective, bounds: SpaceBounds) -> list[Candidate]:
    """The straight line of all inputs and, of several, the best one of some of them.

    Empty where the vocabulary has no such graph: it takes x and a·x, a trained read-out
    and an intercept.
    """
    n_inputs, n_outputs = problem.x.shape[1], problem.y.shape[1]
    needed = {"plain"} if n_inputs == 1 else {"plain", "scaled"}
    able = problem.train_readout and problem.train_bias and "sum" in bounds.aggregations
    able = able and problem.offset is None
    if not (able and needed <= forms(IDENTITY, bounds.primitives).keys()):
        return []
    widest = n_inputs if bounds.widest_line is None else bounds.widest_line
    found = []
    if n_inputs <= widest:
        slopes, bias = _linear(problem, objective)
        line = _graph(problem, bounds, objective, slopes, bias)
        found.append(_candidate(line, problem, judged_beforehand))
    if n_inputs > 1 and n_outputs == 1 and objective.least_squares:
        sample = thinned(problem, _MOST_ROWS, np.random.default_rng(0))
        some = [
            (
                _candidate(_line_in(sample, chosen, bounds, objective), sample, judged),
                chosen,
            )
            for chosen in _stepwise(sample, widest)
        ]
        if some:
            chosen = min(some, key=lambda entry: entry[0].criterion)[1]
            line = _line_in(problem, chosen, bounds, objective)
            found.append(_candidate(line, problem, judged))
    return [candidate for candidate in found if np.isfinite(candidate.criterion)]


def _candidate(
    line: Model, problem: Problem, judge: Callable[[Model, float, Problem], float]
) -> Candidate:
    problem = problem._replace(sparse_readout=True)
    loss = mean_loss(line, problem)
    return Candidate(Fit(line, loss, 0), judge(line, loss, problem))


def _linear(problem: Problem, objective: Objective) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (inputs, outputs) and biases of the best linear function under a loss."""
    if objective.least_squares:
        return least_squares(problem)
    line = straight(problem, objective)
    n_inputs, n_outputs = line.space.n_inputs, line.space.n_outputs
    edges = [edge for edge in line.edges() if edge.source < n_inputs]
    slopes = np.zeros((n_inputs, n_outputs))
    for edge in edges:
        slopes[edge.source, edge.target] = edge.coefs[0]
    return slopes, line.bias


def _line_in(
    problem: Problem, chosen: np.ndarray, bounds: SpaceBounds, objective: Objective
) -> Model:
    """The best line of some inputs of a least-squares problem, as a graph."""
    slopes = np.zeros((problem.x.shape[1], 1))
    part, bias = least_squares(problem._replace(x=problem.x[:, chosen]))
    slopes[chosen] = part
    return _graph(problem, bounds, objective, slopes, bias)


def _stepwise(problem: Problem, widest: int) -> Iterator[np.ndarray]:
    """More and more inputs of one output, always the one that explains most (Pati,
    Rezaiifar & Krishnaprasad 1993), as long as rows are to spare.
    """
    root = np.sqrt(problem.weight)[:, None]
    x = problem.x - np.average(problem.x, axis=0, weights=problem.weight)
    y = problem.y - np.average(problem.y, axis=0, weights=problem.weight)
    columns, rest = x * root, (y * root)[:, 0]
    columns = columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    chosen: list[int] = []
    for _ in range(min(len(columns.T) - 1, widest, len(columns) - 3, _MOST_CHOSEN)):
        size = np.linalg.norm(columns, axis=0)
        gain = np.where(size > _SPANNED, np.abs(rest @ columns), 0.0)
        gain /= np.maximum(size, _SPANNED)
        best = int(np.argmax(gain))
        if not gain[best] > 0:
            return
        direction = columns[:, best] / size[best]
        columns = columns - np.outer(direction, direction @ columns)
        columns[:, best] = 0.0
        rest = rest - direction * (direction @ rest)
        chosen.append(best)
        yield np.array(chosen)


def _graph(
    problem: Problem,
    bounds: SpaceBounds,
    objective: Objective,
    slopes: np.ndarray,
    bias: np.ndarray,
) -> Model:
    """A line as a graph: for each output a node of x, the steepest input, and other a·x.

    The read-out scales the node, so that the data determine every coefficient.
    """
    n_inputs, n_outputs = slopes.shape
    widest = max(bounds.max_in_degree, int((slopes != 0).sum(axis=0).max(initial=1)))
    space = SearchSpace(
        n_inputs, n_outputs, n_outputs, bounds.primitives, bounds.aggregations, widest
    )
    x = forms(IDENTITY, bounds.primitives)
    edges, readout = [], np.zeros((n_outputs, n_outputs))
    reach = np.abs(slopes) * np.ptp(problem.x, axis=0)[:, None]
    for k in np.flatnonzero(reach.max(axis=0) > 0).tolist():
        steepest = int(np.argmax(reach[:, k]))
        readout[k, k] = slopes[steepest, k]
        edges.append(Edge(steepest, k, x["plain"], ()))
        edges += [
            Edge(j, k, x["scaled"], (slopes[j, k] / slopes[steepest, k],))
            for j in np.flatnonzero(slopes[:, k]).tolist()
            if j != steepest
        ]
    sums = np.full(n_outputs, bounds.aggregations.index("sum"))
    return Model.from_edges(space, objective, edges, readout, bias, sums)
