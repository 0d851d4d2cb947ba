"""sentence-transformers as an engine: the command as data, then real replicas beside the bare library."""

from __future__ import annotations

import base64
import json
import math
import os
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.core.errors import InvalidParameter, UnknownOption
from modelyard.core.types import Address, Device, Hardware, Json, Launch, Model, ModelType, Shape, Task
from modelyard.engines.base import PYTHON
from modelyard.engines.sentence_transformers import engine
from tests.encoder_models import bare_scores, bare_vectors, interpreter, make_prompted, make_tiny, minilm
from tests.processes import wait_for

MACHINE = Hardware(2, (Device("cpu", "main memory", 2**33, 2**33),))
NOWHERE = Address(uds="/nowhere.sock")
VECTORS = "/v1/embeddings"
RANKING = "/v1/rerank"
SENTENCE = "the lake in Hangzhou freezes seldom and boats cross it all winter while people drink tea 西湖 龙井茶"
WORDS = SENTENCE.split()
TEXTS = [" ".join(WORDS[(row * step) % len(WORDS)] for step in range(row % 90 + 1)) for row in range(256)]
MIXED = [
    "a",
    "杭州西湖的风景很美，人们在湖边喝龙井茶。",
    " spaces around and\na new line ",
    "emoji 🚣 and ümlauts",
    "long " * 200,
    "HELLO World",
]


def launch(path: Path, kind: ModelType = ModelType.EMBEDDING, **options: Json) -> Launch:
    return Launch("m", Model("m", kind, "pytorch", str(path)), "sentence_transformers", options)


class Replica:
    """A running replica and a client that holds its token."""

    def __init__(self, folder: Path, wanted: Launch) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        uds = folder / "r.sock"
        self.command = engine.command(wanted, Address(uds=str(uds)), "a-token")
        self.log = folder / "log"
        env = {**os.environ, **self.command.env, "OMP_NUM_THREADS": "2"}
        self.process = interpreter().replica(env, self.log)
        headers = {name.decode(): value.decode() for name, value in self.command.headers}
        transport = httpx.HTTPTransport(uds=str(uds))
        self.http = httpx.Client(base_url="http://replica", transport=transport, headers=headers, timeout=150)

    def until_ready(self) -> Replica:
        def look() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            with socket.socket(socket.AF_UNIX) as probe:
                listening = probe.connect_ex(str(self.command.address.uds)) == 0
            return listening and self.http.get(self.command.health_path).status_code == 200

        wait_for(look, seconds=150)
        return self

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.http.post(path, json={"model": "m", **body})

    def json(self, path: str, **body: Any) -> Any:
        answer = self.post(path, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def vectors(self, given: Any, **body: Any) -> list[list[float]]:
        data = self.json(VECTORS, input=given, **body)["data"]
        assert [each["index"] for each in data] == list(range(len(data)))
        return [each["embedding"] for each in data]

    def figure(self, name: str) -> float:
        lines = self.http.get("/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"replica_{name} "))

    def refused(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.post(path, **body)
        assert answer.status_code == 400, answer.text
        error: dict[str, Any] = answer.json()["error"]
        return error

    def stop(self) -> int:
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("st")


@pytest.fixture(scope="module")
def replica(folder: Path) -> Iterator[Replica]:
    made = Replica(folder / "minilm", launch(minilm())).until_ready()
    yield made
    assert made.stop() == 0


@pytest.fixture(scope="module")
def bare() -> dict[str, Any]:
    return bare_vectors(minilm(), [*TEXTS, *MIXED])


@pytest.fixture(scope="module")
def ranker(folder: Path) -> Path:
    return make_tiny(folder / "ranker", labels=1)


@pytest.fixture(scope="module")
def ranking(folder: Path, ranker: Path) -> Iterator[Replica]:
    made = Replica(folder / "ranking", launch(ranker, ModelType.RERANK)).until_ready()
    yield made
    made.stop()


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


def same(found: list[list[float]], expected: list[list[float]]) -> bool:
    return len(found) == len(expected) and all(
        cosine(one, other) > 0.9999 and max(abs(a - b) for a, b in zip(one, other, strict=True)) < 1e-4
        for one, other in zip(found, expected, strict=True)
    )


# -- the command, as data ----------------------------------------------------------------------------------------------


def test_it_runs_folders_of_vectors_and_of_ranking() -> None:
    assert engine.fits(Model("m", ModelType.EMBEDDING, "pytorch"), MACHINE).score > 0
    cross = Model("m", ModelType.RERANK, "pytorch", architecture="BertForSequenceClassification")
    assert engine.fits(cross, MACHINE).score > 0


@pytest.mark.parametrize(
    "model",
    [
        Model("m", ModelType.LLM, "pytorch"),
        Model("m", ModelType.EMBEDDING, "ggufv2"),
        Model("m", ModelType.RERANK, "pytorch", architecture="Qwen3ForCausalLM"),
    ],
)
def test_it_runs_nothing_else(model: Model) -> None:
    assert engine.fits(model, MACHINE).score == 0


def test_the_command_is_of_the_engines_environment_and_the_token_is_not_in_it() -> None:
    command = engine.command(launch(Path("/models/m"), max_seq_length="128"), NOWHERE, "secret")
    assert command.argv == (PYTHON, "-m", "modelyard.serving")
    assert command.tasks == {Task.EMBEDDING, Task.TOKENIZATION}
    assert command.context_length == 128
    assert command.headers == ((b"authorization", b"Bearer secret"),)


def test_wrong_options_are_refused_before_anything_starts() -> None:
    with pytest.raises(UnknownOption, match="max_batch_tokens"):
        engine.command(launch(Path("/m"), max_batch_token=1), NOWHERE, "")
    with pytest.raises(InvalidParameter, match="dtype"):
        engine.command(launch(Path("/m"), dtype="int3"), NOWHERE, "")
    with pytest.raises(InvalidParameter, match="means 'max_length'"):
        engine.command(launch(Path("/m"), max_length=1, max_seq_length=2), NOWHERE, "")


def test_weights_are_widened_on_the_cpu() -> None:
    shape = Shape(layers=24, hidden=1024, heads=16, kv_heads=16, head_dim=64, parameters=500_000_000)
    model = Model("m", ModelType.EMBEDDING, "pytorch", "/m", weights_bytes=1_000_000_000, shape=shape)
    assert engine.footprint(Launch("m", model, engine.name)).weights == 2_000_000_000
    assert engine.footprint(Launch("m", model, engine.name, gpus=1)).weights == 1_000_000_000
    assert engine.footprint(Launch("m", model, engine.name, {"dtype": "bfloat16"})).weights == 1_000_000_000


# -- vectors -----------------------------------------------------------------------------------------------------------


def test_one_text_is_what_the_bare_library_makes_of_it(replica: Replica, bare: dict[str, Any]) -> None:
    for text, expected in zip([*TEXTS[:2], *MIXED[:4]], [*bare["vectors"][:2], *bare["vectors"][256:260]], strict=True):
        assert same(replica.vectors(text), [expected])


def test_256_texts_of_all_lengths(replica: Replica, bare: dict[str, Any]) -> None:
    assert same(replica.vectors(TEXTS), bare["vectors"][:256])


def test_long_and_short_and_chinese_texts_in_one_call(replica: Replica, bare: dict[str, Any]) -> None:
    assert same(replica.vectors(MIXED), bare["vectors"][256:])


def test_like_means_near(replica: Replica) -> None:
    cat, kitten, bank = replica.vectors(["A cat sleeps.", "A kitten naps.", "The bank raised its interest rates."])
    assert cosine(cat, kitten) > 0.5 > cosine(cat, bank)


def test_64_clients_at_once_each_get_their_own(replica: Replica, bare: dict[str, Any]) -> None:
    before = replica.figure("passes_total")
    with ThreadPoolExecutor(64) as clients:
        found = list(clients.map(replica.vectors, TEXTS))
    assert same([vectors[0] for vectors in found], bare["vectors"][:256])
    assert replica.figure("passes_total") - before < 256


def test_base64_is_the_same_numbers(replica: Replica) -> None:
    plain = replica.vectors(TEXTS[:3])
    packed: Any = replica.vectors(TEXTS[:3], encoding_format="base64")
    for numbers, text in zip(plain, packed, strict=True):
        raw = base64.b64decode(text)
        assert struct.unpack(f"<{len(numbers)}f", raw) == tuple(
            struct.unpack("<f", struct.pack("<f", number))[0] for number in numbers
        )


def test_numbers_are_no_longer_than_float32_needs(replica: Replica) -> None:
    text = replica.post(VECTORS, input="a").text
    numbers = [each for each in text.rpartition("[")[2].partition("]")[0].split(",") if abs(float(each)) > 1e-14]
    assert len(numbers) > 370
    assert max(len(number.lstrip("-0.").partition("e")[0].replace(".", "")) for number in numbers) <= 9


def test_dimensions_cut_and_keep_the_length(replica: Replica) -> None:
    (whole,) = replica.vectors("tea")
    (short,) = replica.vectors("tea", dimensions=64)
    assert len(short) == 64
    assert math.isclose(math.hypot(*short), 1, rel_tol=1e-5)
    assert cosine(short, whole[:64]) > 0.99999
    assert replica.refused(VECTORS, input="tea", dimensions=385)["param"] == "dimensions"


def test_tokens_are_counted_as_the_model_reads_them(replica: Replica, bare: dict[str, Any]) -> None:
    usage = replica.json(VECTORS, input=TEXTS)["usage"]
    assert usage == {"prompt_tokens": sum(bare["tokens"][:256]), "total_tokens": sum(bare["tokens"][:256])}


def test_token_ids_are_texts(replica: Replica, bare: dict[str, Any]) -> None:
    assert same(replica.vectors(bare["ids"][2]), bare["vectors"][2:3])
    assert same(replica.vectors(bare["ids"]), bare["vectors"][:3])


def test_a_text_that_is_too_long_is_refused_unless_it_may_be_cut(replica: Replica) -> None:
    long = "tea " * 300
    error = replica.refused(VECTORS, input=["short", long])
    assert (error["code"], error["param"]) == ("context_length_exceeded", "input[1]")
    assert "256 tokens" in error["message"] and "302" in error["message"]
    cut = replica.json(VECTORS, input=long, truncate_prompt_tokens=-1)
    assert cut["usage"]["prompt_tokens"] == 256
    assert same([cut["data"][0]["embedding"]], bare_vectors(minilm(), [long])["vectors"])
    assert replica.json(VECTORS, input=long, truncate_prompt_tokens=10)["usage"]["prompt_tokens"] == 10


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input[0]"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": [[]]}, "input[0]"),
        ({"input": ["a", 1]}, "input"),
        ({"input": [1, [2]]}, "input"),
        ({"input": [101, 30522]}, "input"),
        ({"input": [-1]}, "input[0]"),
        ({"input": {"a": 1}}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "truncate_prompt_tokens": 2}, "truncate_prompt_tokens"),
        ({"input": "a", "prompt_name": "nobody"}, "prompt_name"),
        ({"input": "a", "input_type": "poem"}, "input_type"),
    ],
)
def test_what_is_wrong_is_named(replica: Replica, body: dict[str, Any], param: str) -> None:
    assert replica.refused(VECTORS, **body)["param"] == param


def memory_peak(pid: int) -> int:
    """The most memory that a process has had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024


def test_2000_texts_in_one_call_take_little_memory(replica: Replica) -> None:
    many = [f"{TEXTS[row % 60]} {row}" for row in range(2000)]
    replica.vectors(many[:256])
    before = memory_peak(replica.process.pid)
    assert len(replica.vectors(many)) == 2000
    assert memory_peak(replica.process.pid) - before < 350


def test_a_client_that_leaves_frees_its_share(replica: Replica) -> None:
    before = replica.figure("texts_total")
    body = json.dumps({"model": "m", "input": ["tea " * 200] * 2000}).encode()
    head = f"POST {VECTORS} HTTP/1.1\r\nhost: r\r\nauthorization: Bearer a-token\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(replica.command.address.uds))
        client.sendall(head.encode() + body)
        wait_for(lambda: replica.figure("texts_total") > before, seconds=100)
    wait_for(lambda: replica.figure("texts_waiting") == 0, seconds=100)
    assert replica.figure("texts_total") - before < 2000
    assert replica.vectors("still here")


# -- folders that say less ---------------------------------------------------------------------------------------------


def test_a_bare_encoder_is_pooled_as_the_launch_says(folder: Path) -> None:
    path = make_tiny(folder / "encoder")
    for name, wanted in (("mean", launch(path)), ("cls", launch(path, pooling="cls"))):
        made = Replica(folder / name, wanted).until_ready()
        try:
            assert same(made.vectors(MIXED[:4]), bare_vectors(path, MIXED[:4], name)["vectors"])
        finally:
            made.stop()


@pytest.mark.parametrize("pooled", [True, False])
def test_the_models_own_prompts_stand_before_the_texts(folder: Path, pooled: bool) -> None:
    path = folder / f"prompted-{pooled}"
    texts = ["lake", "tea and boats"]
    expected = make_prompted(path, make_tiny(folder / f"source-{pooled}"), texts, pooled)
    made = Replica(folder / f"prompts-{pooled}", launch(path, prompt_name="document")).until_ready()
    try:
        assert same(made.vectors(texts, input_type="query"), expected["query"])
        assert same(made.vectors(texts, prompt_name="query"), expected["query"])
        assert same(made.vectors(texts, input_type="document"), expected["document"])
        assert same(made.vectors(texts), expected["document"])
        assert not same(expected["query"], expected["document"])
        assert "query, document" in made.refused(VECTORS, input="a", prompt_name="nobody")["message"]
    finally:
        made.stop()


def why_not(folder: Path, model: Path) -> str:
    """What is said of a model whose replica ends."""
    broken = Replica(folder, launch(model))
    code = broken.process.wait(100)
    assert code != 0
    said = engine.explain(broken.log.read_text(encoding="utf-8").splitlines(), code)
    broken.stop()
    return said


def test_a_folder_that_cannot_be_loaded_says_why(folder: Path) -> None:
    empty = folder / "empty"
    empty.mkdir()
    (empty / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    assert "empty" in why_not(folder / "broken", empty)


def test_texts_that_would_go_through_a_chat_template_are_refused(folder: Path) -> None:
    """Its vectors would be others than those of the library, which puts each text into the template."""
    chatty = make_tiny(folder / "chatty", template="{% for message in messages %}{{ message.content }}{% endfor %}")
    said = why_not(folder / "chatting", chatty)
    assert "chat template" in said and "modality_config" in said


# -- ranking -----------------------------------------------------------------------------------------------------------


DOCUMENTS = ["Hangzhou lies by a lake.", "龙井茶", "Bread is baked.", "Boats cross the lake " * 3, ""]


def test_scores_are_those_of_the_bare_library(ranking: Replica, ranker: Path) -> None:
    expected = bare_scores(ranker, "Where is the lake?", DOCUMENTS)
    answer = ranking.json(RANKING, query="Where is the lake?", documents=DOCUMENTS)
    found = {each["index"]: each["relevance_score"] for each in answer["results"]}
    assert found == pytest.approx(dict(enumerate(expected)), abs=1e-5)
    scores = [each["relevance_score"] for each in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert max(scores) - min(scores) > 0.01


def test_the_answer_has_the_shape_of_the_peers(ranking: Replica) -> None:
    answer = ranking.json(
        RANKING, query="lake", documents=["a", {"text": "b"}, {"text": "c"}], top_n=2, return_documents=True
    )
    assert set(answer) == {"id", "model", "results", "meta", "usage"}
    assert answer["model"] == "m"
    assert len(answer["results"]) == 2
    assert all(each["document"] == {"text": "abc"[each["index"]]} for each in answer["results"])
    assert answer["meta"]["tokens"] == {"input_tokens": 15, "output_tokens": 0}
    assert answer["usage"] == {"prompt_tokens": 15, "total_tokens": 15}
    plain = ranking.json(RANKING, query="lake", documents=["a"])
    assert plain["results"][0]["document"] is None


def test_a_pair_that_is_too_long_is_refused_or_cut(ranking: Replica, ranker: Path) -> None:
    long = "tea " * 100
    error = ranking.refused(RANKING, query="lake", documents=["a", long])
    assert (error["code"], error["param"]) == ("context_length_exceeded", "documents[1]")
    answer = ranking.json(RANKING, query="lake", documents=["a", long], truncate_prompt_tokens=-1)
    found = {each["index"]: each["relevance_score"] for each in answer["results"]}
    assert found == pytest.approx(dict(enumerate(bare_scores(ranker, "lake", ["a", long]))), abs=1e-5)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"documents": ["a"]}, "query"),
        ({"query": "", "documents": ["a"]}, "query"),
        ({"query": "a"}, "documents"),
        ({"query": "a", "documents": []}, "documents"),
        ({"query": "a", "documents": ["a", {"title": "b"}]}, "documents[1]"),
        ({"query": "a", "documents": [1]}, "documents[0]"),
        ({"query": "a", "documents": ["a"], "top_n": 0}, "top_n"),
    ],
)
def test_what_is_wrong_with_a_ranking_is_named(ranking: Replica, body: dict[str, Any], param: str) -> None:
    assert ranking.refused(RANKING, **body)["param"] == param
