"""Models of random weights in Hugging Face's format, made in an engine's environment: the server's own has no torch."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

DEMO = Path(__file__).resolve().parents[1] / "src" / "modelyard" / "catalog" / "demo" / "hf"
LLAMA = """
import json, shutil, sys, torch, transformers
demo, made, sizes = sys.argv[1:]
shutil.copytree(demo, made)
config = transformers.AutoConfig.from_pretrained(demo, **json.loads(sizes))
torch.manual_seed(0)
transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(made)
"""
BERT = """
import json, sys, torch, transformers
demo, made, sizes = sys.argv[1:]
tokenizer = transformers.AutoTokenizer.from_pretrained(demo)
torch.manual_seed(0)
transformers.BertModel(transformers.BertConfig(**json.loads(sizes))).to(torch.float16).save_pretrained(made)
tokenizer.model_max_length, tokenizer.chat_template = 512, None
tokenizer.save_pretrained(made)
"""


def random_llama(python: str, folder: Path, **sizes: int) -> Path:
    """A Llama in bfloat16 of these sizes, as its configuration names them, with the demo model's tokenizer; returns `folder`."""
    return _make(python, LLAMA, folder, sizes)


def random_bert(python: str, folder: Path, **sizes: int) -> Path:
    """The same of an encoder, in float16."""
    return _make(python, BERT, folder, sizes)


def _make(python: str, script: str, folder: Path, sizes: dict[str, int]) -> Path:
    argv = [python, "-W", "ignore", "-c", script, str(DEMO), str(folder), json.dumps(sizes)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return folder
