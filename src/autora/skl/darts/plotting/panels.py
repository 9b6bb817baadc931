"""Pictures of several axes, and how many of them stand side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from . import style
from .display import room_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Panels:
    """A picture of several axes, which keeps its data."""

    axes_: np.ndarray
    figure_: Any

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            As in `from_estimator`.

        Returns
        -------
        self
        """
        figure = room_of(ax)
        if figure is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(
                figsize=[*map(style.scaled, self._size())], layout="constrained"
            )
        self.figure_ = figure
        self._draw(figure)
        return self

    def _size(self) -> tuple[float, float]:
        raise NotImplementedError

    def _draw(self, figure: Any) -> None:
        raise NotImplementedError


def shape_for(
    count: int, figure: Any, panel: tuple[float, float], beside: tuple[float, float]
) -> tuple[tuple[int, int], tuple[float, float]]:
    """Rows and columns that suit the room of a figure, and inches of one panel.

    ``panel`` is the size that a panel should have and ``beside`` that of what is around
    them all, in inches for a font of 10 points.
    """
    room = np.maximum(style.inches(figure) - np.array(beside) * style.scaled(1), 0.5)

    def cost(columns: int) -> float:
        rows = -(-count // columns)
        shape = room[0] * rows / (room[1] * columns) / (panel[0] / panel[1])
        return abs(float(np.log(shape))) + (rows * columns - count) / count

    columns = min(range(1, count + 1), key=cost)
    rows = -(-count // columns)
    return (rows, columns), (float(room[0] / columns), float(room[1] / rows))
