"""Our engines on a GPU beside the bare library, on models of random weights that are as large as ones people use.

Not part of `make bench`, whose machine needs none: `python -m benchmarks.gpu`, with the environments of both engines installed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import embedding, serving
from benchmarks.servers import environments, python_of

CLIENTS = (1, 8, 32, 64)
LANGUAGE = """
import sys, shutil, torch, transformers
demo, made = sys.argv[1:]
shutil.copytree(demo, made)
config = transformers.AutoConfig.from_pretrained(demo, hidden_size=2048, intermediate_size=5632, num_hidden_layers=22,
    num_attention_heads=32, num_key_value_heads=4, head_dim=64, max_position_embeddings=2048)
torch.manual_seed(0)
transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(made)
"""
"""1 billion weights in the shape of TinyLlama, with the demo model's tokenizer."""
ENCODER = """
import sys, torch, transformers
demo, made = sys.argv[1:]
tokenizer = transformers.AutoTokenizer.from_pretrained(demo)
config = transformers.BertConfig(vocab_size=30522, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16,
    intermediate_size=4096, max_position_embeddings=512)
torch.manual_seed(0)
transformers.BertModel(config).to(torch.float16).save_pretrained(made)
tokenizer.model_max_length, tokenizer.chat_template = 512, None
tokenizer.save_pretrained(made)
"""
"""335 million weights in the shape of bge-large, with the demo model's tokenizer."""


def make(engine: str, script: str, engines: Path, folder: Path) -> Path:
    """A model's folder, made in an engine's environment."""
    argv = [python_of(engine, engines), "-W", "ignore", "-c", script, str(serving.DEMO), str(folder)]
    subprocess.run(argv, check=True)
    return folder


def language(quick: bool, engines: Path) -> str:
    """Tokens per second of the transformers engine, as a table."""
    seconds, pairs = (3.0, 1) if quick else (6.0, 3)
    with tempfile.TemporaryDirectory() as folder:
        model = make("transformers", LANGUAGE, engines, Path(folder) / "language")
        found = []
        for each in serving.compare(engines, seconds, pairs, model=model, device="cuda", at_once=CLIENTS):
            found.append(each)
            print(each if isinstance(each, str) else serving.table([each]), file=sys.stderr, flush=True)
    return serving.table(found)


def vectors(quick: bool, engines: Path) -> str:
    """Texts per second of the sentence_transformers engine, as a table."""
    with tempfile.TemporaryDirectory() as folder:
        model = make("sentence_transformers", ENCODER, engines, Path(folder) / "encoder")
        return embedding.table(
            embedding.measure_all(quick, engines, model, "cuda"), "random, in the shape of bge-large"
        )


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
