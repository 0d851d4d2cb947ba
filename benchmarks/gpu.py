"""Our engines on a GPU beside the bare library, on models of random weights that are as large as ones people use.

Not part of `make bench`, whose machine needs none: `python -m benchmarks.gpu`, with the environments of both engines installed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import embedding, serving
from benchmarks.random_folder import random_bert, random_llama
from benchmarks.servers import environments, python_of

CLIENTS = (1, 8, 32, 64)
TINYLLAMA = dict(
    hidden_size=2048,
    intermediate_size=5632,
    num_hidden_layers=22,
    num_attention_heads=32,
    num_key_value_heads=4,
    head_dim=64,
)
BGE_LARGE = dict(
    vocab_size=30522, hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16,
    max_position_embeddings=512,
)  # fmt: skip


def language(quick: bool, engines: Path) -> str:
    """Tokens per second of the transformers engine on 1 billion weights, as a table."""
    with tempfile.TemporaryDirectory() as folder:
        model = random_llama(python_of("transformers", engines), Path(folder) / "language", **TINYLLAMA)
        return serving.table(serving.measure_all(quick, engines, model=model, device="cuda", at_once=CLIENTS))


def vectors(quick: bool, engines: Path) -> str:
    """Texts per second of the sentence_transformers engine on 335 million weights, as a table."""
    with tempfile.TemporaryDirectory() as folder:
        model = random_bert(python_of("sentence_transformers", engines), Path(folder) / "encoder", **BGE_LARGE)
        rows = embedding.measure_all(quick, engines, model, "cuda")
    return embedding.table(rows, "random, in the shape of bge-large")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short pair of each")
    parser.add_argument("--engines", type=Path, help="folder of the engines' environments")
    args = parser.parse_args()
    folder = environments(args.engines)
    for measure in (language, vectors):
        print(measure(args.quick, folder), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
