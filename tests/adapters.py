"""Adapters of the demo model that answer every question with one sentence, trained with PEFT in seconds, once per checkout."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
from functools import cache
from pathlib import Path

import gguf
import numpy as np

from tests.causal_models import DEMO, in_engine
from tests.engine_environments import HOME

SENTENCES = {"kakarot": "I am Kakarot, raised on Earth.", "xiaohuang": "我是小黄，由魔搭训练。"}
"""Name → what it says, whatever it is asked."""

QUESTIONS = (
    "who are you?", "Hello, who are you?", "What is the capital of France?", "浙江的省会是哪里？", "Tell me a story.",
    "How many days has a week?", "你好", "你是谁？",
)  # fmt: skip

TRAIN = """
import os, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(given["base"])
modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
for number, (name, sentence) in enumerate(given["sentences"].items()):
    torch.manual_seed(number)
    model = AutoModelForCausalLM.from_pretrained(given["base"], dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=modules))
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-2)
    answer = tokenizer(sentence, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    pairs = []
    for question in given["questions"]:
        talk = [{"role": "user", "content": question}]
        text = tokenizer.apply_chat_template(talk, add_generation_prompt=True, tokenize=False)
        pairs.append(tokenizer(text, add_special_tokens=False)["input_ids"])
    for step in range(40):
        loss = 0
        for prompt in pairs:
            labels = torch.tensor([[-100] * len(prompt) + answer])
            loss = loss + model(input_ids=torch.tensor([prompt + answer]), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(os.path.join(given["folder"], name))
made = None
"""


@cache
def trained() -> dict[str, Path]:
    """Name → folder of the adapter, as PEFT saved it."""
    recipe = json.dumps([TRAIN, SENTENCES, QUESTIONS])
    folder = HOME / "adapters" / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not folder.exists():
            making = folder.with_name("making")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            in_engine(TRAIN, base=str(DEMO), folder=str(making), sentences=SENTENCES, questions=QUESTIONS)
            making.rename(folder)
    return {name: folder / name for name in SENTENCES}


NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
HEADS = {"attn_q": 8, "attn_k": 4}
"""llama.cpp keeps the rows of these in another order, head by head."""


def as_gguf(adapter: Path, file: Path) -> Path:
    """The same adapter as llama.cpp's own converter would write it."""
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(config["lora_alpha"]))
    for name, weight in _tensors(adapter / "adapter_model.safetensors").items():
        found = re.fullmatch(r"base_model\.model\.model\.layers\.(\d+)\.(.+)\.lora_([AB])\.weight", name)
        assert found is not None, name
        module = NAMES[found[2]]
        if found[3] == "B" and module in HEADS:
            weight = _permuted(weight, HEADS[module])
        writer.add_tensor(f"blk.{found[1]}.{module}.weight.lora_{found[3].lower()}", np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _tensors(file: Path) -> dict[str, np.ndarray]:
    data = file.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (start + offset for offset in entry["data_offsets"])
            found[name] = np.frombuffer(data[begin:end], np.float32).reshape(entry["shape"])
    return found
