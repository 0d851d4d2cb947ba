"""Every prompt style, against prompts written by hand after what the peer of 2024 sent to its models."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelyard.catalog.index import FAMILIES
from modelyard.catalog.prompt_styles import LAYOUTS, PromptStyle, template
from modelyard.core.errors import UnknownName
from modelyard.core.types import ModelType

TALK = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "你好"},
    {"role": "user", "content": "Bye?"},
]
RULED = [{"role": "system", "content": "Be brief."}, *TALK]

VICUNA = "A conversation between a person and a helpful, careful and polite AI assistant."
FOLLOW = "Follow the instruction below and write a response that completes it."
CODE = "You write correct and readable code, and explain it briefly."

PROMPTS = {
    "baichuan-chat": " <reserved_102> Hi <reserved_103> 你好</s> <reserved_102> Bye? <reserved_103> ",
    "baichuan-2-chat": "<reserved_106>Hi<reserved_107>你好</s><reserved_106>Bye?<reserved_107>",
    "codeshell-chat": "## human:Hi|<end>|## assistant: 你好|<end>|## human:Bye?|<end>|## assistant:",
    "wizardlm-v1.0": "You are a helpful AI assistant.\nUSER: Hi\nASSISTANT: 你好\nUSER: Bye?\nASSISTANT:",
    "vicuna-v1.3": f"{VICUNA} USER: Hi ASSISTANT: 你好</s>USER: Bye? ASSISTANT:",
    "orca": (
        "### System:\nYou are an AI assistant that follows instructions with care.\n\n### User: Hi\n\n### Response: 你好"
        "\n\n### User: Bye?\n\n### Response:"
    ),
    "wizardmath-v1.0": (
        f"{FOLLOW}\n\n### Instruction: Hi\n\n### Response: 你好\n\n### Instruction: Bye?\n\n### "
        "Response: Let's think step by step."
    ),
    "chatglm": "[Round 0]\n问：Hi\n答：你好\n[Round 1]\n问：Bye?\n答：",
    "chatglm2": "[Round 1]\n\n问：Hi\n\n答：你好\n\n[Round 2]\n\n问：Bye?\n\n答：",
    "chatglm3": "<|user|>\n Hi\n<|assistant|>\n 你好\n<|user|>\n Bye?\n<|assistant|>",
    "xverse-chat": "<|user|> \n Hi<|assistant|> \n 你好<|user|> \n Bye?<|assistant|>",
    "llama-2-chat": (
        "<s>[INST] <<SYS>>\nYou are a helpful AI assistant.\n<</SYS>>\n\nHi[/INST] 你好 </s><s>[INST] Bye? [/INST]"
    ),
    "code-llama-instruct": f"<s>[INST] <<SYS>>\n{CODE}\n<</SYS>>\n\nHi[/INST] 你好 </s><s>[INST] Bye? [/INST]",
    "mistral-instruct-v0.1": "[INST] Hi[/INST] 你好<s>[INST] Bye? [/INST]",
    "mixtral-instruct-v0.1": "<s> [INST] Hi [/INST]你好 </s><s> [INST] Bye? [/INST]",
    "falcon-instruct": "User: Hi\n\nAssistant: 你好\n\nUser: Bye?\n\nAssistant:",
    "starchat-beta": (
        "<system>\n<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\n你好<|end|>\n<|user|>\nBye?<|end|>\n<|assistant|>\n"
    ),
    "openhermes-2.5": (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>\nuser\nHi<|im_end|>\n<|im_start|>\n"
        "assistant\n你好<|im_end|>\n<|im_start|>\nuser\nBye?<|im_end|>\n<|im_start|>\nassistant\n"
    ),
    "Yi-chat": (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n你好<|im_end|>\n"
        "<|im_start|>user\nBye?<|im_end|>\n<|im_start|>assistant\n"
    ),
    "qwen-chat": (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\n你好<|im_end|>\n<|im_start|>user\nBye?<|im_end|>\n<|im_start|>assistant\n"
    ),
    "internlm-chat-7b": "<s><|User|>:Hi<eoh>\n<|Bot|>:你好<eoa>\n<|User|>:Bye?<eoh>\n<|Bot|>:",
    "internlm2-chat": (
        "<s><|im_start|>system\nYou are InternLM (书生·浦语), a helpful and honest assistant who answers in the language of "
        "the question.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n你好<|im_end|>\n"
        "<|im_start|>user\nBye?<|im_end|>\n<|im_start|>assistant\n"
    ),
    "OpenBuddy": (
        "You are Buddy, a helpful and honest AI assistant talking to a person.\n\nUser: Bye?\nAssistant:"
    ),
    "zephyr-7b-beta": (
        "<|system|>\nYou are a friendly chatbot.</s>\n<|user|>\nHi</s>\n<|assistant|>\n你好</s>\n"
        "<|user|>\nBye?</s>\n<|assistant|>\n"
    ),
    "gorilla-openfunctions-v1": "USER: <<question>> Bye?\nASSISTANT: ",
    "deepseek-chat": (
        "<｜begin▁of▁sentence｜>User: Hi\n\nAssistant: 你好<｜end▁of▁sentence｜>User: Bye?\n\nAssistant:"
    ),
    "deepseek-coder-instruct": (
        f"You are a programming assistant. {CODE}\n### Instruction:\nHi\n### Response:\n你好\n"
        "### Instruction:\nBye?\n### Response:\n"
    ),
    "orion-chat": "<s>Human: Hi\n\nassistant: </s>你好</s>Human: Bye?\n\nassistant: </s>",
    "gemma-it": (
        "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n你好<end_of_turn>\n"
        "<start_of_turn>user\nBye?<end_of_turn>\n<start_of_turn>model\n"
    ),
}  # fmt: skip
"""Family → what its style makes of `TALK`."""

RULED_PROMPTS = {
    "baichuan-2-chat": "Be brief.<reserved_106>Hi",
    "wizardlm-v1.0": "Be brief.\nUSER: Hi",
    "vicuna-v1.5": "Be brief. USER: Hi",
    "orca": "### System:\nBe brief.\n\n### User: Hi",
    "wizardmath-v1.0": "Be brief.\n\n### Instruction: Hi",
    "chatglm2": "Be brief.\n\n[Round 1]\n\n问：Hi",
    "chatglm3": "<|system|>\n Be brief.\n<|user|>\n Hi",
    "xverse-chat": "<|system|> \n Be brief.<|user|> \n Hi",
    "llama-2-chat": "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi[/INST] 你好",
    "mistral-instruct-v0.2": "[INST] Be brief.\n\nHi[/INST] 你好",
    "mixtral-instruct-v0.1": "<s> [INST] Be brief.\n\nHi [/INST]你好 </s>",
    "falcon-instruct": "Be brief.User: Hi",
    "starchat-beta": "<system>Be brief.\n<|end|>\n<|user|>\nHi",
    "openhermes-2.5": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>\nuser",
    "Yi-chat": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi",
    "qwen-chat": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi",
    "internlm-chat-20b": "<s><|User|>:Be brief.\n\nHi<eoh>\n",
    "internlm2-chat": "<s><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi",
    "OpenBuddy": "Be brief.\n\nUser: Bye?\nAssistant:",
    "zephyr-7b-alpha": "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>",
    "deepseek-chat": "<｜begin▁of▁sentence｜>Be brief.\n\nUser: Hi\n\n",
    "deepseek-coder-instruct": "Be brief.\n### Instruction:\nHi",
    "orion-chat": "<s>Human: Be brief.\n\nHi\n\nassistant:",
    "gemma-it": "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>",
    "codeshell-chat": "## human:Be brief.\n\nHi|<end>|",
}
"""Family → how what its style makes of `RULED` begins."""


def render(text: str, messages: list[dict[str, Any]], **given: Any) -> str:
    """As transformers renders a chat template."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text).render(messages=messages, **{"add_generation_prompt": True, **given})


def style_of(name: str) -> PromptStyle:
    style = FAMILIES.get(name, ModelType.LLM).prompt_style
    assert style is not None
    return style


def test_every_style_of_the_catalog_is_expected_here() -> None:
    used = {family.prompt_style.style_name for family in FAMILIES.families() if family.prompt_style}
    assert len(used) == 21
    assert {style_of(name).style_name for name in PROMPTS} == used


@pytest.mark.parametrize("name", PROMPTS)
def test_a_conversation(name: str) -> None:
    assert render(template(style_of(name)), TALK) == PROMPTS[name]


@pytest.mark.parametrize("name", RULED_PROMPTS)
def test_a_conversation_with_a_system_message(name: str) -> None:
    made = render(template(style_of(name)), RULED)
    assert made[: len(RULED_PROMPTS[name])] == RULED_PROMPTS[name]
    assert made.endswith(PROMPTS.get(name, "")[-8:])


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_style_asks_for_an_answer_only_when_told_to(name: str) -> None:
    style = PromptStyle(style_name=name, roles=["U", "A"], intra_message_sep="\n", inter_message_sep="</s>")
    asked, told = render(template(style), TALK), render(template(style), TALK, add_generation_prompt=False)
    assert asked.startswith(told) and "Bye?" in told
    once = render(template(style), TALK[:1])
    assert once.count("Hi") == 1 and "你好" not in once


OTHERS = {
    "LLAMA3": (
        PromptStyle(
            style_name="LLAMA3", roles=["user", "assistant"], intra_message_sep="\n\n", inter_message_sep="<|eot_id|>"
        ),
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n你好<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nBye?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "PHI3": (
        PromptStyle(
            style_name="PHI3", roles=["user", "assistant"], intra_message_sep="\n", inter_message_sep="<|end|>\n"
        ),
        "<|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\n你好<|end|>\n<|user|>\nBye?<|end|>\n<|assistant|>\n",
    ),
    "MINICPM-2B": (
        PromptStyle(style_name="MINICPM-2B", roles=["user", "assistant"]),
        "<用户>Be brief.\n\nHi<AI>你好<用户>Bye?<AI>",
    ),
    "c4ai-command-r": (
        PromptStyle(style_name="c4ai-command-r", roles=["<U>", "<A>"], inter_message_sep="<END>"),
        "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be brief.<END><U>Hi<END><A>你好<END><U>Bye?<END><A>",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_styles_that_no_family_of_the_catalog_has(name: str) -> None:
    style, prompt = OTHERS[name]
    assert render(template(style), RULED) == prompt


def test_text_that_looks_like_a_template_stays_text() -> None:
    style = PromptStyle(style_name="add_colon_single", system_prompt='"{{ 1/0 }}" \\n {% x', roles=["U's", "A"])
    assert render(template(style), TALK[:1]) == '"{{ 1/0 }}" \\n {% xU\'s: HiA:'


def test_tools_reach_the_one_style_that_takes_them() -> None:
    tools = [{"type": "function", "function": {"name": "weather"}}]
    made = render(template(style_of("gorilla-openfunctions-v1")), TALK, tools=tools)
    assert "<<function>> [{" in made and '"weather"' in made and made.endswith("\nASSISTANT: ")


def test_an_unknown_style_comes_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'CHATML'"):
        template(PromptStyle(style_name="CHATMLL"))
