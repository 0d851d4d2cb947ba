"""Merges a LoRA adapter into its base model, with PEFT in the environment of the transformers engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from modelyard.core.environment import cleaned
from modelyard.core.errors import BadRequest, Conflict, MissingLibrary
from modelyard.engines import ENGINES
from modelyard.engines.names import title_of
from modelyard.runtime.environments import Environments

ENGINE = "transformers"
NOTES = ("args.json", "sft_args.json", "generation_config.json")
"""Files of the checkpoint that are copied beside the merged weights."""

SCRIPT = """
import json, sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
base, adapter, out = json.loads(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(base, dtype="auto", local_files_only=True)
model = PeftModel.from_pretrained(model, adapter).merge_and_unload(safe_merge=True)
model.save_pretrained(out)
for place in (adapter, base):
    try:
        AutoTokenizer.from_pretrained(place, local_files_only=True).save_pretrained(out)
        break
    except (OSError, ValueError):
        continue
"""


def merge(
    base: str, adapter: str, out: Path, environments: Path, *, replace: bool = False, say: Callable[[str], None]
) -> Path:
    """Write merged weights, tokenizer and settings to the folder `out`, atomically; returns `out`.

    Raises `Conflict` if it exists and `replace` is False, `MissingLibrary` without the environment, and `BadRequest` with
    the library's error.
    """
    if out.exists() and not replace:
        raise Conflict(f"{out} exists already; --exist_ok true replaces it.")
    found = Environments(environments).find(ENGINE)
    if found is None:
        raise MissingLibrary(title_of(ENGINE), ENGINE, " ".join(ENGINES.get(ENGINE).missing()))
    making = out.with_name(f".{out.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    say(f"Merging {adapter} into {base} ...")
    try:
        _run(found.python, base, adapter, making)
        for name in NOTES:
            for source in (Path(adapter), Path(base)):
                if (source / name).is_file() and not (making / name).exists():
                    shutil.copy(source / name, making / name)
        if out.exists():
            shutil.rmtree(out)
        making.rename(out)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return out


def _run(python: str, base: str, adapter: str, out: Path) -> None:
    done = subprocess.run(
        [python, "-W", "ignore", "-c", SCRIPT, json.dumps([base, adapter, str(out)])],
        env={**cleaned(os.environ), "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise BadRequest(f"The adapter could not be merged: {lines[-1] if lines else 'the process ended early'}")
