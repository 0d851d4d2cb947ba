"""Libraries of Python and the command curl: OpenAI's client, LangChain, LlamaIndex and Ollama's client."""

from __future__ import annotations

import json
import shlex

from modelyard.cli.integrations.setup import Lines, Program, Setup, Target


def _openai(target: Target) -> Setup:
    lines = (
        "from openai import OpenAI",
        "",
        f'client = OpenAI(base_url="{target.openai_url}", api_key={target.key.python})',
        f"answer = client.chat.completions.create(model={_quoted(target.model)}, messages={_MESSAGES})",
        "print(answer.choices[0].message.content)",
    )
    body = json.dumps({"model": target.model, "messages": [{"role": "user", "content": "Hello"}]}, ensure_ascii=False)
    header = f' -H "Authorization: Bearer {target.key.shell}"' if target.key.required else ""
    quoted = body.replace("'", "'\\''")
    curl = f"curl {target.openai_url}/chat/completions{header} \\\n  -H 'content-type: application/json' -d '{quoted}'"
    return _python(target, lines, Lines("sh", curl), packages="openai")


def _langchain(target: Target) -> Setup:
    options = f"model={_quoted(target.model)}, "
    headers = f', client_kwargs={{"headers": {_bearer(target)}}}' if target.key.required else ""
    openai = f'base_url="{target.openai_url}", api_key={target.key.python}'
    lines = (
        "from langchain_anthropic import ChatAnthropic",
        "from langchain_ollama import ChatOllama",
        "from langchain_openai import ChatOpenAI",
        "",
        f"chat = ChatOpenAI({options}{openai})",
        f"responses = ChatOpenAI({options}{openai}, use_responses_api=True)",
        f'messages = ChatAnthropic({options}base_url="{target.url}", api_key={target.key.python})',
        f'ollama = ChatOllama({options}base_url="{target.url}"{headers})',
        "for model in (chat, responses, messages, ollama):",
        '    print(model.invoke("Hello").text)',
    )
    return _python(target, lines, packages="langchain-openai langchain-anthropic langchain-ollama")


def _llamaindex(target: Target) -> Setup:
    arguments = (
        f"model={_quoted(target.model)}",
        f'api_base="{target.openai_url}"',
        f"api_key={target.key.python}",
        "is_chat_model=True",
        *(["is_function_calling_model=True"] if target.tools else []),
        *([f"context_window={target.context}"] if target.context else []),
    )
    lines = (
        "from llama_index.llms.openai_like import OpenAILike",
        "",
        "llm = OpenAILike(",
        *(f"    {argument}," for argument in arguments),
        ")",
        'print(llm.complete("Hello"))',
    )
    return _python(target, lines, packages="llama-index-llms-openai-like")


def _ollama(target: Target) -> Setup:
    headers = f", headers={_bearer(target)}" if target.key.required else ""
    lines = (
        "from ollama import Client",
        "",
        f'client = Client(host="{target.url}"{headers})',
        f"answer = client.chat(model={_quoted(target.model)}, messages={_MESSAGES})",
        "print(answer.message.content)",
    )
    command = Lines("sh", f"OLLAMA_HOST={target.url} ollama run {shlex.quote(target.model)} Hello")
    notes = ("Programs that look for Ollama at its own port find it with `modelyard serve --ollama-port 11434`.",)
    blocks = () if target.key.required else (command,)
    return _python(target, lines, *blocks, packages="ollama", notes=notes)


_MESSAGES = '[{"role": "user", "content": "Hello"}]'


def _bearer(target: Target) -> str:
    return f'{{"Authorization": "Bearer " + {target.key.python}}}'


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _python(target: Target, lines: tuple[str, ...], *more: Lines, packages: str, notes: tuple[str, ...] = ()) -> Setup:
    """A program of Python, with the imports that its key needs."""
    imports = ("import os", "") if target.key.in_variable else ()
    return Setup(blocks=(Lines("python", "\n".join((*imports, *lines))), *more), packages=packages, notes=notes)


LIBRARIES = (
    Program("openai", "OpenAI's client", _openai),
    Program("langchain", "LangChain", _langchain),
    Program("llamaindex", "LlamaIndex", _llamaindex),
    Program("ollama", "Ollama's client", _ollama),
)
