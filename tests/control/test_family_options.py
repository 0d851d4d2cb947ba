"""Options that a registered family adds to a launch, and those of the request that it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.catalog.family import Family
from modelyard.catalog.index import Catalog
from modelyard.control.family_options import CONTEXT_NAMES, options_of_family
from modelyard.core.types import ModelType
from modelyard.protocol.models import LaunchRequest


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    made = Catalog(tmp_path_factory.mktemp("empty"))
    made.register(Family(name="plain", type=ModelType.LLM, specs=[]))
    made.register(
        Family(name="full", type=ModelType.LLM, specs=[], default_context_length=512, adapters=["a.gguf", "b.gguf"])
    )
    made.register(Family(name="vectors", type=ModelType.EMBEDDING, specs=[], default_context_length=512))
    made.register(Family(name="./here", type=ModelType.LLM, specs=[], default_context_length=512))
    return made


def options(catalog: Catalog, name: str | None, **given: Any) -> dict[str, Any]:
    return options_of_family(LaunchRequest(model_name=name), catalog, given)


ADAPTERS = {"lora": ["a.gguf", "b.gguf"]}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("full", {"n_ctx": 512, **ADAPTERS}),
        ("plain", {}),
        ("vectors", {}),  # a model that is no LLM
        ("nobody", {}),
        ("./here", {}),  # a path, whatever a family is called
        ("", {}),
        (None, {}),
    ],
)
def test_a_family_of_texts_brings_its_context_and_adapters(
    catalog: Catalog, name: str | None, found: dict[str, Any]
) -> None:
    assert options(catalog, name) == found


@pytest.mark.parametrize("name", CONTEXT_NAMES)
def test_a_context_of_the_request_is_kept_under_each_of_its_names(catalog: Catalog, name: str) -> None:
    assert options(catalog, "full", **{name: 9}) == ADAPTERS
    assert set(CONTEXT_NAMES) == {"n_ctx", "max_model_len", "context_length", "ctx_size"}


def test_other_options_of_the_request_do_not_matter(catalog: Catalog) -> None:
    assert options(catalog, "full", threads=2) == {"n_ctx": 512, **ADAPTERS}


def test_what_is_added_is_a_copy(catalog: Catalog) -> None:
    options(catalog, "full")["lora"].append("c.gguf")
    assert options(catalog, "full")["lora"] == ADAPTERS["lora"]
