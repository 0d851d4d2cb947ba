"""The control words of Rich Text that matter for its text: special characters, destinations, code pages."""

from __future__ import annotations

import codecs
import re

SIGNS = {
    "tab": "\t", "line": "\n", "lbr": "\n", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ", "qmspace": " ", "~": "\u00a0", "_": "\u2011",
    "{": "{", "}": "}", "\\": "\\", "nestcell": "\t", "nestrow": "\n",
}  # fmt: skip
_SKIPPED = (
    "colortbl pict objdata themedata colorschememapping datastore generator listtable listoverridetable "
    "revtbl rsidtbl xmlnstbl latentstyles pgdsctbl filetbl nonshppict shprslt xe tc tcn rxe txe private "
    "comment operator category company manager keywords doccomm hlinkbase creatim revtim printim buptim "
    "mmathPr mmathPict template bkmkstart bkmkend pntxta pntxtb ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn "
    "wgrffmtfilter background falt panose"
)
SKIPPED = frozenset(_SKIPPED.split())
"""Groups that contain no text of the document."""
_ENTERED = (
    "shpinst shptxt moMath moMathPara mmath ud annotation atnauthor fldinst formfield ffl ffname ffdeftext "
    "shppict objclass do dptxbxtext footnote"
)
ENTERED = frozenset(_ENTERED.split())
"""Groups that are read although they are marked as ignorable for old readers."""
CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437",
    255: "cp850",
}  # fmt: skip
"""Font character sets → code pages."""
CODE_PAGES = {936: "gb18030", 10000: "mac_roman", 65001: "utf-8", 1361: "johab"}
HEADING = re.compile(r"(?:heading|标题|標題|見出し|제목|überschrift|titre)\s*([1-9])$", re.IGNORECASE)
TITLES = frozenset({"title", "标题", "標題", "表題"})
HEADERS = frozenset(f"{side}{kind}" for side in ("header", "footer") for kind in ("", "l", "r", "f"))
LINK = re.compile(r'HYPERLINK\s+"?([^"\s]+)', re.IGNORECASE)


def code_page(number: int) -> str:
    """Python's name of a Windows code page; Western European for unknown ones."""
    name = CODE_PAGES.get(number, f"cp{number}")
    try:
        codecs.lookup(name)  # decoding nothing would not look it up
    except LookupError:
        return "cp1252"
    return name
