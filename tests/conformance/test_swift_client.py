"""ms-swift's own `InferClient` on every engine that chats: it reads answers and errors as it reads those of `swift deploy`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.client_environments import client_python
from tests.engine_server import EngineServer

pytestmark = pytest.mark.timeout(600)

ENGINES = ("llama_cpp", "transformers", "vllm")
SCRIPT = Path(__file__).parent / "swift_client.py"
ANSWER = "The capital of France is Paris."
BEGINNING = "The capital of"

Results = dict[tuple[str, str], dict[str, Any]]
"""Model and configuration → what came of the request."""


@pytest.fixture(scope="module")
def results(engine_server: EngineServer) -> Results:
    """One run of the script, with a model on each engine."""
    models = [engine_server.model("chat", engine) for engine in ENGINES]
    argv = [str(client_python("swift")), str(SCRIPT), f"{engine_server.live.url}/v1", *models]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {(line["model"], line["config"]): line for line in lines if "config" in line}


@pytest.mark.parametrize("engine", ENGINES)
class TestAnswers:
    @pytest.mark.parametrize("config", ["defaults", "greedy", "sampled", "penalties", "streamed"])
    def test_text(self, results: Results, engine: str, config: str) -> None:
        result = results[f"chat-{engine}", config]
        assert result.get("texts") == [ANSWER] and result["ends"] == ["stop"], result

    def test_stop(self, results: Results, engine: str) -> None:
        result = results[f"chat-{engine}", "stop"]
        assert result.get("texts") == ["Th"] and result["ends"] == ["stop"], result

    def test_several(self, results: Results, engine: str) -> None:
        result = results[f"chat-{engine}", "several"]
        assert len(result.get("texts", ())) == 2 and result["usage"] == 8, result

    @pytest.mark.parametrize("config", ["logprobs", "streamed logprobs"])
    def test_logprobs(self, results: Results, engine: str, config: str) -> None:
        result = results[f"chat-{engine}", config]
        assert result.get("texts") == [BEGINNING] and result["tokens"] == [3], result

    def test_a_wrong_value_is_an_error_with_its_sentence(self, results: Results, engine: str) -> None:
        result = results[f"chat-{engine}", "too many"]
        assert result["error"] == "HTTPError" and "'n'" in result["message"], result

    def test_what_no_engine_does_is_refused_by_name(self, results: Results, engine: str) -> None:
        result = results[f"chat-{engine}", "beams"]
        assert result.get("error") == "HTTPError" and "num_beams" in result["message"], result


def test_a_model_that_is_not_there(results: Results) -> None:
    result = results["nobody", "defaults"]
    assert result["error"] == "HTTPError" and "nobody" in result["message"], result
