"""What `modelyard launch --dry-run` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from modelyard.cli.output import complain, in_bytes, note

if TYPE_CHECKING:
    from modelyard.client.form_types import LaunchPlanDict


def show(plan: LaunchPlanDict) -> int:
    """Print a plan, one line for each subject; the exit code is 1 if the launch would be refused."""
    for subject, text in lines(plan):
        click.echo(f"{subject:<9} {text}")
    for sentence in plan["warnings"]:
        note(sentence, fg="yellow")
    if (refusal := plan["refusal"]) is None:
        return 0
    complain(refusal["message"])
    return 1


def lines(plan: LaunchPlanDict) -> Iterator[tuple[str, str]]:
    """The subjects of a plan that are known, each with a text."""
    if plan["model_engine"]:
        kind = ", ".join(str(each) for each in (plan["model_format"], plan["quantization"]) if each)
        replicas = f", {plan['replica']} replicas" if plan["replica"] > 1 else ""
        yield "model", f"{plan['model_uid']}: {plan['model_name']} ({kind}) on {plan['model_engine']}{replicas}"
    if plan["root"]:
        yield "files", plan["root"]
    if memory := plan["memory"]:
        parts = f"weights {in_bytes(memory['weights'])}, KV cache {in_bytes(memory['kv_cache'])}"
        overhead = in_bytes(memory["overhead"] + memory["activations"])
        yield "memory", f"{in_bytes(memory['total'])} for a replica: {parts}, overhead {overhead}"
    for device in plan["devices"]:
        takes = f"{in_bytes(device['needed'])} of " if device["needed"] else ""
        yield device["name"], f"{takes}{in_bytes(device['usable'])} that can be used, {device['title']}"
    if download := plan["download"]:
        size = f"{in_bytes(download['missing_bytes'])} of {in_bytes(download['total_bytes'])}"
        source = f"{download['model_id']} ({download['model_hub']})"
        yield "download", f"{size} from {source}; {in_bytes(download['disk_free'])} of the disk are free"
    if plan["command"]:
        yield "command", plan["command"]
