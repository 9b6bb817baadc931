"""A fitted estimator as a notebook shows it, and the tutorial's graph, in docs/images/.

The former is a page of its own (out/repr.html); with Chromium it becomes a picture.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageChops

from autora.skl.darts import DARTSRegressor

ROOT = Path(__file__).resolve().parent.parent
IMAGES, OUT = ROOT / "docs" / "images", ROOT / "out"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


def without_margin(path: Path, margin: int = 16) -> None:
    """Cut off what has the colour of the upper left corner."""
    picture = Image.open(path).convert("RGB")
    empty = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    left, top, right, bottom = ImageChops.difference(picture, empty).getbbox()
    box = max(0, left - margin), max(0, top - margin), right + margin, bottom + margin
    picture.crop(box).save(path, optimize=True)


def photograph(page: Path, picture: Path) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"no browser among {BROWSERS}: open {page} yourself")
        return
    look = "--window-size=900,700", "--force-device-scale-factor=2"
    options = (*OPTIONS, *look, f"--screenshot={picture}")
    subprocess.run([browser, *options, page.as_uri()], check=True, timeout=60)
    without_margin(picture)


# The estimator of docs/results.md, as a notebook shows it.
rng = np.random.default_rng(0)
X = pd.DataFrame(rng.uniform(0.5, 4, (120, 2)), columns=["dose", "delay"])
y = 3 * X["dose"] * np.exp(-0.5 * X["delay"])
y = (y + 0.02 * rng.normal(size=120)).rename("effect")
model = DARTSRegressor(n_candidates=3000, random_state=0).fit(X, y)
html = model._repr_mimebundle_()["text/html"]
OUT.mkdir(exist_ok=True)
page = OUT / "repr.html"
page.write_text(f"<!doctype html><meta charset='utf-8'><body>{html}</body>", "utf-8")
photograph(page, IMAGES / "repr.png")

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
