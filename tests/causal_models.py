"""The demo model as a Hugging Face folder, and what bare transformers makes of the same prompts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import modelyard
from tests.kept_interpreter import KeptInterpreter, kept

DEMO = Path(modelyard.__file__).parent / "catalog" / "demo" / "hf"
ENGINE = "transformers"


IMPORTS = """
import torch, transformers
from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer, LlamaForCausalLM, LlavaForConditionalGeneration
from modelyard.engines.transformers import model, recordings, text, vision_check
"""


def interpreter() -> KeptInterpreter:
    """The interpreter of the engine's environment that runs scripts and forks replicas."""
    return kept(ENGINE, IMPORTS, threads=1)


def in_engine(script: str, **given: Any) -> Any:
    """Run Python in the engine's environment: `given` holds what it is given, and what it leaves in `made` comes back."""
    return interpreter().run(script, given)


BARE = """
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(given["path"], dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(given["path"])
made = []
for question in given["questions"]:
    chat = [{"role": "user", "content": question}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)["input_ids"]
    found = model.generate(ids, max_new_tokens=given["tokens"], do_sample=False)[0][ids.shape[1]:]
    made.append(tokenizer.decode(found, skip_special_tokens=True))
"""


def bare_answers(questions: list[str], tokens: int) -> list[str]:
    """Greedy answers of bare `generate`, one question at a time."""
    found: list[str] = in_engine(BARE, path=str(DEMO), questions=questions, tokens=tokens)
    return found


HOLE = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
"""The tokens with which Qwen2.5-Coder asks for what is missing between two texts."""


def with_hole_tokens(folder: Path, source: Path = DEMO) -> Path:
    """A copy of the demo model whose last three words are these tokens: it answers to them, though it never learned how."""
    made = folder / f"{source.name}-with-holes"
    if not made.is_dir():
        shutil.copytree(source, made)
        file = made / "tokenizer.json"
        found = json.loads(file.read_text(encoding="utf-8"))
        words, merges = found["model"]["vocab"], found["model"]["merges"]
        for text in HOLE:
            number = len(words) - 1 - HOLE.index(text)
            word = next(word for word, other in words.items() if other == number)
            first, second = merges.pop() if isinstance(merges[-1], list) else merges.pop().split(" ")
            assert first + second == word, "the last words are made by the last merges"
            words[text] = words.pop(word)
            found["added_tokens"].append(
                {"id": number, "content": text, "single_word": False, "lstrip": False, "rstrip": False}
                | {"normalized": False, "special": True}
            )
        file.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    return made


ARCHITECTURE = """
import torch
import transformers
from modelyard.core.errors import CannotStart
from modelyard.engines.generation import NOTHING, SamplingParams
from modelyard.engines.transformers.model import Passes

torch.set_num_threads(1)

def try_one(case):
    torch.manual_seed(0)
    config = getattr(transformers, case["name"] + "Config")(
        **{"vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4,
           "num_key_value_heads": 2, "max_position_embeddings": 512, "initializer_range": 0.5, **case["extra"]})
    model = getattr(transformers, case["name"] + "ForCausalLM")(config).eval()
    model.generation_config.pad_token_id = 0
    chance = torch.Generator().manual_seed(1)
    prompts = [torch.randint(3, 300, (length,), generator=chance).tolist() for length in (40, 7, 25)]
    outcome = {"refused": None, "ours": [[], [], []], "bare": []}
    try:
        passes = Passes(model, 4)
    except CannotStart as error:
        outcome["refused"] = str(error)
    else:
        for prompt in prompts:
            found = model.generate(torch.tensor([prompt]), max_new_tokens=30, do_sample=False, eos_token_id=None)
            outcome["bare"].append(found[0][len(prompt):].tolist())
        for row, prompt in enumerate(prompts):
            passes.begin(row, SamplingParams(temperature=0), prompt, NOTHING)
            for start in range(0, len(prompt) - 1, 10):
                passes.read(row, start, prompt[start:min(start + 10, len(prompt) - 1)])
        lengths, last = [len(prompt) - 1 for prompt in prompts], [prompt[-1] for prompt in prompts]
        for _ in range(30):
            last = [drawn.token for drawn in passes.write(last, lengths)]
            lengths = [length + 1 for length in lengths]
            for answer, token in zip(outcome["ours"], last):
                answer.append(token)
    return outcome

made = {case["name"]: try_one(case) for case in given["cases"]}
"""


def batched_and_bare(cases: Mapping[str, Mapping[str, Any]]) -> Any:
    """Answers of a small random model of each architecture: three at once through our cache, and bare one by one.

    `cases` are the names, and what their configurations need beyond a Llama's.
    """
    return in_engine(ARCHITECTURE, cases=[{"name": name, "extra": extra} for name, extra in cases.items()])
