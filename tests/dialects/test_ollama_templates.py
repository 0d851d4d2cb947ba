"""Ollama's templates as chat templates: what they render, and what is refused by name."""

from __future__ import annotations

from typing import Any

import jinja2
import jinja2.sandbox
import pytest

from modelyard.core.errors import InvalidParameter
from modelyard.dialects.ollama.templates import chat_template

Json = dict[str, Any]

CHATML = (
    "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}"
    "{{ if .Prompt }}<|im_start|>user\n{{ .Prompt }}<|im_end|>\n{{ end }}<|im_start|>assistant\n{{ .Response }}<|im_end|>\n"
)
LLAMA = "[INST] {{ if .System }}<<SYS>>{{ .System }}<</SYS>>\n\n{{ end }}{{ .Prompt }} [/INST]"
MESSAGES = """{{- if .System }}<|system|>
{{ .System }}</s>
{{ end }}
{{- range .Messages }}
{{- if eq .Role "user" }}<|user|>
{{ .Content }}</s>
{{ else if eq .Role "assistant" }}<|assistant|>
{{ .Content }}</s>
{{ end }}
{{- end }}<|assistant|>
"""
SYSTEM: Json = {"role": "system", "content": "Be dry."}
ONE: Json = {"role": "user", "content": 'Hello "you" \\ {{ x }}'}
TALK = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]


def rendered(template: str, messages: list[Json]) -> str:
    """What the chat template of a template renders, as engines render it."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    found = environment.from_string(chat_template(template))
    return found.render(messages=messages, add_generation_prompt=True)


@pytest.mark.parametrize(
    ("template", "messages", "text"),
    [
        (CHATML, [ONE], '<|im_start|>user\nHello "you" \\ {{ x }}<|im_end|>\n<|im_start|>assistant\n'),
        (
            CHATML,
            [SYSTEM, *TALK],
            "<|im_start|>system\nBe dry.<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
            "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n",
        ),
        (LLAMA, [SYSTEM, *TALK], "[INST] <<SYS>>Be dry.<</SYS>>\n\na [/INST]b[INST] c [/INST]"),
        (LLAMA, TALK[:1], "[INST] a [/INST]"),
        (MESSAGES, TALK, "<|user|>\na</s>\n<|assistant|>\nb</s>\n<|user|>\nc</s>\n<|assistant|>\n"),
        (MESSAGES, [SYSTEM, *TALK[:1]], "<|system|>\nBe dry.</s>\n<|user|>\na</s>\n<|assistant|>\n"),
        ("{{ range .Messages }}[{{ .Role }}] {{ .Content }}\n{{ end }}", TALK[:2], "[user] a\n[assistant] b\n"),
        ("{{- /* a comment */ -}} {{ if .Tools }}{{ .Tools }}{{ else }}no tools{{ end }} {{ .Prompt }}", TALK[:1], "no tools a"),
        ("{{ if .Tools }}{{ range .Tools }}{{ json . }}{{ end }}{{ else if .System }}S{{ end }}{{ .Prompt }}", TALK[:1], "a"),
        ('{{ if not .System }}none{{ end }}{{ .Prompt }}', TALK[:1], "nonea"),
        ("{{ /* }} */ -}}  {{- /* }} */}}{{/**/}}{{-  .Prompt  -}}  .", TALK[:1], "a."),
        ("{% for message in messages %}{{ message.content }}{% endfor %}", TALK, "abc"),
    ],
)  # fmt: skip
def test_a_template_renders_what_ollama_renders(template: str, messages: list[Json], text: str) -> None:
    assert rendered(template, messages) == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ .Prompt }}{{ json .Tools }}", "{{ json .Tools }} has no translation"),
        ("{{ range $i, $m := slice .Messages 1 }}{{ end }}", "has no translation"),
        ("{{ if and .System .Prompt }}{{ end }}{{ .Prompt }}", "{{ and .System .Prompt }} has no translation"),
        ("{{ if .Prompt }}{{ .Response }}{{ end }}", ".Response stands in a condition"),
        ("{{ if .System }}{{ .Prompt }}", "an {{ end }} is missing"),
        ("{{ end }}{{ .Prompt }}", "{{ end }} has no translation"),
        ("{{ .Prompt }}{{ .Resp", "never closed by }}: {{ .Resp"),
        ("{{ .Prompt }}{{" + " " * 300_000, "never closed"),
        ("{{ .Prompt }}" + "{{ /*" * 100_000, "never closed"),
        ("{{ if .System }}" * 100_000 + "{{ .Prompt }}", "nested more than 50 deep"),
        ("{{ if " + "not " * 5000 + ".System }}{{ end }}{{ .Prompt }}", "has no translation"),
        ("{{ .Response }}", "neither .Prompt nor .Messages"),
    ],
)
def test_what_has_no_translation_is_named(template: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        chat_template(template)
    assert words in refusal.value.message and refusal.value.param == "template"
