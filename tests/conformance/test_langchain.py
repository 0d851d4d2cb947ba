"""LangChain's own standard tests, through `langchain-openai`, on every engine that chats."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.causal_models import DEMO
from tests.client_environments import client_python
from tests.engine_server import EngineServer

pytestmark = pytest.mark.timeout(600)

SUITE = Path(__file__).parent / "langchain"
VOCABULARY: dict[str, int] = json.loads((DEMO / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
BLANKS = frozenset("ĠĊĉč")
"""How the tokenizer spells a space, a line feed, a tab and a carriage return."""
ENDINGS = {str(VOCABULARY[token]): 40 for token in ('"', "}")}
ENDINGS |= {str(number): -100 for token, number in VOCABULARY.items() if token and set(token) <= BLANKS}
"""A bias by which a tiny model ends what it begins, and writes no blanks for ever where a grammar lets it."""

NEEDED = 34
"""Standard tests that must have passed; fewer mean that LangChain skipped what it should have run."""


@pytest.mark.parametrize("engine", ["llama_cpp", "transformers", "vllm"])
def test_standard_tests(engine: str, engine_server: EngineServer, tmp_path: Path) -> None:
    chat, vectors = engine_server.model("chat", engine), engine_server.model("embedding", "sentence_transformers")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "SERVER_URL": f"{engine_server.live.url}/v1",
        "CHAT_MODEL": chat,
        "EMBEDDING_MODEL": vectors,
        "LOGIT_BIAS": json.dumps(ENDINGS),
    }
    report = tmp_path / "report.xml"
    argv = [str(client_python("langchain")), "-m", "pytest", "-q", "--tb=short", f"--junit-xml={report}", "standard.py"]
    done = subprocess.run(argv, cwd=SUITE, env=env, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    outcomes = Counter(_outcome(case) for case in ElementTree.parse(report).iter("testcase"))
    assert outcomes["passed"] >= NEEDED, outcomes


def _outcome(case: ElementTree.Element) -> str:
    return "passed" if len(case.findall("*")) == 0 else case[0].tag
