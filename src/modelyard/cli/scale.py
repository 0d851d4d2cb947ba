"""`modelyard scale`: changes the number of a model's replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.name_completion import launched_models
from modelyard.cli.output import print_sentence

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Change the number of a model's replicas.")
@click.argument("uid", shell_complete=launched_models)
@click.argument("replicas", type=click.IntRange(1, 64))
@with_client
def command(client: Client, uid: str, replicas: int) -> None:
    """Start or stop replicas of a model until it has this number; the newest are stopped first."""
    have = client.replicas.list(uid)
    if replicas > len(have):
        client.replicas.add(uid, replicas - len(have))
    numbers = sorted(each["replica_id"] for each in have)
    for number in reversed(numbers[replicas:]):
        client.replicas.remove(uid, number)
    print_sentence(f"{uid}: {len(have)} → {replicas} replicas")
