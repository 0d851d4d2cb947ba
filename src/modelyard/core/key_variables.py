"""The server's environment variables with API keys of other servers, and the hosts that each may be sent to. Pure.

No other environment variable is ever sent, whoever launches the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from modelyard.core.environment import SETTINGS
from modelyard.core.errors import PermissionDenied
from modelyard.core.types import Address

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class KeyHost:
    """A server that a key may be sent to."""

    name: str
    """In lower case."""
    port: int = 443
    tls: bool = True

    def __str__(self) -> str:
        scheme = "https" if self.tls else "http"
        port = "" if self.port == PORTS[scheme] else f":{self.port}"
        return f"{scheme}://{f'[{self.name}]' if ':' in self.name else self.name}{port}"


Bindings = Mapping[str, frozenset[KeyHost]]
"""Variable name → hosts that its value may be sent to."""

PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "AI21_API_KEY": ("api.ai21.com",),
    "ANTHROPIC_API_KEY": ("api.anthropic.com",),
    "ARK_API_KEY": ("ark.cn-beijing.volces.com",),
    "BAICHUAN_API_KEY": ("api.baichuan-ai.com",),
    "CEREBRAS_API_KEY": ("api.cerebras.ai",),
    "COHERE_API_KEY": ("api.cohere.com", "api.cohere.ai"),
    "DASHSCOPE_API_KEY": ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"),
    "DEEPINFRA_API_KEY": ("api.deepinfra.com",),
    "DEEPSEEK_API_KEY": ("api.deepseek.com",),
    "FIREWORKS_API_KEY": ("api.fireworks.ai",),
    "GEMINI_API_KEY": ("generativelanguage.googleapis.com",),
    "GOOGLE_API_KEY": ("generativelanguage.googleapis.com",),
    "GROQ_API_KEY": ("api.groq.com",),
    "HF_TOKEN": ("router.huggingface.co",),
    "HUNYUAN_API_KEY": ("api.hunyuan.cloud.tencent.com",),
    "JINA_API_KEY": ("api.jina.ai",),
    "MINIMAX_API_KEY": ("api.minimax.chat", "api.minimaxi.com", "api.minimax.io"),
    "MISTRAL_API_KEY": ("api.mistral.ai",),
    "MODELSCOPE_API_KEY": ("api-inference.modelscope.cn",),
    "MOONSHOT_API_KEY": ("api.moonshot.cn", "api.moonshot.ai"),
    "NVIDIA_API_KEY": ("integrate.api.nvidia.com",),
    "OPENAI_API_KEY": ("api.openai.com",),
    "OPENROUTER_API_KEY": ("openrouter.ai",),
    "PERPLEXITY_API_KEY": ("api.perplexity.ai",),
    "QIANFAN_API_KEY": ("qianfan.baidubce.com",),
    "SAMBANOVA_API_KEY": ("api.sambanova.ai",),
    "SILICONFLOW_API_KEY": ("api.siliconflow.cn", "api.siliconflow.com"),
    "STEPFUN_API_KEY": ("api.stepfun.com",),
    "TOGETHER_API_KEY": ("api.together.xyz", "api.together.ai"),
    "VOYAGE_API_KEY": ("api.voyageai.com",),
    "XAI_API_KEY": ("api.x.ai",),
    "YI_API_KEY": ("api.lingyiwanwu.com",),
    "ZAI_API_KEY": ("api.z.ai",),
    "ZHIPUAI_API_KEY": ("open.bigmodel.cn",),
    "ZHIPU_API_KEY": ("open.bigmodel.cn",),
}
"""Bindings that always apply: the variable names in these providers' documentation, with https only."""


def read_bindings(text: str) -> Bindings:
    """Parse `NAME=host` entries separated by commas, and add those of `PROVIDERS`. Raises `ValueError`."""
    bindings = {name: frozenset(KeyHost(host) for host in hosts) for name, hosts in PROVIDERS.items()}
    for name, host in _pairs(text):
        bindings[name] = bindings.get(name, frozenset()) | {host}
    return bindings


def _pairs(text: str) -> Iterator[tuple[str, KeyHost]]:
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, place = (part.strip() for part in entry.partition("="))
        if not equals or not name or not place:
            raise ValueError(f"'{entry}' is not of the form NAME=host")
        if name.upper().startswith(SETTINGS):
            raise ValueError(f"'{name}' is a setting of this server and is never sent")
        yield name, _host(place)


def _host(place: str) -> KeyHost:
    """Parse a host with optional scheme and port. Raises `ValueError`."""
    parts = urlsplit(place if "://" in place else f"https://{place}")
    beyond = parts.path.rstrip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in PORTS or not parts.hostname or beyond or "*" in parts.hostname:
        raise ValueError(f"'{place}' is not a host: api.example.com, host:port or http://host:port")
    return KeyHost(parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme == "https")


def check_binding(variable: str, address: Address, bindings: Bindings) -> None:
    """Raise `PermissionDenied` unless the value of a variable of the server's environment may be sent to an address."""
    if variable.upper().startswith(SETTINGS):
        raise PermissionDenied(f"api_key_env: '{variable}' is a setting of this server and is never sent anywhere.")
    host = KeyHost(address.host.lower().rstrip("."), address.port, address.tls)
    bound = bindings.get(variable, frozenset())
    if host in bound:
        return
    where = f"is bound to {', '.join(sorted(map(str, bound)))} only" if bound else "is bound to no host"
    example = f"{variable}={str(host).removeprefix('https://')}"
    raise PermissionDenied(
        f"api_key_env: the variable '{variable}' of the server's environment {where}, and is not sent to {host}. To allow it, "
        f"the server's owner starts it with MODELYARD_KEY_VARIABLES={example} (several with commas between)."
    )
