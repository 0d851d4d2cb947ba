"""Makes models through the official `ollama` client on a running server and prints, for each step, a line of JSON.

Runs in the environment `dialects`. Arguments: the server's address, a GGUF file, and the GGUF file of an adapter.
`test_ollama_create.py` judges the results.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx
from ollama import Client, ResponseError

HELLO: Any = [{"role": "user", "content": "Hello"}]
EXAMPLES: Any = [{"role": "user", "content": "Are you there?"}, {"role": "assistant", "content": "Yes, captain."}]
SYSTEM = "You are a parrot."
PARAMETERS = {"temperature": 0, "num_predict": 4, "stop": ["Arr", "Avast"], "num_ctx": 512, "num_gpu": 0}
TEMPLATE = "{{ if .System }}{{ .System }} {{ end }}{{ .Prompt }} {{ .Response }}"


def show(name: str, value: Any) -> None:
    """Print a result."""
    print(json.dumps({name: value}), flush=True)


def failure(name: str, call: Any) -> None:
    """Print the error that a call raises."""
    try:
        call()
    except ResponseError as error:
        show(name, {"status": error.status_code, "error": error.error})
    else:
        show(name, "no error")


def names(client: Client) -> list[str | None]:
    """The models that are listed."""
    return [each.model for each in client.list().models]


def counts(client: Client, model: str, messages: Any, **more: Any) -> dict[str, Any]:
    """The tokens of an answer, and its text."""
    found = client.chat(model=model, messages=messages, **more)
    return {
        "prompt": found.prompt_eval_count,
        "answer": found.eval_count,
        "reason": found.done_reason,
        "text": found.message.content,
    }


def of_files(client: Client, http: httpx.Client, weights: str) -> None:
    """A model of an uploaded file, launched, used, and deleted."""
    digest = client.create_blob(weights)
    show("blob", [http.head(f"/api/blobs/{digest}").status_code, http.post(f"/api/blobs/{digest}").status_code])
    show("no blob", http.head(f"/api/blobs/sha256:{'0' * 64}").status_code)
    new: Any = {"model": "parrot", "system": SYSTEM, "messages": EXAMPLES, "parameters": PARAMETERS, "license": "MIT"}
    lines = client.create(**new, files={"parrot.gguf": digest}, stream=True)
    show("create", [line.status for line in lines])
    show("listed", names(client))
    about = client.show("parrot")
    show("show", about.model_dump(mode="json"))
    failure("idle", lambda: client.chat(model="parrot", messages=HELLO))
    launched = http.post("/v1/models?wait_ready=true", json={"model_name": "parrot", "model_engine": "llama.cpp"})
    show("launch", launched.status_code)
    show("asked", counts(client, "parrot:latest", HELLO))
    said: Any = [{"role": "system", "content": SYSTEM}, *EXAMPLES, *HELLO]
    show("said", counts(client, "demo", said, options={"temperature": 0, "num_predict": 4}))
    show("own", counts(client, "parrot", [{"role": "system", "content": "."}, *HELLO], options={"num_predict": 2}))
    show("openai", http.post("/v1/chat/completions", json={"model": "parrot", "messages": HELLO}).json())
    body = {"model": "parrot", "messages": HELLO, "max_tokens": 3}
    show("anthropic", http.post("/v1/messages", json=body).json())
    show("context", http.get("/v1/models/parrot").json()["context_length"])
    failure("in use", lambda: client.delete("parrot"))
    http.delete("/v1/models/parrot")
    show("deleted", client.delete("parrot").status)
    failure("deleted again", lambda: client.delete("parrot"))


def of_a_running_model(client: Client) -> None:
    """Models that a running one answers for at once."""
    show(
        "shared",
        client.create(model="mario", from_="demo", system="You are Mario.", parameters=dict(temperature=0)).status,
    )
    show("mario", counts(client, "mario", HELLO))
    show("plain", counts(client, "demo", HELLO, options={"temperature": 0}))
    told: Any = [{"role": "system", "content": "You are Mario."}, *HELLO]
    show("told", counts(client, "demo", told, options={"temperature": 0}))
    show("replaced", client.create(model="mario", from_="mario", messages=EXAMPLES).status)
    show("both", counts(client, "mario", HELLO))
    show("copied", client.copy("mario", "luigi:green").status)
    show("luigi", counts(client, "luigi:green", HELLO))
    show("copy", client.show("luigi:green").model_dump(mode="json"))
    show("names", names(client))
    for name in ("mario", "luigi:green"):
        client.delete(name)
    show("after", names(client))


def changed(client: Client, http: httpx.Client, adapter: str) -> None:
    """A model with a template and an adapter of its own, which needs a process of its own."""
    digest = client.create_blob(adapter)
    made = client.create(model="odd", from_="modelyard-demo:q8_0", template=TEMPLATE, adapters={"a.gguf": digest})
    show("odd", made.status)
    show("odd shown", client.show("odd").model_dump(mode="json"))
    launched = http.post("/v1/models?wait_ready=true", json={"model_name": "odd", "model_engine": "llama.cpp"})
    show("odd launched", launched.text)
    limits = {"temperature": 0, "num_predict": 20}
    show("odd asked", counts(client, "odd", HELLO, options=limits))
    raw = client.generate(model="demo", prompt="Hello ", raw=True, options=limits)
    show("raw", {"prompt": raw.prompt_eval_count, "text": raw.response})
    http.delete("/v1/models/odd")
    client.delete("odd")


def refusals(client: Client, http: httpx.Client) -> None:
    """What cannot be made."""
    failure("unknown", lambda: client.create(model="x", from_="nowhere"))
    failure("nothing", lambda: client.create(model="x"))
    failure("elsewhere", lambda: client.create(model="x", from_="script", system="a"))
    failure("quantize", lambda: client.create(model="x", from_="demo", quantize="q4_K_M"))
    failure("template", lambda: client.create(model="x", from_="demo", template="{{ .Prompt }}{{ json .Tools }}"))
    failure("parameter", lambda: client.create(model="x", from_="demo", parameters={"num_predict": "many"}))
    failure("odd parameter", lambda: client.create(model="x", from_="demo", parameters={"xtc_probability": 0.5}))
    failure("missing blob", lambda: client.create(model="x", files={"a.gguf": f"sha256:{'0' * 64}"}))
    failure("path", lambda: client.create(model="x", files={"../a.gguf": f"sha256:{'0' * 64}"}))
    failure("built-in", lambda: client.create(model="modelyard-demo", from_="demo"))
    failure("name", lambda: client.create(model="a b", from_="demo"))
    failure("copy unknown", lambda: client.copy("nowhere", "x"))
    wrong = http.post(f"/api/blobs/sha256:{'0' * 64}", content=b"hello")
    show("wrong digest", {"status": wrong.status_code, "error": wrong.json()["error"]})
    odd = http.post("/api/blobs/sha256:1", content=b"hello")
    show("no digest", {"status": odd.status_code, "error": odd.json()["error"]})


def main() -> None:
    client, http = Client(host=sys.argv[1]), httpx.Client(base_url=sys.argv[1], timeout=60)
    of_files(client, http, sys.argv[2])
    of_a_running_model(client)
    changed(client, http, sys.argv[3])
    refusals(client, http)


if __name__ == "__main__":
    main()
