"""Formulas as MathML, which browsers typeset without scripts or fonts from elsewhere."""

from __future__ import annotations

from html import unescape
from xml.etree.ElementTree import tostring


def mathml(latex: str, text: str) -> str:
    """LaTeX as MathML; ``text`` is the formula for programs that cannot show it.

    Both may hold names of columns: nothing in them becomes markup.
    """
    from latex2mathml.converter import convert_to_element

    tree = convert_to_element(latex)
    for element in tree.iter():
        # The library leaves entities in its elements and names as they are; what is
        # written below has neither.
        element.text = element.text and unescape(element.text)
    tree.set("displaystyle", "true")
    if text:
        tree.set("alttext", text)
    return tostring(tree, encoding="unicode")
