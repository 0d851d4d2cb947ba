"""Reads the parts of an Office Open XML file (docx, xlsx, pptx) and the relations between them.

Parts are read one by one and leniently: a missing or damaged one is skipped with a note, and the document is still read.
"""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from zipfile import BadZipFile, ZipFile

from modelyard.knowledge.documents.loaders.base import DAMAGE, Source, parsing
from modelyard.knowledge.documents.loaders.office import check

OFFICE = "http://schemas.openxmlformats.org"
RELATION = f"{{{OFFICE}/officeDocument/2006/relationships}}"
"""Prefix of attributes that name a relation, such as `r:id`."""
STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/([\w/]+)")
"""Namespaces of the strict variant of the format; the usual variant has other namespaces with equal names."""
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
UNTITLED = frozenset({"PowerPoint Presentation", "python-docx", "openpyxl"})
"""Default titles and authors of programs."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A reference from a part to another part, or to an external address."""

    kind: str
    """The last word of its type: `image`, `chart`, `hyperlink` …"""
    target: str
    """The name of the part, or the address."""
    external: bool


def parser() -> Any:
    """An XML parser that neither resolves entities nor reads files."""
    from lxml import etree

    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def parse_xml(data: bytes) -> Any:
    """The root element. Raises `LxmlError` or `ValueError`, also for a document type, which entity bombs need."""
    from lxml import etree

    root = etree.fromstring(transitional(data), parser())
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("it declares a document type")
    return root


class DocumentPackage:
    """One file. Names of parts have no leading slash and are compared case-insensitively, as in Office."""

    def __init__(self, source: Source, archive: ZipFile) -> None:
        self.source = source
        self._archive = archive
        self._members = {each.filename.replace("\\", "/").lstrip("/").lower(): each for each in archive.infolist()}
        self._relations: dict[str, dict[str, Relation]] = {}
        self._roots: dict[str, Any] = {}

    def names(self, folder: str) -> list[str]:
        """The names of the parts in a folder of the file."""
        found = (each.filename.replace("\\", "/").lstrip("/") for each in self._members.values() if not each.is_dir())
        return [name for name in found if name.lower().startswith(folder.lower())]

    def main(self) -> str:
        """The main part, which refers to the others. Raises `KeyError` if there is none."""
        for relation in self.relations("").values():
            if relation.kind == "officeDocument":
                return relation.target
        raise KeyError("no main part")

    def bytes(self, name: str) -> bytes | None:
        """A part's bytes; None, with a note, if it is missing or cannot be decompressed."""
        member = self._members.get(name.lower())
        try:
            if member is not None:
                return self._archive.read(member)
        except DAMAGE:
            pass
        self.source.note(f"The part '{name}' of the file is missing or damaged, and was not read.")
        return None

    def xml(self, name: str) -> Any | None:
        """The root element of a part; None, with a note, if it cannot be read."""
        from lxml import etree

        if name not in self._roots:
            data = self.bytes(name)
            try:
                self._roots[name] = None if data is None else parse_xml(data)
            except (etree.LxmlError, ValueError) as error:
                self.source.note(f"The part '{name}' of the file is damaged, and was not read: {error}.")
                self._roots[name] = None
        return self._roots[name]

    def root(self, name: str) -> Any:
        """The root element of the main part. Raises the parsers' errors, or `BadZipFile` if it is missing."""
        data = self.bytes(name)
        if data is None:
            raise BadZipFile(f"'{name}' is missing")
        self.expect_relations(name, "the text")
        return parse_xml(data)

    def expect_relations(self, name: str, what: str) -> None:
        """Add a note if a part that always has relations has none."""
        if _relations_part(name).lower() not in self._members:
            self.source.note(f"The list of parts is missing; what stands beside {what} was not read.")

    def relations(self, name: str) -> dict[str, Relation]:
        """Id → relation of a part; the part `""` is the file itself."""
        if name not in self._relations:
            relations = _relations_part(name)
            root = self.xml(relations) if relations.lower() in self._members else None
            self._relations[name] = {} if root is None else dict(_relations(root, posixpath.dirname(name)))
        return self._relations[name]

    def related(self, name: str, *kinds: str) -> list[str]:
        """The parts of these kinds that a part refers to, in order."""
        found = (each for each in self.relations(name).values() if each.kind in kinds and not each.external)
        return list(dict.fromkeys(each.target for each in found))

    def target(self, name: str, identifier: str | None) -> str | None:
        """The part that an `r:id` in a part refers to."""
        relation = self.relations(name).get(identifier or "")
        return None if relation is None or relation.external else relation.target

    def address(self, name: str, identifier: str | None) -> str:
        """The web or mail address that an `r:id` in a part refers to; empty for other targets."""
        relation = self.relations(name).get(identifier or "")
        return web_address(relation.target) if relation is not None and relation.external else ""

    def properties(self) -> dict[str, str]:
        """Title, author and language; empty if they are missing or damaged."""
        names = [each.target for each in self.relations("").values() if each.kind == "core-properties"]
        root = self.xml(names[0]) if names and names[0].lower() in self._members else None
        if root is None:
            return {}
        tags = {"title": "title", "author": "creator", "language": "language"}
        found = {key: root.findtext(f"{DUBLIN_CORE}{tag}") or "" for key, tag in tags.items()}
        return {key: text for key, text in found.items() if text not in UNTITLED}


def _relations_part(name: str) -> str:
    """The name of a part's relations file."""
    folder, _, base = name.rpartition("/")
    return posixpath.join(folder, "_rels", f"{base}.rels")


def _relations(root: Any, folder: str) -> Iterator[tuple[str, Relation]]:
    for each in root.iterchildren("{*}Relationship"):
        target, kind = each.get("Target", ""), each.get("Type", "").rpartition("/")[2]
        external = each.get("TargetMode") == "External"
        if not external:
            path = unquote(target.replace("\\", "/").partition("#")[0])
            target = path.lstrip("/") if path.startswith("/") else posixpath.normpath(posixpath.join(folder, path))
        yield each.get("Id", ""), Relation(kind, target, external)


def transitional(data: bytes) -> bytes:
    """XML of the strict variant, with the namespaces of the usual variant."""
    if b"http://purl.oclc.org/ooxml/" not in data:
        return data
    return STRICT.sub(lambda match: b"%s/%s/2006/%s" % (OFFICE.encode(), match[1], match[2]), data)


LONGEST_ADDRESS = 200
ADDRESS = re.compile(r"(?:https?://|mailto:|ftp://)\S", re.IGNORECASE)


def web_address(target: str) -> str:
    """An address for readers, without `mailto:`; empty for targets inside the file, and for too long ones."""
    target = target.strip()
    return target.removeprefix("mailto:") if ADDRESS.match(target) and len(target) <= LONGEST_ADDRESS else ""


def with_address(text: str, address: str) -> str:
    """The text of a link followed by its address, unless the text contains it."""
    bare = address.partition("://")[2] or address
    return text if not address or bare.rstrip("/").lower() in text.lower() else f"{text.rstrip()} ({address})"


@contextmanager
def opened(source: Source, what: str) -> Iterator[DocumentPackage]:
    """Open and check the file; errors of parsers become `DocumentUnreadable`."""
    from lxml import etree

    with parsing(source, what, etree.LxmlError):
        check(source)
        with ZipFile(io.BytesIO(source.data)) as archive:
            yield DocumentPackage(source, archive)
