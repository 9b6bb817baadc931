"""JavaScript that the package writes, run by QuickJS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from autora.skl.darts.equations.javascript_source import helpers


def context_of(script: str) -> Any:
    """What a script has defined; what it needs comes with the extra dev, as quickjs-ng."""
    context = pytest.importorskip("quickjs", reason="needs quickjs-ng").Context()
    context.eval(script)
    return context


def in_javascript(source: str, rows: np.ndarray, coefs: Sequence[float] = ()) -> np.ndarray:
    """Outputs (n, outputs) of a function ``(x, c)``; what JSON lacks is NaN."""
    context = context_of(f"{helpers()}\nconst f = {source};")
    asked = json.dumps(np.asarray(rows).tolist()), json.dumps(list(coefs))
    text = "JSON.stringify({}.map((x) => f(x, {})))".format(*asked)
    return np.array(json.loads(context.eval(text)), dtype=float)
