"""Faults, bad input and drawn examples: how many were tried, how many were handled.

    python benchmarks/properties.py [--profile long]

Runs the tests that are about them, the properties with Hypothesis's profile "long" (new
examples every time) or "everyday" (few, always the same), and counts.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from helpers.common import ROOT, provenance, table, write_results

FILES = (
    "test_properties", "test_robustness", "test_bad_input", "test_interrupts",
    "test_checkpoint", "test_restarts", "test_vmapped_training", "test_supply_chain",
)  # fmt: skip
_EXAMPLES = re.compile(r"(\d+) passing, (\d+) failing")


def tested(profile: str) -> tuple[str, ElementTree.Element]:
    """What pytest printed, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        done = subprocess.run(
            [
                sys.executable, "-m", "pytest", "-p", "no:cacheprovider",
                *(str(ROOT / "tests" / f"{name}.py") for name in FILES),
                f"--hypothesis-profile={profile}", "--hypothesis-show-statistics",
                f"--junitxml={report}",
            ],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout, ElementTree.parse(report).getroot()


def counted(root: ElementTree.Element) -> list[list[str]]:
    """Cases tried and passed per test, in the order of the files."""
    tried: Counter[tuple[str, str]] = Counter()
    handled: Counter[tuple[str, str]] = Counter()
    for case in root.iter("testcase"):
        kind = case.get("classname", "").split(".")[-1], case.get("name", "").split("[")[0]
        tried[kind] += 1
        handled[kind] += not any(part.tag in ("failure", "error") for part in case)
    return [
        [
            file,
            test.removeprefix("test_").replace("_", " "),
            f"{n}",
            f"{handled[file, test]}",
        ]
        for (file, test), n in tried.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", choices=("everyday", "long"), default="long")
    profile = parser.parse_args().profile
    origin, start = provenance(), time.perf_counter()
    output, root = tested(profile)
    found = [tuple(map(int, pair)) for pair in _EXAMPLES.findall(output)]
    rows = counted(root)
    body = (
        f"Hypothesis, profile {profile!r}: {sum(p for p, _ in found):,} examples passed, "
        f"{sum(f for _, f in found):,} failed. {sum(int(r[2]) for r in rows):,} cases "
        f"tried, {sum(int(r[3]) for r in rows):,} handled, in "
        f"{time.perf_counter() - start:.0f} s. A property is one case, however many "
        "examples were drawn for it.\n\n"
        + table(["file", "what", "tried", "handled"], rows)
    )
    write_results("properties", "Faults, bad input and drawn examples", origin, body)


if __name__ == "__main__":
    main()
