"""JavaScript that the package writes, run by QuickJS."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from autora.skl.darts.equations.javascript_source import helpers

quickjs = pytest.importorskip("quickjs", reason="JavaScript runs in quickjs-ng (extra dev)")


def in_javascript(source: str, rows: np.ndarray, coefs: Sequence[float] = ()) -> np.ndarray:
    """Outputs (n, outputs) of a function ``(x, c)``; what JSON lacks is NaN."""
    context = quickjs.Context()
    context.eval(helpers())
    context.eval(f"const f = {source};")
    asked = json.dumps(np.asarray(rows).tolist()), json.dumps(list(coefs))
    text = "JSON.stringify({}.map((x) => f(x, {})))".format(*asked)
    return np.array(json.loads(context.eval(text)), dtype=float)
