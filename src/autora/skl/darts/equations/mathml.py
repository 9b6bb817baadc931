"""LaTeX of equations as MathML, which browsers typeset without a script or a network."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

#: Elements that can be factors of a product.
_FACTORS = frozenset(
    {"mi", "mn", "mtext", "mrow", "msub", "msup", "msubsup", "mfrac", "msqrt", "mroot"}
)
_SIGNS = ("−", "+")
#: How the converter writes characters.
_CHARACTER = re.compile(r"&#x([0-9A-Fa-f]+);")


def mathml(latex: str, text: str = "", block: bool = False) -> str:
    r"""A formula as a ``<math>`` element that is safe in HTML, whatever its names are.

    Parameters
    ----------
    latex : str
        As `printing.text` and `printing.latex_name` write it.
    text : str, default=""
        The formula for programs that cannot show it.
    block : bool, default=False
        Whether it stands on a line of its own.

    Examples
    --------
    >>> mathml(r"\text{<b>} = 2 x").count("<b>")
    0
    """
    from latex2mathml.converter import convert_to_element

    # Not `convert`, which undoes the escapes of XML, those in names included.
    found = convert_to_element(latex, display="block" if block else "inline")
    found.set("displaystyle", "true")
    if text:
        found.set("alttext", text)
    for element in found.iter():
        if element.text:
            element.text = _CHARACTER.sub(lambda m: chr(int(m[1], 16)), element.text)
        if element.tag == "mo" and (element.text or "").isalpha():
            element.tag = "mi"  # logistic, max: functions, no operators between two things
    for element in list(found.iter()):
        if element.tag in ("math", "mrow"):
            _space(element)
    return ElementTree.tostring(found, encoding="unicode")


def _space(element: Any) -> None:
    """Room between factors, which LaTeX separates only where they are single letters.

    None between a sign and the number that it belongs to.
    """
    children = list(element)
    for i in range(len(children) - 1, 0, -1):
        before, here = children[i - 1 : i + 1]
        if here.tag == "mo" and here.text in _SIGNS and before.get("form") == "prefix":
            here.set("form", "prefix")
        elif _room(before, here):
            both = before.tag == here.tag == "mn"
            between = ElementTree.Element("mo" if both else "mspace")
            if both:
                between.text = "·"
            else:
                between.set("width", "0.2em")
            element.insert(i, between)


def _room(before: Any, here: Any) -> bool:
    """Whether two things are factors, or a function and an argument without brackets."""
    if before.tag == "mi" and len(before.text or "") > 1:
        return here.tag in _FACTORS and here.tag != "mrow"
    return _is_factor(before) and _is_factor(here)


def _is_factor(element: Any) -> bool:
    if element.tag == "mi":  # else a sign in a name
        return (element.text or "").isalnum()
    return element.tag in _FACTORS
