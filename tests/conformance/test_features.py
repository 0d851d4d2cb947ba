"""Every feature on every engine: it works, or it is refused with a 400 that names parameter and engine. Silence fails."""

from __future__ import annotations

import pytest

from tests.conformance.feature import Feature, Subject, outcome
from tests.conformance.models import KINDS
from tests.conformance.probes import FEATURES
from tests.conformance.table import DOCUMENT, RENEW, Outcomes, kind, written

pytestmark = pytest.mark.timeout(600)

CASES = [
    pytest.param(feature, (kind(feature), engine), id=f"{engine}-{feature.id}")
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
