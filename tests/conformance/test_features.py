"""Every feature on every engine: it works, or it is refused with a 400 that names parameter and engine. Silence fails."""

from __future__ import annotations

import json

import pytest

from tests.causal_models import DEMO
from tests.conformance.feature import Feature, Subject, outcome
from tests.conformance.models import KINDS
from tests.conformance.probes import FEATURES
from tests.conformance.table import DOCUMENT, RENEW, Outcomes, kind, written
from tests.engine_server import EngineServer
from tests.live import Live, error_of

pytestmark = pytest.mark.timeout(600)

CASES = [
    pytest.param(
        feature,
        (kind(feature), engine),
        id=f"{engine}-{feature.id}",
    )
    for feature in FEATURES
    for engine in KINDS[kind(feature)]
    if feature.everywhere or engine != "fake"
]


@pytest.mark.parametrize(("feature", "subject"), CASES, indirect=["subject"])
def test_feature(feature: Feature, subject: Subject, outcomes: Outcomes) -> None:
    outcomes[feature.id, subject.engine] = outcome(feature, subject)


@pytest.mark.parametrize("subject", [("chat", engine) for engine in KINDS["chat"]], indirect=True)
def test_the_models_are_listed(subject: Subject) -> None:
    assert subject.model in [model.id for model in subject.client.models.list()]
    assert subject.client.models.retrieve(subject.model).id == subject.model


def test_the_page_is_what_engines_do(outcomes: Outcomes, request: pytest.FixtureRequest) -> None:
    if len(outcomes) < len(CASES):
        pytest.skip("needs the outcome of every probe, so the whole file must run")
    if request.config.getoption("--feature-table", default=None) is None:
        assert DOCUMENT.read_text(encoding="utf-8") == written(outcomes), f"run {RENEW} to renew {DOCUMENT.name}"


# What the transformers engine alone refuses: the answer names the parameter and the engine.

MODEL = "chat-transformers"


@pytest.fixture(scope="module")
def conformance_server(engine_server: EngineServer) -> Live:
    """The shared server, on which `MODEL` runs."""
    assert engine_server.model("chat", "transformers") == MODEL
    return engine_server.live


def test_what_it_cannot_do_is_refused(conformance_server: Live) -> None:
    answer = conformance_server.chat(MODEL, reasoning_effort="high")
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["param"] == "reasoning_effort"
    assert "transformers engine" in error["message"]


def test_a_call_needs_something_to_call(conformance_server: Live) -> None:
    answer = conformance_server.chat(MODEL, tool_choice="required")
    assert answer.status_code == 400 and error_of(answer)["param"] == "tool_choice"


WORDS: dict[str, int] = json.loads((DEMO / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "asked",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}}},
        {"guided_json": SCHEMA},
        {"structured_outputs": {"regex": '[{]"ok": (true|false)[}]'}},
        {"guided_choice": ['{"ok": true}']},
        {"guided_grammar": 'root ::= "{" ws "\\"ok\\":" ("true" | "false") "}"\nws ::= " "?'},
    ],
)
def test_constrained_answers(conformance_server: Live, asked: dict[str, object]) -> None:
    """The launch has told the template not to think, so that no thoughts come first, though the model is pushed to."""
    pushed = {"logit_bias": {str(WORDS["<"]): 30}, "max_tokens": 60}
    answer = conformance_server.chat(MODEL, temperature=1, **pushed, **asked)
    assert answer.status_code == 200, answer.text
    assert isinstance(json.loads(answer.json()["choices"][0]["message"]["content"])["ok"], bool)


def test_a_schema_that_is_none_is_refused(conformance_server: Live) -> None:
    answer = conformance_server.chat(MODEL, guided_json={"type": "nonsense"})
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "guided_json"


def test_what_asks_for_nothing_special_is_answered(conformance_server: Live) -> None:
    plain = {"response_format": {"type": "text"}, "tools": [], "logit_bias": {}, "enable_thinking": False}
    assert conformance_server.chat(MODEL, max_tokens=3, **plain).status_code == 200


def test_a_prompt_that_does_not_fit_is_refused(conformance_server: Live) -> None:
    messages = [{"role": "user", "content": "much " * 3000}]
    answer = conformance_server.http.post("/v1/chat/completions", json={"model": MODEL, "messages": messages})
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "messages"
