"""Data files with something wrong in them: what the command line's reader does with each.

    python benchmarks/fuzz_data_files.py [--executions 20000] [--seed 0]

Tables are written in every usual form (separators, decimal marks, encodings, line ends,
quotation marks) and must be read to the last bit. Then they are changed at random, in
their bytes and in their cells, or replaced by noise. Each must either be refused with
`DataFileError`, in one line that can be shown, or give distinct names that can be shown and
finite numbers. Anything else is a failure: another exception, more than ten seconds, more
than 2 GiB of memory, or code that is compiled, imported or run, a file opened or a process
started while the file is read (seen by an audit hook).
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import itertools
import random
import sys
import time
import traceback
from collections import Counter
from typing import Any

import numpy as np

import fuzz_model_files as shared
from autora.skl.darts.cli.text_files import Form, read_table
from autora.skl.darts.cli.text_tables import DataFileError, Table
from helpers.common import provenance, table, write_results

NAMES = ["dose", "delay (s)", "Größe", "y"]
#: What takes the place of cells, and of pieces of them.
NASTY = [
    "", " ", "NA", "nan", "inf", "-inf", "1e999", "-1e-999", "9" * 400, "1_000", "0x10",
    "1,5", "1.5", "1.234,5", "1,234.5", "1 000", "٣", "½", "−1", "1e", "+-1", ".", "e5",
    "true", "None", "'", '"', '""', '"\n"', "\n", "\r", "\t", ";", ",", "|", "a\nb",
    "lambda", "x[0]", "__import__('os').system('true')", "=1+1", "@SUM(1)", "${x}",
    "<script>", "\\input{x}", "\x1b[31m", "\u202e", "\u2028", "\x85", "\x1a", "\x00",
    "\ufeff", "é", "x" * 300, "x" * 200_000, "," * 12_000, "#", "-", "?", "%s%n",
]  # fmt: skip
FORMS = [
    (separator, decimal, encoding, end, quoting)
    for separator, decimal, encoding, end, quoting in itertools.product(
        ",;\t ",
        ".,",
        ("utf-8", "utf-8-sig", "utf-16", "cp1252"),
        ("\n", "\r\n", "\r"),
        (csv.QUOTE_MINIMAL, csv.QUOTE_ALL),
    )
    if not separator == decimal == ","
]


def rows(rng: random.Random) -> tuple[list[str], list[list[float]]]:
    """A table with a target that depends on its inputs."""
    count = rng.choice((2, 3, 8, 30))
    scale = rng.choice((1e-200, 1, 1, 1e9))
    values = [
        [rng.uniform(-1, 1) * scale, rng.gauss(0, 1), rng.choice((0.5, 1.5))]
        for _ in range(count)
    ]
    return NAMES, [[*row, row[0] + row[1]] for row in values]


def written(names: list[str], values: Any, form: tuple[str, str, str, str, int]) -> bytes:
    """The file of a table."""
    separator, decimal, encoding, end, quoting = form
    if separator == " ":
        names = [name.replace(" ", "_") for name in names]
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerow(names)
    for row in values:
        writer.writerow([repr(value).replace(".", decimal) for value in row])
    return file.getvalue().encode(encoding)


def _bytes_changed(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at, length = rng.randrange(len(data)), rng.choice((1, 1, 2, 8, 100))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.choice(b"0123456789+-.eE,;\t \r\n\"'\x00")
        elif kind == 2 and len(data) > 2 * length:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        else:
            data[at:at] = rng.randbytes(length)
    return bytes(data)


def _cells_changed(rng: random.Random) -> bytes:
    """Cells and names replaced, rows of other lengths, names twice."""
    names, values = rows(rng)
    lines = [list(names), *([repr(v) for v in row] for row in values)]
    for _ in range(rng.choice((1, 1, 2, 4))):
        line = rng.choice((lines[0], rng.choice(lines)))
        at, kind = rng.randrange(len(line)) if line else 0, rng.randrange(6)
        if not line or kind == 0:
            line.append(rng.choice(NASTY))
        elif kind == 1:
            del line[at]
        elif kind == 2:
            line[at] = rng.choice(line)
        elif kind == 3:
            line[at] += rng.choice(NASTY)
        else:
            line[at] = rng.choice(NASTY)
    separator, end = rng.choice(",;\t"), rng.choice(("\n", "\r\n", "\r"))
    if rng.random() < 0.5:
        text = end.join(separator.join(line) for line in lines)
    else:
        file = io.StringIO()
        csv.writer(file, delimiter=separator, lineterminator=end).writerows(lines)
        text = file.getvalue()
    encoding = rng.choice(("utf-8", "utf-8", "utf-16", "cp1252"))
    return text.encode(encoding, errors="replace")


def mutated(rng: random.Random) -> bytes:
    """A file with something wrong in it, or perhaps nothing."""
    kind = rng.randrange(10)
    if kind == 0:
        return rng.randbytes(rng.choice((0, 1, 10, 1000, 100_000)))
    if kind == 1:
        letters = "01.,;\t \n\r\"'ae-"
        return "".join(rng.choices(letters, k=rng.choice((1, 5, 30, 500)))).encode()
    if kind < 6:
        return _cells_changed(rng)
    return _bytes_changed(written(*rows(rng), rng.choice(FORMS)), rng)


ENCODINGS = (None, "utf-8", "latin-1", "utf-16", "ascii", "zip", "nothing")


def chosen_form(rng: random.Random) -> Form:
    """What a user may have said about a file: mostly nothing."""
    if rng.random() < 0.7:
        return Form()
    return Form(
        rng.choice((None, ",", ";", "\t", r"\s+", "|")),
        rng.choice((None, ".", ",")),
        rng.choice(ENCODINGS),
        rng.random() < 0.5,
    )


def judge(content: bytes, form: Form = Form()) -> shared.Outcome:  # noqa: B008
    """Read the file; use what came of it."""
    try:
        with shared.watched() as events:
            try:
                _use(read_table(content, form))
                outcome = shared.Outcome("accepted", "")
            except DataFileError as error:
                outcome = shared.Outcome("refused", str(error))
        if events:
            return shared.Outcome("failed", f"while reading: {events}")
        if not outcome.detail.isprintable() or len(outcome.detail) > 10_000:
            return shared.Outcome("failed", f"no line to be shown: {outcome.detail!r}")
    except Exception:
        return shared.Outcome("failed", traceback.format_exc())
    return outcome


def _use(table: Table) -> None:
    names = table.names
    if len(set(names)) < len(names) or not all(n and n.isprintable() for n in names):
        raise AssertionError(f"names {names!r}")
    some = names[:20]
    complete = table.complete(table.numeric_names()[:20], drop=True)
    found = complete.numbers(table.numeric_names()[:20]).to_numpy()
    if not np.isfinite(found).all() or len(found) > len(table.cells):
        raise AssertionError("numbers that are not finite")
    with contextlib.suppress(DataFileError):  # what are numbers need not be classes
        complete.complete([], some[-1:], drop=True).classes(some[-1])
    table.find(some)
    table.complete(some)
    table.numbers(some)


def exact(seed: int) -> int:
    """Every form of a few tables is read to the last bit; how many files that were."""
    rng, count = random.Random(seed), 0
    for _ in range(4):
        names, values = rows(rng)
        for form in FORMS:
            table = read_table(written(names, values, form))
            found = table.numbers(table.names).to_numpy()
            if not np.array_equal(found, values):
                raise AssertionError(f"{form}: {found} instead of {values}")
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--executions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    about, forms = provenance(), exact(asked.seed)
    rng = random.Random(asked.seed)
    for _ in range(200):
        judge(mutated(rng), chosen_form(rng))  # what is imported only once
    sys.addaudithook(shared.audit)
    shared._limit_memory()
    counts: Counter[str] = Counter()
    messages: set[str] = set()
    slowest, begin = 0.0, time.monotonic()
    for _ in range(asked.executions):
        content, form = mutated(rng), chosen_form(rng)
        start = time.monotonic()
        outcome = shared._limited(lambda c=content, f=form: judge(c, f))
        slowest = max(slowest, time.monotonic() - start)
        counts[outcome.kind] += 1
        if outcome.kind == "refused":
            messages.add("".join(c for c in outcome.detail if not c.isdigit()))
        if outcome.kind == "failed":
            print(outcome.detail, "\n", content[:3000], file=sys.stderr)
    lines = [
        ("right, in every usual form; read to the last bit", f"{forms:,}"),
        ("executed", f"{sum(counts.values()):,}"),
        ("refused with `DataFileError`", f"{counts['refused']:,}"),
        ("accepted; names distinct, numbers finite", f"{counts['accepted']:,}"),
        ("anything else", f"**{counts['failed']:,}**"),
        ("different messages, apart from numbers", f"{len(messages):,}"),
        ("slowest file", f"{slowest:.2f} s"),
        ("whole run", f"{time.monotonic() - begin:.0f} s"),
    ]
    note = (
        f"Seed {asked.seed}. Mutations: bits, bytes and slices; cells and names replaced, "
        "repeated and left out; noise. Three in ten files are read with options that "
        "may not suit them. Limits: "
        f"{shared.SECONDS} s and {shared.MEMORY // 2**30} GiB a file."
    )
    body = f"{table(['', 'files'], lines)}\n\n{note}"
    title = "Data files with something wrong in them"
    write_results("fuzz_data_files", title, about, body)
    sys.exit(bool(counts["failed"]))


if __name__ == "__main__":
    main()
