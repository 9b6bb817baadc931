"""The README's code runs as printed and finds what it promises."""

import re
from pathlib import Path
from typing import Any

import matplotlib
import pytest

README = Path(__file__).resolve().parent.parent / "README.md"


def test_code_blocks_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.S)
    assert len(blocks) == 6
    names: dict[str, Any] = {}
    terms = ("cos(", "exp(", "logit(yes) = ", "", "", "np.exp(")
    for block, term in zip(blocks, terms, strict=True):
        exec(block, names)
        assert term in capsys.readouterr().out
        if term in ("cos(", "exp("):
            assert names["darts"].score(names["X"], names["y"]) > 1 - 1e-9
    assert names["monitor"].epoch_history[-1] == 99
