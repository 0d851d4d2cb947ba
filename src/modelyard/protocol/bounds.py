"""Lists and objects of requests with the number of items that they may hold; validation stops at the first wrong item.

Without a bound a list of a million wrong items becomes a million errors, which takes the server's event loop most of a minute.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import Field

T = TypeVar("T")

Few = Annotated[list[T], Field(max_length=1000, fail_fast=True)]
"""Up to 1,000 items: scopes, models, messages of a conversation."""
Many = Annotated[list[T], Field(max_length=10_000, fail_fast=True)]
"""Up to 10,000 items: names of documents, texts to embed."""
Fields = Annotated[dict[str, T], Field(max_length=1000)]
"""An object of up to 1,000 fields: metadata, filters, options."""
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]
"""Notes of a caller, as OpenAI has them: 16 names of 64 characters at most, with values of 512 at most."""
