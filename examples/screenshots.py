"""A fitted estimator as a notebook shows it, its pages, a graph, the documentation.

All go to docs/images/. The first are pages of their own (out/repr.html, out/report.html,
out/explore.html), the last are pages that `python3 dev.py docs` made; with Chromium they
become pictures.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageChops

from autora.skl.darts import DARTSRegressor, write_explorer, write_report

ROOT = Path(__file__).resolve().parent.parent
IMAGES, OUT = ROOT / "docs" / "images", ROOT / "out"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGES = ("index", "tutorial", "gallery", "parameters", "results", "how_it_works")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


def without_margin(path: Path, margin: int = 16) -> None:
    """Cut off what has the colour of the upper left corner."""
    picture = Image.open(path).convert("RGB")
    empty = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    left, top, right, bottom = ImageChops.difference(picture, empty).getbbox()
    box = max(0, left - margin), max(0, top - margin), right + margin, bottom + margin
    picture.crop(box).save(path, optimize=True)


def photograph(page: Path, picture: Path, size: str = "900,700", scale: int = 2) -> bool:
    """Whether there was a browser to do it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"no browser among {BROWSERS}: open {page} yourself")
        return False
    look = f"--window-size={size}", f"--force-device-scale-factor={scale}"
    options = (*OPTIONS, *look, f"--screenshot={picture}")
    command = [browser, *options, page.as_uri()]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    return True


def documentation(picture: Path, tile: tuple[int, int] = (480, 375), gap: int = 8) -> None:
    """The beginnings of some pages side by side, if the site has been built."""
    pages = [OUT / "site" / f"{name}.html" for name in PAGES]
    if not all(page.exists() for page in pages):
        print("no documentation in out/site: run `python3 dev.py docs` first")
        return
    steps = [side + gap for side in tile]
    all_pages = Image.new("RGB", (3 * steps[0] - gap, 2 * steps[1] - gap), "#d8dee6")
    for i, page in enumerate(pages):
        shot = OUT / "page.png"
        if not photograph(page, shot, "1280,1000", 1):
            return
        small = Image.open(shot).convert("RGB").resize(tile, Image.Resampling.LANCZOS)
        all_pages.paste(small, (i % 3 * steps[0], i // 3 * steps[1]))
    all_pages.quantize(96).save(picture, optimize=True)


# The estimator of docs/results.md, as a notebook shows it.
rng = np.random.default_rng(0)
X = pd.DataFrame(rng.uniform(0.5, 4, (120, 2)), columns=["dose", "delay"])
y = 3 * X["dose"] * np.exp(-0.5 * X["delay"])
y = (y + 0.02 * rng.normal(size=120)).rename("effect")
model = DARTSRegressor(n_candidates=3000, random_state=0).fit(X, y)
html = model._repr_mimebundle_()["text/html"]
OUT.mkdir(exist_ok=True)
page = OUT / "repr.html"
look = "font-family:sans-serif"  # as in JupyterLab
page.write_text(
    f"<!doctype html><meta charset='utf-8'><body style='{look}'>{html}</body>", "utf-8"
)
if photograph(page, IMAGES / "repr.png"):
    without_margin(IMAGES / "repr.png")

# A report of it, and the page to play with.
command = "autora-darts fit trial.csv --target effect --report report.html"
write_report(model, OUT / "report.html", X, y, warnings_of_fit=[], command=command)
write_explorer(model, OUT / "explore.html", X, y)
for name, size in (("report", "860,1390"), ("explore", "1240,960")):
    if photograph(OUT / f"{name}.html", IMAGES / f"{name}.png", size, 1):
        picture = Image.open(IMAGES / f"{name}.png").convert("RGB")
        picture.quantize(200).save(IMAGES / f"{name}.png", optimize=True)

# The graph that the tutorial's settings find.
side = np.linspace(0, 1, 10)
X = np.array(np.meshgrid(side, side)).T.reshape(-1, 2)
tutorial = DARTSRegressor(
    num_graph_nodes=1,
    primitives=["none", "add", "subtract", "mult", "logistic", "exp", "relu"],
    random_state=0,
).fit(X, 2 * X[:, 0] + np.exp(5 * X[:, 1]))
graph = tutorial.visualize_model()
graph.render(IMAGES / "tutorial-published", format="png", cleanup=True)

documentation(IMAGES / "documentation.png")
