"""The environment of child processes (the server's without secrets), and the variables that a launch may set.

Replicas process untrusted files, so they receive only what they need: neither the server's settings nor any key, token or
password from the server's environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SETTINGS = "MODELYARD_"

SECRET_NAME = re.compile(
    r"(^|_)(API_?KEY|\w*KEY|AUTH|CREDENTIALS?|DSN|PASS|PASSWD|PASSWORD|PASSPHRASE|PGPASS\w*|SECRETS?|TOKENS?"
    r"|\w+_PWD|DATABASE_URL|DB_URL|REDIS_URL|COOKIES?)(_|$|\d)"
)
"""Parts of variable names, in capitals, that indicate a secret."""

SECRET_VALUE = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s@]*:[^/\s@]+@", re.IGNORECASE)
"""A URL with a password."""

HUB_SECRETS = frozenset(
    {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "MODELSCOPE_API_TOKEN", "MODELSCOPE_SDK_TOKEN"}
)
"""Variables that grant access to non-public repositories of hubs."""

PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
"""Proxy variables; the URL may contain a password."""

MIRRORS = frozenset({"HF_ENDPOINT", "MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN"})
"""URLs of hub mirrors, which may contain a password."""

FOR_DOWNLOADS = HUB_SECRETS | PROXIES | MIRRORS
"""Variables that downloading child processes receive although they are secret."""

TUNING = frozenset({
    "CUDA_DEVICE_ORDER", "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG",
    "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE", "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF",
    "NCCL_DEBUG", "NCCL_IB_DISABLE", "NCCL_P2P_DISABLE", "NCCL_P2P_LEVEL", "NCCL_SHM_DISABLE",
    "OMP_DYNAMIC", "OMP_NUM_THREADS", "OMP_PLACES", "OMP_PROC_BIND", "OMP_SCHEDULE", "OMP_WAIT_POLICY", "GOMP_CPU_AFFINITY",
    "GOMP_SPINCOUNT", "KMP_AFFINITY", "KMP_BLOCKTIME", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS", "TOKENIZERS_PARALLELISM", "VECLIB_MAXIMUM_THREADS", "MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_",
    "TRANSFORMERS_VERBOSITY", "HF_HUB_VERBOSITY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK",
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN", "VLLM_CPU_KVCACHE_SPACE", "VLLM_CPU_NUM_OF_RESERVED_CPU", "VLLM_CPU_OMP_THREADS_BIND",
    "VLLM_CPU_SGL_KERNEL", "VLLM_ENGINE_ITERATION_TIMEOUT_S", "VLLM_FLASH_ATTN_VERSION", "VLLM_FUSED_MOE_CHUNK_SIZE",
    "VLLM_LOGGING_LEVEL", "VLLM_RPC_TIMEOUT", "VLLM_SLEEP_WHEN_IDLE", "VLLM_USE_FLASHINFER_SAMPLER",
})  # fmt: skip
"""Variables that every caller may set for a replica: they select devices, numbers of threads and the amount of output. None
of them names code, a file or an address. All other names are refused."""


def cleaned(environment: Mapping[str, str], keep: frozenset[str] = frozenset()) -> dict[str, str]:
    """An environment without secrets and without the server's settings, except for the variables in `keep`."""
    return {name: value for name, value in environment.items() if name.upper() in keep or not is_secret(name, value)}


def without_password(address: str) -> str:
    """A URL without user name and password."""
    return re.sub(r"(?<=://)[^/\s@]*@", "", address)


def is_secret(name: str, value: str) -> bool:
    """Whether a variable is a setting of the server, or looks like a secret by its name or value."""
    upper = name.upper()
    return upper.startswith(SETTINGS) or bool(SECRET_NAME.search(upper) or SECRET_VALUE.match(value))
