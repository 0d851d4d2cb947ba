"""What child processes get of the server's environment."""

from __future__ import annotations

import pytest

from modelyard.core.environment import FOR_DOWNLOADS, TUNING, cleaned, without_password

SECRET = {
    "MODELYARD_DATABASE_URL": "postgresql+asyncpg://u@h/db",
    "MODELYARD_HOME": "/home/x",
    "MODELYARD_TAVILY_API_KEY": "k",
    "OPENAI_API_KEY": "k",
    "HF_TOKEN": "k",
    "HUGGING_FACE_HUB_TOKEN": "k",
    "MODELSCOPE_API_TOKEN": "k",
    "AWS_SECRET_ACCESS_KEY": "k",
    "AWS_SESSION_TOKEN": "k",
    "GITHUB_TOKEN": "k",
    "PGPASSWORD": "k",
    "MYSQL_PWD": "k",
    "DB_PASS": "k",
    "DATABASE_URL": "x",
    "SENTRY_DSN": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "/x.json",
    "VLLM_API_KEY": "k",
    "APIKEY": "k",
    "SSH_AUTH_SOCK": "/x",
    "BROKER": "amqp://user:password@broker/",
    "https_proxy": "http://user:password@proxy:3128",
    "openai_api_key": "k",
}
PLAIN = {
    "PATH": "/bin",
    "HOME": "/root",
    "PWD": "/x",
    "OLDPWD": "/y",
    "LD_LIBRARY_PATH": "/usr/local/cuda/lib64",
    "CUDA_VISIBLE_DEVICES": "0",
    "TOKENIZERS_PARALLELISM": "true",
    "HF_HOME": "/data/hf",
    "HF_ENDPOINT": "https://hub.example",
    "HTTP_PROXY": "http://proxy:3128",
    "LANG": "C.UTF-8",
    "KEYBOARD": "us",
    "TEST_MARK": "abc",
}


def test_settings_and_secrets_stay_with_the_server() -> None:
    assert cleaned({**SECRET, **PLAIN}) == PLAIN


def test_a_download_keeps_what_opens_hubs() -> None:
    kept = cleaned({**SECRET, **PLAIN, "HF_ENDPOINT": "https://u:p@mirror"}, FOR_DOWNLOADS)
    assert set(kept) - set(PLAIN) == {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MODELSCOPE_API_TOKEN", "https_proxy"}
    assert kept["HF_ENDPOINT"] == "https://u:p@mirror"


def test_an_address_is_shown_without_its_password() -> None:
    assert without_password("https://u:p@mirror.example/x") == "https://mirror.example/x"
    assert without_password("https://mirror.example/@x") == "https://mirror.example/@x"


@pytest.mark.parametrize(
    "name",
    ["PYTHONPATH", "PYTHONWARNINGS", "PYTHONSTARTUP", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "BROWSER", "PATH", "HOME",
     "DYLD_INSERT_LIBRARIES", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "TMPDIR", "NCCL_NET_PLUGIN", "NCCL_DEBUG_FILE",
     "OMP_TOOL_LIBRARIES", "VLLM_PLUGINS", "VLLM_ALLOW_INSECURE_SERIALIZATION", "VLLM_SERVER_DEV_MODE", "VLLM_API_KEY",
     "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT", "VLLM_LOGGING_CONFIG_PATH",
     "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_INJECTION64_PATH", "GGML_BACKEND_PATH", "LLAMA_ARG_MODEL",
     "LLAMA_REPLICA_CONFIG", "SERVED_REPLICA_CONFIG", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HOME", "HTTPS_PROXY", "CC", "CXX",
     "MODELYARD_HOME", "SSL_CERT_FILE", "TQDM_DISABLE", "cuda_visible_devices", ""],
)  # fmt: skip
def test_what_can_name_code_a_file_or_an_address_does_not_tune(name: str) -> None:
    assert name not in TUNING
