"""The README's code runs as printed and finds what it promises."""

import re
from pathlib import Path
from typing import Any

import matplotlib
import pytest

README = Path(__file__).resolve().parent.parent / "README.md"


def test_code_blocks_run(capsys: pytest.CaptureFixture[str]) -> None:
    matplotlib.use("Agg")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.S)
    assert len(blocks) == 5
    names: dict[str, Any] = {}
    terms = ("cos(", "exp(", "logit(yes) = ", "", "")
    for block, term in zip(blocks, terms, strict=True):
        exec(block, names)
        assert term in capsys.readouterr().out
        if term.endswith("("):
            assert names["darts"].score(names["X"], names["y"]) > 1 - 1e-9
    assert names["monitor"].epoch_history[-1] == 99
