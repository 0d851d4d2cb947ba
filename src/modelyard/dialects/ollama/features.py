"""What becomes of each field and option of Ollama's API. `docs/reference/dialects.md` shows these tables."""

from __future__ import annotations

from modelyard.dialects.features import Table, honoured, ignored, refused, translated

LAUNCHED = ignored("it is decided by the launch of the model")
HELD = ignored("a model runs until it is terminated")

CHAT: Table = {
    "model": honoured("also an alias, an adapter or `kb:NAME`; a tag may name the size or the quantisation"),
    "messages": translated(
        "`thinking` is `reasoning_content`; pictures are parts; results belong to the calls before them"
    ),
    "tools": honoured("of no effect for `kb:NAME`"),
    "stream": honoured("true if it is left out; lines of JSON"),
    "format": translated("`response_format`: `json`, or a JSON schema"),
    "options": translated("see the table of options"),
    "keep_alive": HELD,
    "think": translated("`enable_thinking`; a level is also `reasoning_effort` where the engine has it"),
    "logprobs": honoured(),
    "top_logprobs": honoured(),
    "truncate": ignored("a prompt that is too long is an error"),
    "shift": ignored("an answer ends where the context is full"),
}
"""Fields of `/api/chat`."""

GENERATE: Table = {
    **{name: each for name, each in CHAT.items() if name not in ("messages", "tools")},
    "prompt": translated("the message of the user; with `raw`, the prompt of a completion"),
    "suffix": translated("`suffix` of a completion"),
    "system": translated("the first message"),
    "images": translated("pictures of the message"),
    "raw": translated("a completion instead of a chat completion"),
    "template": refused("a model has the chat template of its launch"),
    "context": refused("send the conversation to /api/chat"),
    "width": refused("pictures are made by /v1/images/generations"),
    "height": refused("pictures are made by /v1/images/generations"),
    "steps": refused("pictures are made by /v1/images/generations"),
}
"""Fields of `/api/generate`."""

EMBED: Table = {
    "model": honoured(),
    "input": honoured(),
    "prompt": translated("`input`, of `/api/embeddings`"),
    "truncate": translated("`truncate_prompt_tokens` where the engine has it"),
    "dimensions": honoured(),
    "options": LAUNCHED,
    "keep_alive": HELD,
}
"""Fields of `/api/embed` and `/api/embeddings`."""

CREATE: Table = {
    "model": translated("the name of a registered family; a tag other than `latest` becomes a part of it"),
    "from": translated("a model that runs and then answers for the new one, too, a family, or `hf.co/OWNER/NAME`"),
    "files": honoured("blobs: a GGUF file with its projector, or the files of a folder with safetensors"),
    "adapters": translated("the option `lora` of its launches: GGUF files"),
    "template": translated(
        "a chat template; what has no translation to Jinja is refused by name, and Jinja is taken as it is"
    ),
    "license": honoured(),
    "system": translated("the system message of chats that begin with none"),
    "parameters": translated(
        "sampling parameters of requests that have none; `num_ctx` is the context of its launches"
    ),
    "messages": translated("messages before those of a chat"),
    "quantize": refused("weights are not quantized here"),
    "stream": honoured("true if it is left out; lines of JSON"),
}
"""Fields of `/api/create`. What it makes is a registered family, so it holds in every API."""

OPTIONS: Table = {
    "num_predict": translated("`max_tokens`; -1 and -2 set no limit"),
    "temperature": honoured(),
    "top_k": honoured(),
    "top_p": honoured(),
    "min_p": honoured(),
    "seed": honoured(),
    "stop": honoured(),
    "repeat_penalty": translated("`repetition_penalty`"),
    "presence_penalty": honoured(),
    "frequency_penalty": honoured(),
    "logit_bias": honoured(),
    **dict.fromkeys(
        ("typical_p", "repeat_last_n", "mirostat", "mirostat_tau", "mirostat_eta"),
        honoured("on llama.cpp; other engines refuse it by name"),
    ),
    **dict.fromkeys(
        (
            *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "numa", "low_vram", "f16_kv", "logits_all"),
            *("vocab_only", "use_mmap", "use_mlock", "embedding_only"),
        ),
        LAUNCHED,
    ),
    "num_keep": ignored("nothing is removed from a prompt"),
    "penalize_newline": ignored("Ollama ignores it, too"),
    "new_topic_penalty": ignored("Open WebUI sends it, and Ollama ignores it, too"),
    "tfs_z": refused("no engine has it"),
}
"""`options` of `/api/chat` and `/api/generate`. Fields of engines, such as `xtc_probability`, pass; others are refused."""
