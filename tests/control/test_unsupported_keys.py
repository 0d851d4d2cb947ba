"""Launch keys of Xinference's clients: what is refused with which words, what is accepted, and what gives a warning."""

from __future__ import annotations

import socket
from typing import Any

import psutil
import pytest

from modelyard.control.unsupported_keys import is_this_machine, refuse_unsupported, warnings, without_harmless
from modelyard.core.errors import InvalidParameter
from modelyard.engines import ENGINES
from modelyard.protocol.models import LaunchRequest

HERE = socket.gethostname()


def request(**keys: Any) -> LaunchRequest:
    return LaunchRequest.model_validate({"model_name": "m", **keys})


def replicas(*entries: dict[str, Any], **keys: Any) -> LaunchRequest:
    return request(replica=len(entries), replica_config=list(entries), **keys)


ACCEPTED = {
    "one worker": request(n_worker=1, worker_ip="127.0.0.1", request_limits=0),
    "entries that repeat the launch": replicas(
        {"replica_uid": "a", "role": "hybrid", "model_engine": "vllm", "engine_config": {}},
        {"devices": [{"worker_ip": f"{HERE}:8000", "n_gpu": 1, "gpu_idx": [0]}]},
        model_engine="vllm",
        n_gpu=1,
        gpu_idx=[0],
    ),
    "an entry without anything": replicas({"devices": [{}]}),
}
OTHER_MACHINE = "is not this machine"
DIFFERENT = "replicas that differ"
REFUSED = {
    "two workers": (request(n_worker=2), "n_worker", "single machine"),
    "another worker": (request(worker_ip="10.99.99.99"), "worker_ip", OTHER_MACHINE),
    "packages": (request(virtual_env_packages=["x"]), "virtual_env_packages", "environment"),
    "links": (request(virtual_env_find_links=["x"]), "virtual_env_find_links", "environment"),
    "a negative limit": (request(request_limits=-1), "request_limits", "0 or more"),
    "too few entries": (request(replica=2, replica_config=[{}]), "replica_config", "1 entries, and 2 replicas"),
    "an unknown key": (replicas({"gpu": 1}), "replica_config", "has no key 'gpu'; it has replica_uid"),
    "an unknown key of a device": (replicas({"devices": [{"gpu": 1}]}), "replica_config", "it has worker_ip"),
    "another role": (replicas({"role": "prefill"}), "replica_config", DIFFERENT),
    "own options": (replicas({"engine_config": {"a": 1}}), "replica_config", DIFFERENT),
    "another engine": (replicas({"model_engine": "vllm"}, model_engine="fake"), "replica_config", DIFFERENT),
    "two machines": (replicas({"devices": [{}, {}]}), "replica_config", "a list of one object"),
    "devices that are no list": (replicas({"devices": "gpu"}), "replica_config", "a list of one object"),
    "devices that are no objects": (replicas({"devices": ["gpu"]}), "replica_config", "a list of one object"),
    "a device elsewhere": (replicas({"devices": [{"worker_ip": "10.99.99.99"}]}), "replica_config", OTHER_MACHINE),
    "another number of GPUs": (replicas({"devices": [{"n_gpu": 2}]}, n_gpu=1), "replica_config", DIFFERENT),
    "other GPUs": (replicas({"devices": [{"gpu_idx": [1]}]}, gpu_idx=[0]), "replica_config", DIFFERENT),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_keys_that_ask_for_nothing_else_are_accepted(name: str) -> None:
    refuse_unsupported(ACCEPTED[name])


@pytest.mark.parametrize("name", REFUSED)
def test_keys_that_cannot_be_honoured_are_refused_by_name(name: str) -> None:
    launch, param, words = REFUSED[name]
    with pytest.raises(InvalidParameter, match=words) as caught:
        refuse_unsupported(launch)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, []),
        ({"request_limits": 1, "enable_virtual_env": False}, []),
        ({"request_limits": 0}, ["refuses every request"]),
        (
            {"enable_virtual_env": True, "request_limits": 0},
            ["enable_virtual_env has no effect", "refuses every request"],
        ),
    ],
)
def test_keys_that_may_surprise_give_a_warning(keys: dict[str, Any], words: list[str]) -> None:
    found = warnings(request(**keys))
    assert len(found) == len(words) and all(each in sentence for each, sentence in zip(words, found, strict=True))


def test_harmless_options_are_dropped_only_where_the_engine_lacks_them() -> None:
    options: dict[str, Any] = {"trust_remote_code": True, "tokens": "7", "typo": 1}
    assert without_harmless(options, ENGINES.get("fake")) == {"tokens": "7", "typo": 1}
    assert "trust_remote_code" in without_harmless(options, ENGINES.get("transformers"))


def own_address() -> str:
    addresses = [each for some in psutil.net_if_addrs().values() for each in some if each.family == socket.AF_INET]
    return addresses[-1].address


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("localhost", True),
        ("LOCALHOST:9997", True),
        (HERE.upper(), True),
        (" 127.0.0.1 ", True),
        ("127.8.8.8:1", True),
        ("0.0.0.0", True),
        ("::1", True),
        ("[::1]", True),
        (own_address(), True),
        (f"{own_address()}:9997", True),
        ("203.0.113.7", False),
        ("203.0.113.7:9997", False),
        ("2001:db8::1", False),
        ("example.invalid", False),
        ("not an address", False),
        ("", False),
    ],
)
def test_an_address_is_this_machines_or_not(address: str, own: bool) -> None:
    assert is_this_machine(address) is own
