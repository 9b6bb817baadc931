"""The relaxed graph hardening into the chosen one, as a film for talks."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from ..graph.model import Model
from .axes import relaxed_weights
from .display import Display, fitted_darts, input_names, output_names
from .formulas import Formula, formulas_of
from .relaxed_graph import Stage
from .search_displays import epoch_alphas

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes

#: Frames in which the weights move to what the exact refits found.
_MOVING = 12
#: Most frames of the training.
_EPOCHS = 15
_GIF_COLOURS = 128
#: How long a GIF shows its last frame before it starts again, in milliseconds.
_LAST_MS = 3000


class _Frame(NamedTuple):
    title: str
    weights: np.ndarray  #: (edges, primitives)
    final: bool = False


@dataclass(eq=False, repr=False)
class SearchAnimation(Display):
    """How the mixtures on the edges of a counted graph become one primitive each.

    Every edge is a bundle of lines, one per primitive, whose width is the primitive's
    weight. The first frames show the epochs in which the mixture is trained; then the
    weights move to what the exact refits found, and the last frame shows the chosen graph.

    Parameters
    ----------
    alphas : ndarray of shape (n_epochs, n_edges, n_primitives)
        Architecture weights of every epoch.
    model : Model
        The chosen graph.
    last : ndarray of shape (n_edges, n_primitives)
        Architecture weights after the refits.
    darts_type : {"original", "fair"}
    inputs, outputs : sequence of str
        Names.
    equations : sequence of Formula, default=()
        Above the chosen graph: LaTeX and plain text of every equation.

    Attributes
    ----------
    n_frames : int
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from autora.skl.darts import SearchAnimation
    >>> film = SearchAnimation.from_estimator(fitted)  # doctest: +SKIP
    >>> film.save("search.gif")  # doctest: +SKIP
    """

    alphas: np.ndarray
    model: Model
    last: np.ndarray
    darts_type: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    equations: Sequence[Formula] = ()

    def __post_init__(self) -> None:
        self._frames = _frames(self.alphas, self.model, self.last, self.darts_type)

    @property
    def n_frames(self) -> int:
        return len(self._frames)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> Self:
        """Prepare the film of a fit of a counted graph; its last frame is drawn.

        Parameters
        ----------
        estimator : DARTSRegressor or DARTSClassifier
        ax : matplotlib.axes.Axes, default=None
            None draws on a new figure.

        Returns
        -------
        SearchAnimation

        Raises
        ------
        ValueError
            If the fit had no epochs.
        """
        model, alphas = fitted_darts(estimator), epoch_alphas(estimator)
        network = estimator.network_
        inputs = input_names(estimator, model.space.n_inputs)
        outputs = output_names(estimator, None, model.space.n_outputs)
        film = cls(
            alphas, model, network.alphas, network.darts_type, inputs, outputs,
            formulas_of(estimator),
        )  # fmt: skip
        return film.plot(ax)

    def _draw(self, ax: Axes) -> None:
        known = self.inputs, self.outputs, self.equations
        self._stage = Stage(ax, self.model, *known)
        self.show(self.n_frames - 1)

    def animate(self, *, fps: int = 8) -> FuncAnimation:
        """The film as matplotlib's own object, for other writers.

        Parameters
        ----------
        fps : int, default=8
            Frames per second.
        """
        from matplotlib.animation import FuncAnimation

        figure = self.figure_.canvas.figure
        return FuncAnimation(figure, self.show, self.n_frames, interval=1000 / fps)

    def show(self, frame: int) -> list[Any]:
        """Draw one frame.

        Parameters
        ----------
        frame : int
            From 0 to ``n_frames`` − 1; negative ones count from the end.

        Returns
        -------
        list of matplotlib artists
            Those that change from frame to frame.
        """
        now = self._frames[frame]
        return self._stage.show(now.weights, now.title, now.final)

    def save(self, path: str | Path, *, fps: int = 8, dpi: int = 90) -> Path:
        """Write the film.

        Parameters
        ----------
        path : str or Path
            Its suffix says what to write: ".gif", or ".html" for one page that needs
            nothing else and has buttons to play and step.
        fps : int, default=8
            Frames per second.
        dpi : int, default=90
            Pixels per inch; a film is 6 × 4.4 inches unless an ``ax`` was given or the
            font is not of 10 points.

        Returns
        -------
        Path
        """
        path = Path(path)
        if path.suffix.lower() not in (".gif", ".html"):
            raise ValueError(f"path must end with .gif or .html, got {str(path)!r}")
        if path.suffix.lower() == ".html":
            path.write_text(_PAGE.format(self.to_html(fps=fps, dpi=dpi)), "utf-8")
            return path
        duration = [round(1000 / fps)] * self.n_frames
        duration[-1] = _LAST_MS
        first, *rest = self._pictures(dpi)
        first.save(path, save_all=True, append_images=rest, duration=duration, loop=0)
        return path

    def _pictures(self, dpi: int) -> list[Any]:
        """The frames as Pillow images of few colours, the same ones in all."""
        from PIL import Image

        frames = []
        for i in range(self.n_frames):
            self.show(i)
            buffer = io.BytesIO()
            figure = self.figure_.canvas.figure
            figure.savefig(buffer, format="png", dpi=dpi, facecolor=figure.get_facecolor())
            frames.append(Image.open(buffer).convert("RGB"))
        few = frames[len(frames) // 2].quantize(_GIF_COLOURS)
        return [frame.quantize(palette=few, dither=Image.Dither.NONE) for frame in frames]

    def to_html(self, *, fps: int = 8, dpi: int = 90) -> str:
        """The film as HTML with buttons, its pictures included.

        Parameters
        ----------
        fps : int, default=8
        dpi : int, default=90
        """
        from matplotlib import rc_context

        with rc_context({"savefig.dpi": dpi, "animation.embed_limit": 100}):
            page = self.animate(fps=fps).to_jshtml(fps=fps, default_mode="once")
        return _self_contained(page)

    def _repr_html_(self) -> str:
        return self.to_html()


_PAGE = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    "<title>Differentiable architecture search</title></head>\n<body>{}</body></html>\n"
)


#: The icons of matplotlib's buttons, whose font would come from the network.
_ICONS = {
    "minus": "−",
    "fast-backward": "⏮",
    "step-backward": "‹",
    "play fa-flip-horizontal": "◀",
    "pause": "❚❚",
    "play": "▶",
    "step-forward": "›",
    "fast-forward": "⏭",
    "plus": "+",
}


def _self_contained(page: str) -> str:
    """A film's HTML with nothing to load."""
    page = re.sub(r"<link\b[^>]*>", "", page)
    icon = r'<i class="fa fa-([\w -]+)"></i>'
    return re.sub(icon, lambda match: _ICONS.get(match[1], match[1]), page)


def _frames(
    alphas: np.ndarray, model: Model, last: np.ndarray, darts_type: str
) -> list[_Frame]:
    relaxed = relaxed_weights(alphas, darts_type)
    count = len(relaxed)
    shown = np.unique(np.linspace(0, count - 1, min(count, _EPOCHS)).round().astype(int))
    frames = [
        _Frame(f"training the mixture, epoch {t + 1} of {count}", relaxed[t]) for t in shown
    ]
    found = relaxed_weights(last, darts_type)
    if not np.allclose(found, relaxed[-1]):
        title = "exact refits: the weights move to what was found"
        for share in np.linspace(0, 1, _MOVING + 1)[1:]:
            eased = share * share * (3 - 2 * share)
            frames.append(_Frame(title, (1 - eased) * relaxed[-1] + eased * found))
    chosen = np.zeros_like(found)
    for edge in model.live_edges():
        chosen[edge.index, model.architecture[edge.index]] = 1
    return [*frames, _Frame("the chosen graph", chosen, final=True)]
