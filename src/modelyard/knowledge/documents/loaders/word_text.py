"""Reads the text of a Word paragraph: runs, field results, form fields, links, symbols and equations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from modelyard.knowledge.documents.loaders import omml
from modelyard.knowledge.documents.loaders.numbering import W
from modelyard.knowledge.documents.loaders.package import RELATION, web_address, with_address

_DROPPED = "del moveFrom delText rPr pPr sdtPr sdtEndPr txbxContent fldData rt"
DROPPED = frozenset(f"{W}{name}" for name in _DROPPED.split())
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
SIGNS = {f"{W}tab": "\t", f"{W}ptab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-"}
MATH = frozenset({f"{omml.M}oMath", f"{omml.M}oMathPara"})
SYMBOLS = {
    **dict.fromkeys((0x6F, 0xA8, 0x71, 0x72), "☐"),
    **dict.fromkeys((0xFE, 0x52), "☑"),
    **dict.fromkeys((0xFD, 0x78, 0x54), "☒"),
    0xFC: "✓",
    0xFB: "✗",
    0xE0: "→",
    0xDF: "←",
    0xE8: "➔",
    0xF0: "⇨",
    0xB7: "•",
    0xA7: "▪",
    0x6C: "●",
    0x6E: "■",
}
"""Characters of Wingdings with a meaning."""
GREEK = dict(
    zip(
        b"abgdezhqiklmnxoprstufcywABGDEZHQIKLMNXOPRSTUFCYW",
        "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
        strict=True,
    )
)
SYMBOL_FONT = {
    **GREEK,
    0xB1: "±",
    0xA3: "≤",
    0xB3: "≥",
    0xB0: "°",
    0xB4: "×",
    0xB8: "÷",
    0xB9: "≠",
    0xBB: "≈",
    0xA5: "∞",
}
LINK = re.compile(r'HYPERLINK\s+"([^"]*)"', re.IGNORECASE)


class WordInline:
    """Reads paragraphs of one part; `link` returns the address of a relation id, `note` receives notes."""

    def __init__(self, link: Callable[[str | None], str], note: Callable[[str], None]) -> None:
        self._link = link
        self._note = note
        self._hidden = False
        self._fields: list[list[str]] = []
        """The instructions of the open fields, which may continue across paragraphs."""

    def text(self, element: Any) -> str:
        """The text of the runs, without deletions, field instructions and text boxes."""
        parts: list[str] = []
        stack: list[Any] = [element]
        while stack:
            each = stack.pop()
            if isinstance(each, tuple):
                start, address = each
                parts[start:] = [with_address("".join(parts[start:]), address)]
            elif each.tag in DROPPED or each.tag == FALLBACK or not isinstance(each.tag, str):
                self._watch(each)
            elif (text := self._own_text(each)) is not None:
                parts.append(text)
            else:
                if each.tag == f"{W}hyperlink" and (address := self._link(each.get(f"{RELATION}id"))):
                    stack.append((len(parts), address))
                stack.extend(reversed(each))
        return "".join(parts)

    def _watch(self, dropped: Any) -> None:
        """Note once that a document has hidden text, which is read like other text."""
        if dropped.tag == f"{W}rPr" and not self._hidden:
            hidden = dropped.find(f"{W}vanish")
            if hidden is not None and hidden.get(f"{W}val", "1") not in {"0", "false", "off"}:
                self._hidden = True
                self._note("It has hidden text, which was read.")

    def _own_text(self, each: Any) -> str | None:
        """The text of an element that has its own; None for one whose children are read."""
        if each.tag == f"{W}t":
            return each.text or ""
        if each.tag in SIGNS:
            return SIGNS[each.tag]
        if each.tag in MATH:
            return omml.linear(each).strip()
        if each.tag == f"{W}sym":
            return self._symbol(each)
        if each.tag == f"{W}fldChar":
            return self._field(each)
        if each.tag == f"{W}instrText":
            if self._fields:
                self._fields[-1].append(each.text or "")
            return ""
        return None

    def _symbol(self, each: Any) -> str:
        code, font = each.get(f"{W}char", ""), each.get(f"{W}font", "").lower()
        try:
            number = int(code, 16)
        except ValueError:
            return ""
        known = SYMBOL_FONT if font == "symbol" else SYMBOLS if font.startswith("wingdings") else {}
        if found := known.get(number & 0xFF if 0xF000 <= number <= 0xF0FF else number):
            return found
        if 0xF000 <= number <= 0xF0FF or number > 0xFFFF:
            self._note(f"A symbol of the font '{each.get(f'{W}font', '')}' has no text.")
            return ""
        return chr(number)

    def _field(self, each: Any) -> str:
        """The text that a field adds to its result: at its beginning a form field's state, at its end a link's address."""
        kind = each.get(f"{W}fldCharType")
        if kind == "begin":
            self._fields.append([])
            return _form(each.find(f"{W}ffData"))
        if kind == "end" and self._fields:
            instruction = "".join(self._fields.pop())
            found = LINK.search(instruction)
            address = web_address(found[1]) if found else ""
            return f" ({address})" if address else ""
        return ""


def _form(data: Any | None) -> str:
    """A check box, or the selected entry of a list; the text of a text field is its result."""
    if data is None:
        return ""
    box, choices = data.find(f"{W}checkBox"), data.find(f"{W}ddList")
    if box is not None:
        state = box.find(f"{W}checked")
        state = box.find(f"{W}default") if state is None else state
        return "☐" if state is None or state.get(f"{W}val", "1") in {"0", "false", "off"} else "☒"
    if choices is not None:
        entries = [each.get(f"{W}val", "") for each in choices.iterchildren(f"{W}listEntry")]
        chosen = choices.find(f"{W}result")
        chosen = choices.find(f"{W}default") if chosen is None else chosen
        at = "0" if chosen is None else chosen.get(f"{W}val", "0")
        return entries[int(at)] if at.isdigit() and int(at) < len(entries) else ""
    return ""
