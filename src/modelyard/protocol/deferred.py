"""The base of all pydantic models."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class DeferredModel(BaseModel):
    """A pydantic model whose validator is built when it is first used.

    A server has hundreds of these classes. All their validators are 6 MB and a tenth of its start; it needs those of the routes
    that it is asked for. Threads may be the first to use a model together, because pydantic 2.14 and later builds it once
    (https://github.com/pydantic/pydantic/pull/13438).
    """

    model_config = ConfigDict(defer_build=True)
