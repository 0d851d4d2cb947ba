"""What follows from the ids and parents of a chat's messages, each in the order in which it was added. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Parents = Mapping[str, str | None]
"""Message id → id of its parent, the oldest message first."""


def path_to(parents: Parents, leaf: str | None) -> list[str]:
    """Ids from the root to a message; empty if there is no such message."""
    found: list[str] = []
    each = leaf
    while each is not None and each in parents:
        found.append(each)
        each = parents[each]
    return found[::-1]


def siblings_of(parents: Parents, ids: Sequence[str]) -> dict[str, list[str]]:
    """Each of some messages → all messages with its parent, itself included; without those that are alone."""
    above = {parents[each] for each in ids}
    children: dict[str | None, list[str]] = {}
    for each, parent in parents.items():
        if parent in above:
            children.setdefault(parent, []).append(each)
    return {each: found for each in ids if len(found := children[parents[each]]) > 1}


def newest_leaf(parents: Parents, message: str) -> str:
    """The leaf below a message that one reaches by its newest child, that one's newest child, and so on."""
    newest = {parent: each for each, parent in parents.items()}
    while message in newest:
        message = newest[message]
    return message


def branch(parents: Parents, message: str) -> list[str]:
    """A message and all messages below it. A child is always newer than its parent."""
    found = {message: None}
    for each, parent in parents.items():
        if parent in found:
            found[each] = None
    return list(found)


def leaf_without(parents: Parents, message: str) -> str | None:
    """The leaf that takes the place of an active one in a branch that is deleted: below its newest sibling, else its parent."""
    parent = parents[message]
    siblings = [each for each, above in parents.items() if above == parent and each != message]
    return newest_leaf(parents, siblings[-1]) if siblings else parent
