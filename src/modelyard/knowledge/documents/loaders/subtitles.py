"""SubRip, WebVTT and SubStation: lines and their speakers as paragraphs, without times, numbers and tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.documents.loaders.prose import SENTENCE_END, joined
from modelyard.knowledge.types import Block, LoadedDocument

TIMES = re.compile(r"^\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}.*$")
VOICE = re.compile(r"<v(?:\.[\w.-]{1,60})?[ \t]+([^<>\n]{1,100})>")
TAG = re.compile(r"</?[a-zA-Z][^>\n]{0,200}>|<\d[\d:.]{0,20}>|\{\\[^}\n]{0,200}\}")
OVERRIDE = re.compile(r"\{[^{}\n]{0,400}\}")
NUMBER = re.compile(r"\s*\d{1,9}\s*$")
NOT_SPEECH = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)")
LONG = 500
"""Characters after which a paragraph ends at the next end of a sentence."""
LONGEST = 1500
"""Characters after which a paragraph ends in any case."""


def load(source: Source) -> LoadedDocument:
    """Read the cues, joined to paragraphs that end with a sentence."""
    text, encoding = source.text()
    lines = text.split("\n")
    title = lines[0].removeprefix("WEBVTT").strip(" \t-") if lines[0].startswith("WEBVTT") else ""
    turns = _of_events(lines, source) if source.extension in {"ass", "ssa"} else _of_cues(lines, source)
    return LoadedDocument(list(_paragraphs(turns)), {"title": title, "encoding": encoding})


def _paragraphs(lines: Iterator[tuple[str, str]]) -> Iterator[Block]:
    """Paragraphs of speakers and lines; a speaker is named when it changes. Repeated lines are read once."""
    paragraph = last = speaker = ""
    for voice, line in lines:
        if line == last:
            continue
        last = line
        if voice != speaker and (voice or speaker):
            if paragraph:
                yield Block(paragraph)
            paragraph, speaker = "", voice
        paragraph = joined(paragraph, line) if paragraph or not voice else f"{voice}: {line}"
        if len(paragraph) > LONGEST or (len(paragraph) > LONG and SENTENCE_END.search(paragraph)):
            yield Block(paragraph)
            paragraph, speaker = "", "" if voice else speaker
    if paragraph:
        yield Block(paragraph)


def _of_cues(lines: list[str], source: Source) -> Iterator[tuple[str, str]]:
    """The speaker and the text of each line. A cue may contain blank lines; text before the first cue is read too."""
    web = lines[0].startswith("WEBVTT")
    at, voice = int(web), ""
    while web and at < len(lines) and lines[at].strip():
        at += 1  # the rest of the header
    skipping, blank = False, True
    for index in range(at, len(lines)):
        line = lines[index]
        if web and blank and NOT_SPEECH.match(line):
            skipping = True
            if line.startswith("NOTE"):
                source.note("The notes between its cues were not read.")
        elif TIMES.match(line):
            skipping, voice = False, ""
        elif not line.strip():
            skipping = False
        elif not skipping and not _names_cue(lines, index, web and blank):
            if named := VOICE.search(line):
                voice = unescape(named[1]).strip()
            if words := unescape(TAG.sub("", line)).strip():
                yield voice, words
        blank = not line.strip()


def _names_cue(lines: list[str], at: int, anything: bool) -> bool:
    """Whether a line is the number of the next cue; after a blank line in WebVTT, with `anything`, it may be its name."""
    follows = at + 1 < len(lines) and TIMES.match(lines[at + 1]) is not None
    return follows and (anything or NUMBER.match(lines[at]) is not None)


def _of_events(lines: list[str], source: Source) -> Iterator[tuple[str, str]]:
    """The dialogue of a SubStation file, whose columns are named in a separate line."""
    columns = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
    events = False
    for line in lines:
        kind, _, rest = line.partition(":")
        if line.startswith("["):
            events = line.strip().lower() == "[events]"
        elif events and kind.strip().lower() == "format":
            columns = [column.strip().lower() for column in rest.split(",")]
        elif events and kind.strip().lower() == "comment":
            source.note("The comments between its lines were not read.")
        elif events and kind.strip().lower() == "dialogue":
            cells = dict(zip(columns, (cell.strip() for cell in rest.split(",", len(columns) - 1)), strict=False))
            text = re.sub(r"\\[Nnh]", " ", OVERRIDE.sub("", cells.get("text", "")))
            if words := " ".join(text.split()):
                yield cells.get("name", ""), words
