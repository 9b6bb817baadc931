"""Templates of pages, and pictures within them."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from markupsafe import Markup

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
#: What a picture needs; anything else is left out.
_ELEMENTS = frozenset(
    {
        "svg", "g", "defs", "clipPath", "use", "path", "rect", "circle", "ellipse", "line",
        "polyline", "polygon", "image", "text", "tspan",
    }
)  # fmt: skip
#: Dots per inch of what is drawn as pixels.
_DPI = 150


def rendered(template: str, **values: Any) -> str:
    """A page; whatever is no `Markup` is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def file_text(name: str) -> str:
    """A file beside the templates, such as a style sheet."""
    from importlib.resources import files

    return files(__package__).joinpath("templates", name).read_text("utf-8")


def digest(script: str) -> str:
    """How a page's security policy names the one script that may run."""
    code = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(code).decode()}"


def figure_svg(figure: Any, name: str) -> Markup:
    """A matplotlib figure as an element of a page, with text that can be selected.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    name : str
        A word that no other picture of the page has.
    """
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", dpi=_DPI, metadata={"Date": None})
    return inline_svg(buffer.getvalue().decode(), name)


def inline_svg(text: str, name: str) -> Markup:
    """An SVG file as an element of a page: no scripts, no links, names of its own.

    Parameters
    ----------
    text : str
    name : str
        A word that no other picture of the page has; ids begin with it.
    """
    from markupsafe import Markup

    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(text)
    _clean(root, name)
    width = root.attrib.pop("width", "")
    root.attrib.pop("height", None)
    root.set("stroke-linejoin", "round")
    root.set("aria-hidden", "true")  # its caption says what it is
    if number := re.match(r"[\d.]+", width):
        root.set("style", f"max-width: {float(number[0]) * 4 / 3:.0f}px")
    # It has been taken apart and written anew: every text in it is escaped.
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _clean(element: Any, name: str) -> None:
    for child in list(element):
        if child.tag.removeprefix(f"{{{_SVG}}}") in _ELEMENTS:
            _clean(child, name)
        else:
            element.remove(child)
    for key, value in list(element.attrib.items()):
        plain = key.removeprefix(f"{{{_XLINK}}}")
        if plain == "id":
            element.set(key, f"{name}-{value}")
        elif plain == "href" and value.startswith("#"):
            element.set(key, f"#{name}-{value[1:]}")
        elif plain == "href" and value.startswith("data:image/png;base64,"):
            continue
        elif plain == "href" or plain.lower().startswith("on"):
            del element.attrib[key]
        elif "url(" in value:
            found = re.fullmatch(r"url\(#([\w-]+)\)", value)
            element.attrib.pop(key)
            if found:
                element.set(key, f"url(#{name}-{found[1]})")
