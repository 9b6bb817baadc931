"""The page that the recovery benchmark writes."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from helpers.common import table
from helpers.paired import Row, pair
from helpers.runs import Store

METHOD = """\
*Strict*: relative mean squared error ≤ 1e-16 in sample, R² > 1 − 1e-8 on fresh rows and on
rows from ranges 1.5 times as wide, at most 10 edges (others: any length). *Symbolic*:
SRBench's rule, with constants rounded to three decimals f − f* or f / f* is a constant.
R² is that of fresh rows. The budget of a fit on one core is in core-seconds; on more it is
in seconds, and CPU seconds are seconds times cores. Ours and gplearn's end early once they
are exact, Operon and the peer take their time. Times to the solution are compared where
both systems solve. Imports and compilers are warm. A fit that fails counts as not
solved."""
WITHIN = (1.0, 2.0)


def about(store: Store) -> dict[str, str]:
    """Provenance of all runs behind the results, the last one first."""
    runs = store.origins()
    if not runs:
        return {}
    last = {**runs[-1]}
    earlier = Counter(f"{run['Date']}, {run['Commit']}" for run in runs[:-1])
    if earlier:
        last["Earlier runs"] = "; ".join(earlier)
    return last


def names(rows: Iterable[Row], column: str = "system") -> list[str]:
    """Distinct values in order of appearance."""
    return list(dict.fromkeys(row[column] for row in rows))


def share(rows: Sequence[Row], column: str) -> str:
    """Such as "12 (40 %)"."""
    count = sum(bool(row.get(column)) for row in rows)
    return f"{count} ({100 * count / len(rows):.0f} %)" if rows else ""


def median(rows: Iterable[Row], column: str) -> str:
    values = [row[column] for row in rows if row[column] is not None]
    return f"{statistics.median(values):.2f}" if values else ""


def mean(rows: Iterable[Row], column: str) -> str:
    values = [row[column] for row in rows if row[column] is not None]
    return f"{statistics.mean(values):.2f}" if values else ""


def _summary(rows: list[Row], solved: str) -> str:
    headers = ["system", "fits", "strict", "symbolic", "R² > .999"]
    headers += ["mean s", "median s", "mean CPU s"]
    headers += [f"solved ≤ {t:g} CPU s" for t in WITHIN] + ["failed", "SymPy gave up"]
    lines = []
    for system in names(rows):
        own = [row for row in rows if row["system"] == system]
        hits = [row for row in own if row[solved]]
        cells = [system, len(own)]
        cells += [share(own, column) for column in ("strict", "symbolic", "good")]
        cells += [mean(own, "wall"), median(own, "wall"), mean(own, "cpu")]
        cells += [sum(row["cpu"] <= t for row in hits) for t in WITHIN]
        cells += [sum("error_text" in row for row in own)]
        lines.append([*cells, sum("symbolic_note" in row for row in own)])
    return table(headers, lines)


def _suites(rows: list[Row], solved: str) -> str:
    systems = names(rows)
    columns = (solved, "R² > .999")
    headers = ["suite", *(f"{s}: {what}" for s in systems for what in columns)]
    lines = []
    for suite in names(rows, "suite"):
        line: list[Any] = [suite]
        for system in systems:
            own = [r for r in rows if r["system"] == system and r["suite"] == suite]
            line += [share(own, solved), share(own, "good")]
        lines.append(line)
    return table(headers, lines)


def pairs(rows: list[Row], solved: str) -> str:
    """Every two systems on the problems of both; `pairs_note` says what the words mean."""
    headers = ["A", "B", "fits", "only A", "only B", "p", "p over problems"]
    headers += ["both", "seconds B ÷ A", "CPU B ÷ A", "A sooner", "p", "exact B ÷ A"]
    lines = []
    for first, second in combinations(names(rows), 2):
        r = pair(rows, first, second, solved)
        if r.count:
            cells = [first, second, r.count, r.first, r.second]
            cells += [f"{r.p:.2g}", f"{r.p_problems:.2g}", r.both]
            if r.both:
                cells += [f"{r.ratio_wall:.2f}", f"{r.ratio_cpu:.2f}", r.sooner]
                known = not math.isnan(r.ratio_exact)
                cells += [f"{r.p_sooner:.2g}", f"{r.ratio_exact:.2f}" if known else ""]
            lines.append(cells + [""] * (len(headers) - len(cells)))
    return table(headers, lines) if lines else ""


def pairs_note(solved: str) -> str:
    return (
        f"Solved means {solved}. p: two-sided sign test over (problem, seed), and over "
        "problems, as seeds of one problem are not independent. Ratios are medians over "
        "what both solve; sooner is by CPU seconds. Exact: CPU seconds until the search "
        "first had a graph that is exact in sample, or all of the fit if only its end made "
        "one exact; the rest of a fit looks for a simpler one."
    )


def unsolved(rows: list[Row], solved: str) -> str:
    """What each system did not solve in every seed."""
    parts = []
    for system in names(rows):
        own = [row for row in rows if row["system"] == system]
        hits = Counter(row["problem"] for row in own if row[solved])
        fits = Counter(row["problem"] for row in own)
        missed = [
            f"{problem} ({hits[problem]}/{n})" if hits[problem] else problem
            for problem, n in fits.items()
            if hits[problem] < n
        ]
        parts.append(f"- {system}: {', '.join(missed) or 'none'}")
    return "\n".join(parts)


def _exploits(rows: list[Row]) -> str:
    """Fits that no numerical test tells from the law although they are another formula.

    In double precision c / (c·exp(x) + 1) with a huge c is exp(−x).
    """
    odd = [row for row in rows if row["strict"] and not row["symbolic"]]
    return "\n".join(
        f"- {r['system']}, {r['problem']}, seed {r['seed']}: `{one_line(r['equation'])}`"
        + (f" ({r['symbolic_note']})" if "symbolic_note" in r else "")
        for r in odd
    )


def one_line(equation: str, longest: int = 300) -> str:
    lines = equation.removeprefix("Model:").strip().splitlines()
    return "; ".join(line.strip() for line in lines)[:longest]


def failures(rows: list[Row]) -> str:
    """Fits that gave nothing, and why."""
    failed = [row for row in rows if "error_text" in row]
    return "\n".join(
        f"- {r['system']}, {r['problem']}, seed {r['seed']}: `{r['error_text'][:300]}`"
        for r in failed
    )


def curves(rows: list[Row], path: Path) -> None:
    """Draw which share of the fits was solved within how many CPU seconds."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    longest = max((row["cpu"] for row in rows if row["cpu"]), default=1.0)
    for system in names(rows):
        own = [row for row in rows if row["system"] == system]
        times = sorted(row["cpu"] for row in own if row["strict"])
        shares = [100 * (i + 1) / len(own) for i in range(len(times))]
        # The last share holds until the end of the budget.
        x, y = [*times, longest], [*shares, *(shares[-1:] or [0])]
        axes.step(x, y, where="post", label=system)
    axes.set(xscale="log", xlabel="CPU seconds", ylabel="strict, % of fits", ylim=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    # The same fits give the same file.
    plt.rcParams["svg.hashsalt"] = path.stem
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def by_commit(rows: list[Row]) -> str:
    """A paragraph on which commit the fits are of, where they are of several."""
    commits = Counter((row["system"], row["commit"]) for row in rows)
    if len({commit for _, commit in commits}) < 2:
        return ""
    mixed = [f"{s} at {c}: {n}" for (s, c), n in commits.items()]
    return f"\n\nFits by commit: {'; '.join(mixed)}."


def page(rows: list[Row], noisy: bool, name: str = "") -> str:
    """The body of the page; ``name`` is that of the results, whose curves it shows.

    With noise there are none: every fit takes its whole budget.
    """
    if not rows:
        return "No results yet."
    solved = "symbolic" if noisy else "strict"
    method = METHOD
    if noisy:
        method += "\n\nWith noise no fit is exact: only *symbolic* and R² count."
    method += by_commit(rows)
    compared = pairs(rows, solved)
    sections = {
        "By suite": _suites(rows, solved),
        "Pairs": f"{compared}\n\n{pairs_note(solved)}" if compared else "",
        "Not solved (in every seed)": unsolved(rows, solved),
        "Strict but not symbolic": "" if noisy else _exploits(rows),
        "Failures": failures(rows),
    }
    parts = [method, _summary(rows, solved)]
    parts += [f"![Share solved against time]({name}.svg)"] if name and not noisy else []
    parts += [f"## {title}\n\n{text}" for title, text in sections.items() if text]
    return "\n\n".join(parts)
