"""LaTeX as MathML, safe to put into a page: only elements and attributes of mathematics come through."""

from __future__ import annotations

import html
import re
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element
from markupsafe import Markup

_ELEMENTS = re.compile(
    "math|mrow|mi|mn|mo|mtext|mspace|mfrac|msqrt|mroot|msub|msup|msubsup|munder|mover|munderover|mstyle|"
    "mpadded|mphantom|mtable|mtr|mtd"
)
_ATTRIBUTES = re.compile(
    "display|displaystyle|scriptlevel|stretchy|fence|form|separator|lspace|rspace|minsize|maxsize|largeop|"
    "movablelimits|symmetric|mathvariant|width|linethickness|accent|accentunder|columnalign|rowspacing|"
    "columnspacing"
)
_UNKNOWN = re.compile(r"\\arg(?![A-Za-z])")  # to the converter
_SPACE = re.compile(r"\\q?quad(?![A-Za-z])")


def formulas(latex: str) -> list[Markup] | None:
    """The statement in pieces, cut at its wide spaces; None if it is no LaTeX that can be converted."""
    try:
        pieces = [_element(piece) for piece in _pieces(latex)]
    except Exception:  # the converter raises whatever the text makes it run into
        return None
    told = ["".join(piece.itertext()) for piece in pieces]
    if not pieces or any("\\" in text for text in told):
        return None
    return [Markup(ElementTree.tostring(piece, encoding="unicode")) for piece in pieces]


def _pieces(latex: str) -> list[str]:
    """Cut at each space as wide as a quad that is not within braces."""
    cuts, start = [], 0
    for space in _SPACE.finditer(latex):
        before = latex[: space.start()]
        if before.count("{") == before.count("}"):
            cuts.append(latex[start : space.start()])
            start = space.end()
    return [piece.strip() for piece in (*cuts, latex[start:]) if piece.strip()]


def _element(latex: str) -> ElementTree.Element:
    element = convert_to_element(_UNKNOWN.sub(r"\\operatorname{arg}", latex), display="block")
    # The converter leaves what \text holds unescaped, and character references as they are written.
    for part in list(element.iter()):
        if not _ELEMENTS.fullmatch(part.tag):
            raise ValueError(f"<{part.tag}> is no mathematics")
        part.attrib = {k: html.unescape(v) for k, v in part.attrib.items() if _ATTRIBUTES.fullmatch(k)}
        part.text = html.unescape(part.text) if part.text else part.text
        _join_words(part)
    element.attrib = {"displaystyle": "true", "alttext": latex}
    return element


def _join_words(part: ElementTree.Element) -> None:
    """Upright letters in a row are one word: a name, to be read as such."""
    letters = list(part)
    if len(letters) > 1 and all(x.tag == "mi" and x.get("mathvariant") == "normal" for x in letters):
        part[:] = []
        part.tag, part.text = "mi", "".join(x.text or "" for x in letters)
