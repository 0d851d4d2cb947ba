"""`modelyard pull`: brings the files of a model to the server without launching it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.jobs import events_of
from modelyard.cli.names import name_argument, required_name
from modelyard.cli.output import counting, json_option, note, print_json

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.job_types import JobDict


@click.command(short_help="Download a model's files without launching it.")
@name_argument
@click.option("-s", "--size-in-billions", "model_size_in_billions", metavar="SIZE", help="Which size of a family.")
@click.option("-f", "--model-format", metavar="FORMAT", help="Which format of a family, such as ggufv2.")
@click.option("-q", "--quantization", metavar="NAME", help="Which quantisation of a format.")
@click.option("-t", "--model-type", metavar="TYPE", help="LLM, embedding, rerank, image, audio or video.")
@click.option("--hub", "download_hub", metavar="NAME", help="huggingface, modelscope or auto.")
@json_option
@with_client
def command(client: Client, /, name: str | None, model_name: str | None, as_json: bool, **given: str | None) -> int:
    """Download the files of a NAME of the catalog, or of the repository OWNER/NAME of a hub, to the server.

    The place of the files is printed on stdout. After Ctrl-C the download continues as a job of the server.
    """
    parameters = {key: value for key, value in given.items() if value is not None}
    job = client.jobs.create("download", {"model_name": required_name(name, model_name), **parameters})
    try:
        job = follow(client, job)
    except KeyboardInterrupt:
        note(f"The download continues; `modelyard jobs follow {job['id']}` follows it.")
        return INTERRUPTED
    if as_json:
        print_json(job)
    elif job["state"] == "done":
        click.echo(_place(job["result"] or {}) or job["id"])
    if job["state"] != "done":
        raise click.ClickException(job["error"]["message"] if job["error"] else f"The download was {job['state']}.")
    return 0


def follow(client: Client, job: JobDict) -> JobDict:
    """Show the progress of a download until it ends; returns the ended job."""
    total = int(job["progress"]["total"] or 0)
    for event in events_of(client, job["id"]):
        if event["type"] == "progress" and (total := int(event["data"].get("total") or 0)):
            break
    with counting(str(job["parameters"].get("model_id") or "files"), total, "bytes") as advance:
        done = 0
        for event in events_of(client, job["id"]) if total else ():
            data: dict[str, Any] = event["data"]
            if event["type"] == "progress":
                advance(int(data.get("done") or 0) - done)
                done = int(data.get("done") or 0)
    return client.jobs.get(job["id"])


def _place(result: dict[str, Any]) -> str | None:
    """The folder of downloaded files, or the path of those that were on the server before."""
    return result.get("folder") or result.get("path")
