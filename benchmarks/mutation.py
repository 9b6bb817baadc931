"""How many small changes of the code the tests notice.

    python benchmarks/mutation.py [--sample 120] [--jobs 2]

Needs `pip install -e ".[measure]"`: cosmic-ray changes one operator, number or branch at a
time in a copy of the package and runs the tests of that module. A sample of its changes is
tried, drawn from a seed. Left out are changes that no value survives (arithmetic into
shifts and bit operations, a `|` in an annotation).
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from helpers.common import ROOT, provenance, table, write_results

PACKAGE = "src/autora/skl/darts"
#: The tests that must notice a change of a module.
TESTS = {
    "graph/primitives": ("test_primitives", "test_equations", "test_refit"),
    "fitting/refit": ("test_refit", "test_many_rows", "test_several_outputs"),
    "graph/model": ("test_equations", "test_refit", "test_exports", "test_several_outputs"),
}
TRIVIAL = re.compile(r"_(RShift|LShift|BitXor|BitOr|BitAnd)$|_BitOr_")
SEED, TIMEOUT = 0, 300


def session(home: Path, module: str, sample: int) -> Path:
    """A copy of the repository and, in it, the changes to be tried."""
    from cosmic_ray.work_db import WorkDB, use_db
    from cosmic_ray.work_item import WorkerOutcome, WorkResult

    for part in ("src", "tests"):
        shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("__py*"))
    shutil.copy(ROOT / "pyproject.toml", home)
    tests = " ".join(f"tests/{name}.py" for name in TESTS[module])
    command = f"{sys.executable} -m pytest -x -q -p no:xdist -p no:cacheprovider {tests}"
    (home / "session.toml").write_text(
        "[cosmic-ray]\n"
        f'module-path = "{PACKAGE}/{module}.py"\n'
        f"timeout = {TIMEOUT}\nexcluded-modules = []\n"
        f'test-command = "{command}"\n'
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    ray(home, "init", "session.toml", "session.sqlite")
    with use_db(home / "session.sqlite", WorkDB.Mode.open) as db:
        items = sorted(db.pending_work_items, key=_place)
        serious = [i for i in items if not TRIVIAL.search(i.mutations[0].operator_name)]
        drawn = random.Random(SEED).sample(serious, min(sample, len(serious)))
        kept = {item.job_id for item in drawn}
        for item in items:
            if item.job_id not in kept:
                db.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED))
    return home / "session.sqlite"


def _place(item: Any) -> tuple:
    """Where and what a change is: its identifier is a random one."""
    spec = item.mutations[0]
    return spec.start_pos, spec.end_pos, spec.operator_name, spec.occurrence


def ray(home: Path, *arguments: str) -> None:
    environment = {
        "PYTHONPATH": str(home / "src"),
        "PATH": str(Path(sys.executable).parent),
    }
    command = [sys.executable, "-m", "cosmic_ray.cli", *arguments]
    subprocess.run(command, cwd=home, env=environment, check=True, capture_output=True)


def tried(module: str, sample: int) -> dict[str, Any]:
    """What became of the changes of a module."""
    from cosmic_ray.work_db import WorkDB, use_db
    from cosmic_ray.work_item import TestOutcome, WorkerOutcome

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = session(home, module, sample)
        ray(home, "exec", "session.toml", "session.sqlite")
        with use_db(path, WorkDB.Mode.open) as db:
            results = [result for _, result in db.results]
    run = [r for r in results if r.worker_outcome != WorkerOutcome.SKIPPED]
    survivors = [r.diff for r in run if r.test_outcome == TestOutcome.SURVIVED]
    return {"module": module, "all": len(results), "run": len(run), "alive": survivors}


def change(diff: str) -> str:
    """The lines that differ, as one line of text."""
    lines = [line.strip() for line in diff.splitlines()]
    old = [x[1:].strip() for x in lines if x.startswith("-") and not x.startswith("---")]
    new = [x[1:].strip() for x in lines if x.startswith("+") and not x.startswith("+++")]
    return f"`{' '.join(old)}` → `{' '.join(new)}`"


def page(found: list[dict[str, Any]]) -> str:
    lines = [
        [
            f["module"],
            ", ".join(TESTS[f["module"]]),
            f["all"],
            f["run"],
            f["run"] - len(f["alive"]),
            f"{1 - len(f['alive']) / f['run']:.0%}",
        ]
        for f in found
    ]
    headers = ["module", "tests", "changes", "tried", "noticed", "share"]
    parts = [table(headers, lines)]
    for f in found:
        parts.append(f"## Not noticed in `{f['module']}`")
        parts.append("\n".join(f"- {change(diff)}" for diff in f["alive"]) or "None.")
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modules", default=",".join(TESTS))
    parser.add_argument("--sample", type=int, default=120, help="changes per module")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    about, modules = provenance(), options.modules.split(",")
    with ThreadPoolExecutor(options.jobs) as pool:
        found = list(pool.map(lambda name: tried(name, options.sample), modules))
    write_results("mutation", "Changes that the tests notice", about, page(found))


if __name__ == "__main__":
    main()
