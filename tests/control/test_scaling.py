"""Requests for more replicas of a model: those that ask for replicas like the present ones pass, others are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.control.scaling import check_alike
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Launch, Model
from modelyard.protocol.models import ScaleRequest

ADDRESS = "10.0.0.5:9997"
PINNED = Launch("m", Model("m"), "llama_cpp", gpus=2, gpu_idx=(1, 3))
LOOSE = Launch("m", Model("m"), "llama_cpp")


def check(launch: Launch, **body: Any) -> None:
    check_alike(ScaleRequest.model_validate(body), launch, ADDRESS)


DEVICES: list[dict[str, Any]] = [
    {},
    {"worker_ip": ADDRESS},
    {"worker_ip": "10.0.0.5", "n_gpu": 2},
    {"worker_ip": "localhost", "n_gpu": "auto"},
    {"worker_ip": "127.0.0.1", "n_gpu": None},
    {"worker_ip": "", "gpu_idx": [1, 3]},
    {"worker_ip": None, "gpu_idx": 3},
    {"gpu_idx": []},
]
ALIKE: list[dict[str, Any]] = [
    {},
    {"model_engine": "llama.cpp", "n_gpu": "auto"},
    {"n_gpu": 2},
    {"n_gpu": "2"},
    {"replica_config": {"role": "hybrid", "model_engine": "llama.cpp"}},
    {"replica_config": {"role": "", "replica_uid": "", "engine_config": {}, "devices": None}},
    {"replica_config": [{}, {}]},
    *({"replica_config": [{"devices": [device]}]} for device in DEVICES),
]


@pytest.mark.parametrize("body", ALIKE, ids=str)
def test_what_the_present_replicas_have_may_be_named(body: dict[str, Any]) -> None:
    check(PINNED, **body)


OTHERS: list[tuple[dict[str, Any], str, str]] = [
    ({"model_engine": "vllm"}, "model_engine", "runs on llama_cpp"),
    ({"n_gpu": 1}, "n_gpu", "has 2 GPUs"),
    ({"replica_config": {"replica_uid": "a"}}, "replica_config", "'replica_uid' per replica"),
    ({"replica_config": {"engine_config": {"a": 1}}}, "replica_config", "'engine_config' per replica"),
    ({"replica_config": {"role": "prefill"}}, "replica_config", "no role 'prefill'"),
    ({"replica_config": {"model_engine": "vllm"}}, "replica_config", "runs on llama_cpp"),
    ({"replica_config": {"devices": {"n_gpu": 2}}}, "replica_config", "'devices' is a list of objects"),
    ({"replica_config": {"devices": ["gpu"]}}, "replica_config", "'devices' is a list of objects"),
    ({"replica_config": [{}, {"role": "decode"}]}, "replica_config", "no role 'decode'"),
    ({"replica_config": {"devices": [{"worker_ip": "10.0.0.6"}]}}, "replica_config", "server runs on 10.0.0.5 alone"),
    ({"replica_config": {"devices": [{}, {"n_gpu": 0}]}}, "replica_config", "has 2 GPUs"),
    ({"replica_config": {"devices": [{"gpu_idx": [1]}]}}, "replica_config", "on GPUs 1, 3; its replicas stay there"),
    ({"replica_config": {"devices": [{"gpu_idx": 2}]}}, "replica_config", "on GPUs 1, 3"),
]


@pytest.mark.parametrize(("body", "param", "words"), OTHERS, ids=lambda value: str(value)[:40])
def test_anything_else_is_refused_by_its_name(body: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words) as refused:
        check(PINNED, **body)
    assert refused.value.param == param


def test_a_model_without_gpus_is_not_given_one() -> None:
    check(LOOSE, n_gpu=0)
    with pytest.raises(InvalidParameter, match="launched on no GPU in particular"):
        check(LOOSE, replica_config={"devices": [{"gpu_idx": [1]}]})
