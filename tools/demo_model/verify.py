# Owns the proof that the two exports are one model: equal token ids, and equal greedy text, in transformers and llama.cpp.
from __future__ import annotations

import argparse
from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from tools.demo_model.evaluate import SHIPPED, LlamaServer, thinned
from tools.demo_model.names import common_characters, rare_characters
from tools.demo_model.probes import Probe, all_probes

ODD = (
    "", " ", "  two  spaces ", "\n\n\n", "a\tb", "Don't we'll I'VE", "1234567890", "３４５",
    "3.14159", "AX-4471", "naïve café",
    "👋🏽 hello 👨‍👩‍👧", "🇨🇳🇫🇷", "混合 mixed 文本123。", "。，！？《》", "   leading",
    "trailing   ", "x=1;\n\ty=2\r\n", "e\u0301",
    "Привет мир", "こんにちは", "한국어", "العربية", "𠮷野家", "㍿", "\u200b", "```python\nprint(1)\n```", "¿Qué?", "½ ⅓", "²³",
    "<|im_end", "|>", "A" * 100, "的" * 50, "!!!???...", "http://a.b/c?d=e&f=g#h", "C:\\dir\\file.txt", "[1] (a.md)\n",
)  # fmt: skip


def strings(seed: int, count: int) -> list[str]:
    """Odd ones by hand, then random mixtures of Chinese, Latin, digits, spaces and symbols."""
    rng = Random(f"strings:{seed}")
    alphabets = (
        common_characters(),
        rare_characters(),
        "abcdefghijklmnopqrstuvwxyzABCDEFGH",
        "0123456789",
        " \n\t.,;:-_",
    )
    mixed = ["".join(rng.choice(rng.choice(alphabets)) for _ in range(rng.randint(1, 40))) for _ in range(count)]
    return [*ODD, *mixed]


def token_differences(server: LlamaServer, tokenizer: Tokenizer, texts: list[str]) -> list[str]:
    return [
        text
        for text in texts
        if server.post("/tokenize", {"content": text, "add_special": False, "parse_special": True})["tokens"]
        != tokenizer.encode(text, add_special_tokens=False).ids
    ]


class Transformers:
    def __init__(self, folder: Path) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)

    def answer(self, probe: Probe) -> str:
        messages = [{"role": m.role, "content": m.content} for m in probe.messages]
        inputs = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        output = self.model.generate(**inputs, max_new_tokens=96, do_sample=False)
        return str(self.tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the GGUF in llama.cpp with the safetensors in transformers.")
    parser.add_argument("--folder", type=Path, default=SHIPPED.parent, help="export folder (default: the shipped one)")
    parser.add_argument("--strings", type=int, default=400, help="random strings to tokenize (default: %(default)s)")
    parser.add_argument(
        "--limit", type=int, default=2, help="questions per category and language (default: %(default)s)"
    )
    args = parser.parse_args()
    server = LlamaServer(args.folder / SHIPPED.name)
    other = Transformers(args.folder / "hf")
    texts = strings(1, args.strings)
    different = token_differences(server, Tokenizer.from_file(str(args.folder / "hf" / "tokenizer.json")), texts)
    print(f"token ids differ on {len(different)} of {len(texts)} strings {different[:5]}")
    probes = thinned(all_probes(seed=5, passages=args.limit), args.limit)
    pairs = [(server.answer(p.messages), other.answer(p)) for p in probes]
    unequal = [pair for pair in pairs if pair[0] != pair[1]]
    print(f"greedy text differs on {len(unequal)} of {len(pairs)} questions {unequal[:3]}")


if __name__ == "__main__":
    main()
