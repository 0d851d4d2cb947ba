"""Office files put together from raw XML, for features that no library writes."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Mapping, Sequence

TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "r": TYPE,
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
    "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "cx": "http://schemas.microsoft.com/office/drawing/2014/chartex",
    "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "xdr": "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing",
    "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "a14": "http://schemas.microsoft.com/office/drawing/2010/main",
    "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
    "p188": "http://schemas.microsoft.com/office/powerpoint/2018/8/main",
    "v": "urn:schemas-microsoft-com:vml",
    "o": "urn:schemas-microsoft-com:office:office",
    "x": "urn:schemas-microsoft-com:office:excel",
}
Relations = Mapping[str, tuple[str, str]]
"""Of a part: id → kind and target; targets with a scheme are outside."""


def xml(tag: str, inner: str, default: str = "") -> str:
    """A document with all prefixes declared; `default` is the namespace of names without one."""
    spaces = "".join(f' xmlns:{prefix}="{address}"' for prefix, address in SPACES.items())
    own = f' xmlns="{default}"' if default else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><{tag}{spaces}{own}>{inner}</{tag.split()[0]}>'


def package(main: str, files: Mapping[str, str | bytes], relations: Mapping[str, Relations]) -> bytes:
    """An Office file whose main part is `main`."""
    every = {"": {"rId1": ("officeDocument", main)}, **relations}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", '<Types xmlns="urn:types"/>')
        for name, content in files.items():
            archive.writestr(name, content)
        for part, its in every.items():
            rows = "".join(_relation(each, kind, target, part) for each, (kind, target) in its.items())
            folder, _, base = part.rpartition("/")
            listed = posixpath.join(folder, "_rels", f"{base}.rels")
            archive.writestr(listed, f'<Relationships xmlns="urn:relationships">{rows}</Relationships>')
    return out.getvalue()


def _relation(name: str, kind: str, target: str, part: str) -> str:
    outside = "://" in target or target.startswith("mailto:")
    where = target if outside or not part else f"/{target}"
    mode = ' TargetMode="External"' if outside else ""
    return f'<Relationship Id="{name}" Type="{TYPE}/{kind}" Target="{where}"{mode}/>'


def word(body: str, files: Mapping[str, str | bytes] | None = None, relations: Relations | None = None) -> bytes:
    """A docx; `relations` are those of the document itself."""
    document = xml("w:document", f"<w:body>{body}</w:body>")
    name = "word/document.xml"
    return package(name, {name: document, **(files or {})}, {name: relations or {}})


def run(text: str) -> str:
    """A run of Word."""
    return f"<w:r><w:t>{text}</w:t></w:r>"


def para(text: str) -> str:
    """A paragraph of Word."""
    return f"<w:p>{run(text)}</w:p>"


def sheets(
    cells: Sequence[tuple[str, str]],
    files: Mapping[str, str | bytes] | None = None,
    relations: Mapping[str, Relations] | None = None,
) -> bytes:
    """An xlsx of sheets: attributes of the sheet's entry and the XML within its `worksheet`."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    every: dict[str, str | bytes] = dict(files or {})
    its = {"xl/workbook.xml": {f"s{at}": ("worksheet", f"xl/sheet{at}.xml") for at in range(1, len(cells) + 1)}}
    its["xl/workbook.xml"] |= (relations or {}).get("xl/workbook.xml", {})
    entries = ""
    for at, (entry, inner) in enumerate(cells, 1):
        entries += f'<sheet r:id="s{at}" sheetId="{at}" {entry}/>'
        every[f"xl/sheet{at}.xml"] = xml("worksheet", inner, space)
    every["xl/workbook.xml"] = xml("workbook", f"<sheets>{entries}</sheets>", space)
    return package("xl/workbook.xml", every, {**(relations or {}), **its})


def deck(
    slides: Sequence[str],
    files: Mapping[str, str | bytes] | None = None,
    relations: Mapping[str, Relations] | None = None,
    attributes: Sequence[str] = (),
) -> bytes:
    """A pptx of slides: the shapes of each, and attributes of its root."""
    every: dict[str, str | bytes] = dict(files or {})
    its: dict[str, tuple[str, str]] = {}
    entries = ""
    for at, shapes in enumerate(slides, 1):
        its[f"s{at}"] = ("slide", f"ppt/slides/slide{at}.xml")
        entries += f'<p:sldId id="{255 + at}" r:id="s{at}"/>'
        own = attributes[at - 1] if at <= len(attributes) else ""
        every[f"ppt/slides/slide{at}.xml"] = xml(f"p:sld {own}", f"<p:cSld><p:spTree>{shapes}</p:spTree></p:cSld>")
    every["ppt/presentation.xml"] = xml("p:presentation", f"<p:sldIdLst>{entries}</p:sldIdLst>")
    none: dict[str, Relations] = {name: {} for name in every if name.startswith("ppt/slides/")}
    return package("ppt/presentation.xml", every, {**none, **(relations or {}), "ppt/presentation.xml": its})


def shape(text: str, head: str = "<p:cNvPr id='2' name='x'/>", place: str = "") -> str:
    """A shape of a slide with paragraphs, one for each line."""
    lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    return f"<p:sp><p:nvSpPr>{head}<p:cNvSpPr/><p:nvPr>{place}</p:nvPr></p:nvSpPr><p:txBody>{lines}</p:txBody></p:sp>"


def points(texts: Sequence[str]) -> str:
    """The values that a chart keeps."""
    return "".join(f'<c:pt idx="{at}"><c:v>{text}</c:v></c:pt>' for at, text in enumerate(texts))


def chart() -> str:
    """A chart part: a title, an axis, two series over the same categories."""
    title = "<c:title><c:tx><c:rich><a:p><a:r><a:t>{}</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    series = (
        "<c:ser><c:tx><c:strRef><c:strCache>{}</c:strCache></c:strRef></c:tx><c:cat><c:strRef><c:strCache>{}"
        "</c:strCache></c:strRef></c:cat><c:val><c:numRef><c:numCache>{}</c:numCache></c:numRef></c:val></c:ser>"
    )
    categories = points(["East", "West"])
    both = series.format(points(["2023"]), categories, points(["1", "2"]))
    both += series.format(points(["2024"]), categories, points(["3", "4"]))
    plot = f"<c:plotArea><c:barChart>{both}</c:barChart><c:valAx>{title.format('Tons')}</c:valAx></c:plotArea>"
    return xml("c:chartSpace", f"<c:chart>{title.format('Harvest')}{plot}</c:chart>")


CHART = "Chart: Harvest\nAxis: Tons\n\n|  | 2023 | 2024 |\n| --- | --- | --- |\n| East | 1 | 3 |\n| West | 2 | 4 |"
"""What is read of `chart`."""


def diagram() -> str:
    """The model of a SmartArt graphic."""
    point = "<dgm:pt {}><dgm:t><a:p><a:r><a:t>{}</a:t></a:r></a:p></dgm:t></dgm:pt>"
    between = point.format('type="sibTrans"', "no")
    return xml("dgm:dataModel", f"<dgm:ptLst>{point.format('', 'Plan')}{between}{point.format('', 'Do')}</dgm:ptLst>")
