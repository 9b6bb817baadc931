"""Where graphs compete: data, vocabulary and the arrays that describe many graphs at once.

A batch of graphs is a handful of arrays (see `kernels.arrays`), so that thousands are
edited, refitted and compared per second without a Python object for any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..fitting.coefficients import largest_coefficients
from ..graph.elementary import NUMPY
from ..graph.objectives import Objective
from ..graph.observations import typical_size
from ..graph.primitives import ARGUMENTS, IDENTITY, Primitive, builtin, forms, monomial
from ..selection import criteria
from ..selection.criteria import Evidence
from .kernels.arrays import Data, Dimensions, Graph, Limits, Rules
from .kernels.loader import Kernels, bases_of

#: Coefficients, in units of their data, outside this range smell of a limit that is
#: approached only to imitate another function.
_SMALLEST, _LARGEST = 1 / 200, 20.0


class Graphs:
    """A batch of graphs with their coefficients."""

    FIELDS = ("agg", "src", "op", "use", "theta", "w", "loss", "key")

    def __init__(self, **arrays: np.ndarray) -> None:
        self.agg, self.src, self.op = arrays["agg"], arrays["src"], arrays["op"]
        self.use, self.theta = arrays["use"], arrays["theta"]
        self.w, self.loss, self.key = arrays["w"], arrays["loss"], arrays["key"]

    @classmethod
    def empty(cls, count: int, n_nodes: int, n_slots: int, max_params: int) -> Graphs:
        return cls(
            agg=np.zeros((count, n_nodes), np.int64),
            src=np.zeros((count, n_nodes, n_slots), np.int64),
            op=np.full((count, n_nodes, n_slots), -1, np.int64),
            use=np.zeros((count, n_nodes), np.bool_),
            theta=np.zeros((count, n_nodes, n_slots, max_params)),
            w=np.zeros((count, 1 + n_nodes)),
            loss=np.full(count, np.inf),
            key=np.zeros(count, np.int64),
        )

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def structure(self) -> Graph:
        return Graph(self.agg, self.src, self.op, self.use)

    def take(self, index: np.ndarray | Sequence[int]) -> Graphs:
        """A copy of some of the graphs."""
        return Graphs(**{name: getattr(self, name)[index] for name in self.FIELDS})

    def put(self, index: np.ndarray | Sequence[int], graphs: Graphs) -> None:
        """Replace some of the graphs."""
        for name in self.FIELDS:
            getattr(self, name)[index] = getattr(graphs, name)

    @staticmethod
    def join(parts: Sequence[Graphs]) -> Graphs:
        return Graphs(
            **{n: np.concatenate([getattr(p, n) for p in parts]) for n in Graphs.FIELDS}
        )


class Edits(NamedTuple):
    """One edit for every graph of a batch, see `kernels.arrays`."""

    rows: np.ndarray  #: (B, 8) integers
    coefs: np.ndarray  #: (B, P)
    amplitude: np.ndarray  #: (B,)


class Scaling(NamedTuple):
    """y = shift + scale · (what the search fits)."""

    shift: float
    scale: float


@dataclass(frozen=True, eq=False)
class Evaluator:
    """What stays the same during a search.

    Attributes
    ----------
    objective : Objective
        What is minimised.
    primitives : tuple of Primitive
        Those of the compiled program, of which ``allowed`` are in the vocabulary.
    x : ndarray of shape (inputs, n)
    y : ndarray of shape (n,)
        Under squared errors standardised to mean 0 and variance 1 where the read-out is
        trained.
    root : ndarray of shape (n,)
        Square roots of the rows' weights.
    offset : ndarray of shape (n,)
        What is added to the read-out under other than squared errors.
    known : Evidence
        What the rows can say.
    scaling : Scaling
        How y was standardised.
    units : kernels.arrays.Dimensions
        What units say of edges; see `dimensions`.
    """

    kernels: Kernels
    objective: Objective
    primitives: tuple[Primitive, ...]
    allowed: np.ndarray
    x: np.ndarray
    y: np.ndarray
    root: np.ndarray
    offset: np.ndarray
    n_nodes: int
    n_slots: int
    can_multiply: bool
    train_readout: bool
    train_bias: bool
    known: Evidence
    scaling: Scaling
    units: Dimensions

    @property
    def n_inputs(self) -> int:
        return len(self.x)

    @property
    def n_rows(self) -> int:
        return self.x.shape[1]

    @cached_property
    def scale(self) -> np.ndarray:
        """Size of every source: inputs in their units, nodes taken as 1."""
        size = np.array([typical_size(column) for column in self.x])
        return np.concatenate([size, np.ones(self.n_nodes)])

    @cached_property
    def unit(self) -> float:
        """What losses are compared with: the number of rows of a likelihood, else the sum
        of squares of the best constant; of what is constant that of y, or 1.
        """
        if self.objective.likelihood:
            return float(self.root @ self.root)
        mean = np.average(self.y, weights=self.root**2)
        for centre in (mean, 0.0):
            total = float(np.sum((self.root * (self.y - centre)) ** 2))
            if total > 0:
                return total
        return 1.0

    @cached_property
    def base(self) -> np.ndarray:
        """Which of the compiled functions every primitive applies; −1 for x itself."""
        numbers = np.array(bases_of(self.primitives)[1])
        return np.where([p.plain == IDENTITY for p in self.primitives], -1, numbers)

    @cached_property
    def n_params(self) -> np.ndarray:
        return np.array([p.n_params for p in self.primitives])

    @cached_property
    def form(self) -> np.ndarray:
        """Whether the argument has a slope, a shift; the number of coefficients."""
        kinds = [ARGUMENTS[p.argument] for p in self.primitives]
        has = [["slope" in k, "shift" in k] for k in kinds]
        return np.column_stack([has, self.n_params])

    @cached_property
    def starting_places(self) -> np.ndarray:
        """Where the coefficients of every primitive begin (primitives, P).

        0 is an exponent, 1 the number one, more are numbers about zero.
        """
        places = np.tile(2 + np.arange(self.max_params), (len(self.primitives), 1))
        special = {"exponent": 0, "shape": 1}
        for op, primitive in enumerate(self.primitives):
            for j, kind in enumerate(primitive.params):
                places[op, j] = special.get(kind, places[op, j])
        return places

    @cached_property
    def exponent(self) -> np.ndarray:
        """Which coefficient of every primitive is an exponent; −1 for none."""
        kinds = [p.params for p in self.primitives]
        return np.array([k.index("exponent") if "exponent" in k else -1 for k in kinds])

    @cached_property
    def straight(self) -> np.ndarray:
        """Primitives that are linear in their source."""
        return np.array([p.straight for p in self.primitives])

    @cached_property
    def cost(self) -> np.ndarray:
        """Parameters that an edge counts for: half for being there, half if it bends."""
        return self.n_params + 0.5 + 0.5 * ~self.straight

    @cached_property
    def scales_itself(self) -> np.ndarray:
        """Primitives with an amplitude among their coefficients."""
        return self.straight & (self.form[:, 0] == 1)

    @cached_property
    def basic(self) -> np.ndarray:
        """The primitives that pairs are made of; −1 where the vocabulary lacks one."""
        x, opposite = self.forms(IDENTITY), self.forms(monomial(1.0, -1.0))
        inverse, plain = self.forms(monomial(-1.0)), x.get("plain", -1)
        found = [plain, opposite.get("plain", -1), plain, inverse.get("plain", -1)]
        if not self.can_multiply:
            found[2:] = [-1, -1]
        return np.array([*found, x.get("scaled", -1)])

    def forms(self, plain: Primitive | None) -> dict[str, int]:
        """The allowed primitives that apply a plain function, by their argument."""
        found = forms(plain, [self.primitives[op] for op in self.allowed])
        return {argument: self.primitives.index(p) for argument, p in found.items()}

    @cached_property
    def relatives(self) -> np.ndarray:
        """For every primitive some allowed variants of the same function."""
        allowed = self.allowed.tolist()
        rows = []
        for p in self.primitives:
            same = [o for o in allowed if self.primitives[o].base == p.base]
            same = [o for o in same if self.primitives[o].name != p.name] or [-1]
            rows.append([same[i % len(same)] for i in range(12)])
        return np.array(rows)

    def empty(self, count: int) -> Graphs:
        return Graphs.empty(count, self.n_nodes, self.n_slots, self.max_params)

    @property
    def max_params(self) -> int:
        return max(1, int(self.n_params.max()))

    @cached_property
    def data(self) -> Data:
        """What the compiled refit needs to know of the problem."""
        return Data(
            self.x,
            self.y,
            self.root,
            self.offset,
            self.form,
            self.base,
            self.train_readout,
            self.train_bias,
            self.objective.compiled_loss,
        )

    def fit(
        self,
        graphs: Graphs,
        steps: int,
        tolerance: float,
        hopeless: np.ndarray | None = None,
    ) -> None:
        """Refit a batch in place; ``hopeless`` (B,) are losses not worth a late step."""
        limits = Limits(steps, tolerance, 1e-29 * self.unit)
        if hopeless is None:
            hopeless = np.full(len(graphs), np.inf)
        kernels = self.kernels
        kernels.fit_many(
            self.data, kernels.slopes, kernels.values, limits, hopeless, graphs.structure,
            graphs.theta, graphs.w, graphs.loss,
        )  # fmt: skip

    def values(self, graph: Graphs) -> tuple[np.ndarray, np.ndarray]:
        """Values of a graph's edges (nodes, slots, n) and of its nodes (nodes, n)."""
        sources, edges = list(self.x), np.zeros((*graph.op.shape[1:], self.n_rows))
        for k in range(self.n_nodes):
            product = graph.agg[0, k] == 1
            node = np.ones(self.n_rows) if product else np.zeros(self.n_rows)
            for s in np.flatnonzero(graph.op[0, k] >= 0):
                primitive = self.primitives[graph.op[0, k, s]]
                coefs = graph.theta[0, k, s, : primitive.n_params]
                with np.errstate(all="ignore"):
                    edges[k, s] = primitive(NUMPY, sources[graph.src[0, k, s]], *coefs)
                    node = node * edges[k, s] if product else node + edges[k, s]
            sources.append(node)
        return edges, np.array(sources[self.n_inputs :])

    def residual(self, graph: Graphs) -> np.ndarray:
        """Errors of a single graph, shape (n,); not finite where it is not."""
        with np.errstate(all="ignore"):
            eta = graph.w[0, 0] + graph.w[0, 1:] @ self.values(graph)[1]
            return self.y - self.objective.link(NUMPY, eta + self.offset)

    def apply(self, graphs: Graphs, edits: Edits) -> None:
        """Apply one edit to every graph, in place; a void edit leaves key 0.

        So does one that units contradict.
        """
        rules = Rules(self.basic, self.form, self.train_readout)
        self.kernels.children(
            edits.rows, edits.coefs, edits.amplitude, rules, self.n_inputs,
            graphs.structure, graphs.theta, graphs.key,
        )  # fmt: skip
        if self.units.n_bases:  # compiled where units are given, and nowhere else
            from .kernels.dimensions import drop_contradictions

            drop_contradictions(*graphs.structure, self.units, graphs.key)

    def size(self, graphs: Graphs) -> np.ndarray:
        """Complexity: coefficients, half an edge, half a bend."""
        on = graphs.op >= 0
        edges = np.where(on, self.cost[graphs.op], 0.0).sum(axis=(1, 2))
        return edges + self.train_readout * graphs.use.sum(axis=1)

    def n_coefficients(self, graphs: Graphs) -> np.ndarray:
        """Fitted coefficients, the intercept included."""
        own = np.where(graphs.op >= 0, self.n_params[graphs.op], 0).sum(axis=(1, 2))
        return own + self.train_readout * graphs.use.sum(axis=1) + int(self.train_bias)

    def _charged(self, graphs: Graphs) -> tuple[np.ndarray, np.ndarray]:
        """What the criterion charges for: coefficients and complexity."""
        return self.n_coefficients(graphs), self.size(graphs)

    def promise(self, graphs: Graphs, screen: Evaluator) -> np.ndarray:
        """The criterion of graphs whose loss is that on some of the rows."""
        share = graphs.loss / screen.unit
        return criteria.criterion(self.known, share, *self._charged(graphs))

    def criterion(self, graphs: Graphs) -> np.ndarray:
        """The criterion with a fine for coefficients of an unnatural size."""
        return self.promise(graphs, self) + 2 * self.strain(graphs)

    def needed(self, graphs: Graphs, value: np.ndarray, screen: Evaluator) -> np.ndarray:
        """The losses on some of the rows at which the graphs would have a criterion."""
        return screen.unit * criteria.needed(self.known, value, *self._charged(graphs))

    def is_exact(self, graphs: Graphs) -> np.ndarray:
        share = graphs.loss / self.unit
        return criteria.is_exact(self.known, share, self.n_coefficients(graphs))

    def is_saturated(self, graphs: Graphs) -> np.ndarray:
        """Graphs that have as many coefficients as there are rows."""
        return criteria.freedom(self.known, self.n_coefficients(graphs)) <= 0

    def strain(self, graphs: Graphs) -> np.ndarray:
        """How far, in logarithms, coefficients lie outside the natural range."""
        size = np.abs(graphs.theta)
        slope = (graphs.op >= 0) & (self.form[graphs.op, 0] == 1)
        size[..., 0] *= np.where(slope, self.scale[graphs.src], 1.0)
        places = np.arange(self.max_params) < self.n_params[graphs.op][..., None]
        used = places & (graphs.op >= 0)[..., None] & (size > 0)
        with np.errstate(divide="ignore"):
            log = np.log(size)
        outside = np.maximum(log - np.log(_LARGEST), np.log(_SMALLEST) - log)
        return np.where(used, np.maximum(outside, 0.0), 0.0).sum(axis=(1, 2, 3))

    @cached_property
    def _limits(self) -> np.ndarray:
        """Largest coefficients (inputs, primitives, P) of what bends an input."""
        limits = np.full((self.n_inputs, len(self.primitives), self.max_params), np.inf)
        for op, primitive in enumerate(self.primitives):
            if not primitive.straight:
                for i in range(self.n_inputs):
                    found = largest_coefficients(primitive, self.scale[i])
                    limits[i, op, : len(found)] = found
        return limits

    def is_carried(self, graphs: Graphs) -> np.ndarray:
        """Whether double precision carries what bends the inputs of the graphs."""
        bends = (graphs.op >= 0) & (graphs.src < self.n_inputs)
        source = np.where(bends, graphs.src, 0)
        allowed = np.abs(graphs.theta) <= self._limits[source, graphs.op]
        return (allowed | ~bends[..., None]).all(axis=(1, 2, 3))

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Rows, in order: all of them, or so many at random."""
        if self.n_rows <= count:
            return np.arange(self.n_rows)
        return np.sort(rng.permutation(self.n_rows)[:count])

    def focused(self, graphs: Graphs, rng: np.random.Generator) -> tuple[Evaluator, Graphs]:
        """Where the gains of edits are computed, and the graphs fitted there."""
        return self, graphs

    def rows(self, index: np.ndarray) -> Evaluator:
        """The same with some of the rows."""
        return Evaluator(**self._fields_of(index))

    def _fields_of(self, index: np.ndarray) -> dict[str, Any]:
        known = self.known._replace(
            n=self.known.n * float(np.sum(self.root[index] ** 2) / (self.root @ self.root)),
            distinct=min(self.known.distinct, len(index)),
        )
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {
            "x": np.ascontiguousarray(self.x[:, index]),
            "y": self.y[index],
            "root": self.root[index],
            "offset": self.offset[index],
            "known": known,
        }


@lru_cache(maxsize=16)
def table(extra: tuple[Primitive, ...] = ()) -> tuple[Primitive, ...]:
    """Primitives of the compiled program: all built-in ones, so that one program serves
    every vocabulary, and the caller's own.
    """
    own = [p for p in extra if p not in builtin()]
    return tuple(p for p in (*builtin(), *own) if p.name != "none")
