"""Formulas as MathML, which browsers typeset without scripts or fonts from elsewhere."""

from __future__ import annotations

import re
from html import unescape
from xml.etree.ElementTree import tostring

#: Spaces between factors of which one is a word: they mean nothing to LaTeX, where 3 dose
#: becomes 3dose.
_BETWEEN_FACTORS = re.compile(
    r"(?<=\\ln) |(?<=[\w})]) (?=\\text\{)"
    r"|(?<=\})(?<!\{\}) (?=[A-Za-z0-9]|\\(?!right|cdot|sim|in\b|\\|text\{))"
)


def mathml(latex: str, text: str) -> str:
    """LaTeX as MathML; ``text`` is the formula for programs that cannot show it.

    Both may hold names of columns: nothing in them becomes markup.
    """
    from latex2mathml.converter import convert_to_element

    tree = convert_to_element(_BETWEEN_FACTORS.sub(r" \\, ", latex))
    for element in tree.iter():
        # The library leaves entities in its elements and names as they are; what is
        # written below has neither.
        element.text = element.text and unescape(element.text)
    tree.set("displaystyle", "true")
    if text:
        tree.set("alttext", text)
    return tostring(tree, encoding="unicode")
