"""`modelyard kb search` and `ask`: searches knowledge bases, and answers questions from them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.conversation import Printer
from modelyard.cli.output import json_option, note, print_json, print_table, printable
from modelyard.core.wording import clean, reason

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.knowledge_types import ExplainedCandidateDict, ExplanationDict, HitDict

SNIPPET = 300
"""Maximum characters of a hit that are shown."""
MODES = click.Choice(["hybrid", "lexical", "vector"])


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object on the command line."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """Parse the JSON object."""
        try:
            found = json.loads(value)
        except ValueError as error:
            self.fail(f"it is no JSON: {reason(error)}.", param, ctx)
        if not isinstance(found, dict):
            self.fail('it must be a JSON object, such as {"year": 2024}.', param, ctx)
        return found


def names_and_text(words: tuple[str, ...], what: str) -> tuple[list[str], str]:
    """Split the words into the bases, and the last word, which is the query or the question."""
    if len(words) < 2:
        raise click.UsageError(f"Name a knowledge base and, after it, the {what} in quotes.")
    *names, text = map(clean, words)
    return names, text


@click.command(short_help="Search bases.")
@click.argument("words", metavar="NAME... QUERY", nargs=-1, required=True)
@click.option("-k", "--top-k", type=click.IntRange(1, 200), default=5, show_default=True, help="Hits at most.")
@click.option("--mode", type=MODES, default="hybrid", show_default=True, help="Search by words, by meaning, or both.")
@click.option(
    "--rerank/--no-rerank", default=None, help="Rerank; by default if the base has a rerank model or one runs."
)
@click.option("--filter", "where", type=JsonObject(), metavar="JSON", help='Filter by metadata: {"year": 2024}.')
@click.option("--explain", is_flag=True, help="Show every candidate: its ranks, and why it was dropped.")
@json_option
@with_client
def search(
    client: Client,
    words: tuple[str, ...],
    top_k: int,
    mode: str,
    rerank: bool | None,
    where: dict[str, Any] | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Search one or several knowledge bases; the last word, in quotes, is the query."""
    names, query = names_and_text(words, "query")
    bases = names[0] if len(names) == 1 else names
    found = client.knowledge.search(bases, query, top_k, mode, where, rerank, explain=explain or None)
    if as_json:
        print_json(found)
        return
    for remark in found["notes"]:
        note(remark, dim=True)
    if (explanation := found.get("explanation")) is not None:
        show_explanation(explanation, len(names) > 1)
    for number, hit in enumerate(found["data"], 1):
        score = click.style(f"{hit['score']:.3f}", fg="green")
        click.echo(f"{number}. {score}  {place(hit, len(names) > 1)}")
        click.echo(f"   {snippet(hit)}")
    if not found["data"]:
        note("Nothing was found.")


TITLES = ("RANK", "WORDS", "VECTORS", "FUSED", "RERANK", "SCORE", "WHERE", "TERMS")


def show_explanation(explanation: ExplanationDict, several: bool) -> None:
    """Print how the hits of a search came about: weights and times, and the candidates as a table."""
    for base in explanation["bases"]:
        weights = f"words {base['words']:g}, vectors {base['vectors']:g}"
        note(f"{base['knowledge_base']}: {weights}; {base['candidates']} candidates.", dim=True)
    note(", ".join(f"{stage} {each:.1f} ms" for stage, each in explanation["milliseconds"].items()) + ".", dim=True)
    if rows := [candidate_row(each, several) for each in explanation["candidates"]]:
        print_table(TITLES, rows)


def candidate_row(each: ExplainedCandidateDict, several: bool) -> list[str]:
    """A candidate as a row; in place of a rank, why it was dropped."""
    ranks = (each[name] for name in ("lexical_rank", "vector_rank", "fused_rank", "rerank_rank"))
    shown = ["" if rank is None else str(rank) for rank in ranks]
    first = str(each["rank"]) if each["dropped"] is None else each["dropped"]
    return [first, *shown, f"{each['hit']['score']:.3f}", place(each["hit"], several), " ".join(each["terms"])]


@click.command(short_help="Ask a question of bases.")
@click.argument("words", metavar="NAME... QUESTION", nargs=-1, required=True)
@click.option("-m", "--model", metavar="UID", help="The chat model that answers; else the base's, else any that runs.")
@click.option("-k", "--top-k", type=click.IntRange(1, 200), default=5, show_default=True, help="Sources at most.")
@click.option("--mode", type=MODES, default="hybrid", show_default=True, help="Search by words, by meaning, or both.")
@click.option("--filter", "where", type=JsonObject(), metavar="JSON", help="Filter by metadata.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 always picks the likeliest token.")
@json_option
@with_client
def ask(
    client: Client,
    words: tuple[str, ...],
    model: str | None,
    top_k: int,
    mode: str,
    where: dict[str, Any] | None,
    temperature: float | None,
    as_json: bool,
) -> None:
    """Answer a question from knowledge bases, with citations of the documents."""
    names, question = names_and_text(words, "question")
    bases = names[0] if len(names) == 1 else names
    options: dict[str, Any] = {"top_k": top_k, "mode": mode, "filter": where, "temperature": temperature}
    if as_json:
        print_json(client.knowledge.ask(bases, question, model, **options))
        return
    printer, answer = Printer(), dict[str, Any]()
    try:
        with client.knowledge.stream_answer(bases, question, model, **options) as events:
            for event in events:
                if event["type"] == "token":
                    printer.text(event["text"])
                elif event["type"] == "answer":
                    answer = event
    finally:
        printer.end()
    for remark in answer.get("notes") or ():
        note(remark, dim=True)
    cites = answer.get("citations") or ()
    if cites:
        click.echo("")
    for each in cites:
        click.echo(f"[{each['number']}] {place(each, len(names) > 1)}")
        click.echo(f"    {snippet(each)}")


def place(hit: HitDict, with_base: bool) -> str:
    """The place of a hit: base, document, page, heading."""
    parts = [f"{hit['knowledge_base']}: " if with_base else "", hit["document"]]
    if hit["page"] is not None:
        parts.append(f", page {hit['page']}")
    if hit["heading"]:
        parts.append(f" ({hit['heading']})")
    return printable("".join(parts)).replace("\n", " ")


def snippet(hit: HitDict) -> str:
    """The part of a hit's text around the first words that it shares with the query, which are coloured."""
    text, spans = hit["text"], [tuple(span) for span in hit["highlights"]]
    begin = max(0, spans[0][0] - SNIPPET // 4) if spans and len(text) > SNIPPET else 0
    end = min(len(text), begin + SNIPPET)
    parts, at = ["…" if begin else ""], begin
    for first, last in spans:
        if first >= at and last <= end:
            parts += [_plain(text[at:first]), click.style(_plain(text[first:last]), fg="yellow", bold=True)]
            at = last
    parts += [_plain(text[at:end]), "…" if end < len(text) else ""]
    return "".join(parts).strip()


def _plain(text: str) -> str:
    return printable(text).replace("\n", " ").replace("\t", " ")
