"""Makes `home/`, what a server of commit 4555155 (schema 0003) keeps. In a checkout of it, with its packages and `gguf`:

PYTHONPATH=src python THIS_FILE FOLDER
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import gguf
import httpx
import numpy as np

import modelyard

PUMPS = "# Pumps\n\nThe MX-2140 delivers 12 litres a minute.\n\n# Valves\n\nThe V-7 valve opens at 3 bar.\n"
SERVICE = "# 保养\n\n水泵每六个月保养一次。滤芯每年更换。\n"
RECORD = {
    "version": 2,
    "model_name": "mine",
    "model_lang": ["en"],
    "model_ability": ["chat"],
    "context_length": 2048,
    "model_specs": [
        {
            "model_format": "ggufv2",
            "model_size_in_billions": 1,
            "quantizations": ["Q8_0"],
            "model_uri": str(Path(modelyard.__file__).parent / "catalog/demo/modelyard-demo.gguf"),
        }
    ],
}
LOGIN = {"username": "ann", "password": "ann-secret"}


def main(folder: Path) -> None:
    home = folder.absolute() / "made"
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "MODELYARD_HOME": str(home), "MODELYARD_PORT": "0", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "modelyard", "serve"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        url = next(line.split("http://")[1].split()[0] for line in process.stdout if "listening on" in line)
        try:
            with httpx.Client(base_url=f"http://{url}", timeout=60) as http:
                keys = fill(http, home / "adapters" / "tuner.gguf")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()
    (folder / "keys.json").write_text(json.dumps(keys, indent=1) + "\n")
    keep(home, folder)


def fill(http: httpx.Client, adapter: Path) -> dict[str, str]:
    """Give a server one thing of each kind; returns its keys by name."""

    def post(path: str, **body: Any) -> Any:
        answer = http.post(path, **body)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.text

    fake = {"model_engine": "fake"}
    post("/v1/models", json={"model_name": "echo", "model_uid": "echo", "replica": 2, **fake})
    post("/v1/models", json={"model_name": "vectors", "model_uid": "vectors", "model_type": "embedding", **fake})
    write_adapter(adapter)
    post("/v1/models", json={"model_name": "modelyard-demo", "lora_modules": [f"tuner={adapter}"]})
    post("/v1/model_registrations/LLM", json={"model": RECORD, "persist": True})
    post("/v1/autostart/models", json={"model_uid": "later", "launch": {"model_name": "later", **fake}})
    for base, embedding in (("words", None), ("vectors", "vectors")):
        post("/v1/knowledge_bases", json={"name": base, "embedding_model": embedding})
        files = [("files", ("pumps.md", PUMPS.encode())), ("files", ("保养.md", SERVICE.encode()))]
        post(f"/v1/knowledge_bases/{base}/documents", files=files)
        while {each["state"] for each in http.get(f"/v1/knowledge_bases/{base}/documents").json()["data"]} != {"ready"}:
            time.sleep(0.2)
    question = {"question": "What does the MX-2140 deliver?", "model": "modelyard-demo", "conversation": "new"}
    post("/v1/knowledge_bases/words/answer", json=question)
    post("/v1/admin/users", json={**LOGIN, "scopes": ["admin"]})
    http.headers["authorization"] = "Bearer " + post("/token", data=LOGIN)["access_token"]
    keys: dict[str, dict[str, Any]] = {
        "owner": {"scopes": ["admin"]},
        "app": {"models": ["echo"]},
        "reader": {"bases": {"words": "read"}},
    }
    return {name: post("/v1/admin/keys", json={"name": name, **body})["key"] for name, body in keys.items()}


def write_adapter(path: Path) -> None:
    """A LoRA of zeros for the demo model."""
    path.parent.mkdir(parents=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 1.0)
    for side in ("a", "b"):
        shape = (1, 256) if side == "a" else (256, 1)
        writer.add_tensor(f"blk.0.attn_q.weight.lora_{side}", np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def keep(home: Path, folder: Path) -> None:
    """Copy what the server kept, the database as text, with `@HOME@` and `@SITE@` for the places of this machine."""
    with closing(sqlite3.connect(home / "modelyard.db")) as database:
        text = "\n".join(database.iterdump()) + "\n"
    places = {str(home): "@HOME@", str(Path(modelyard.__file__).parent.parent): "@SITE@"}
    for before, after in places.items():
        text = text.replace(before, after)
    (folder / "modelyard.sql").write_text(text, encoding="utf-8")
    with tarfile.open(folder / "files.tar.xz", "w:xz") as archive:
        for name in ("adapters", "knowledge"):
            archive.add(home / name, name, filter=anonymous)
    shutil.rmtree(home)


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member without the user of this machine."""
    member.uname = member.gname = ""
    member.uid = member.gid = 0
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]))
