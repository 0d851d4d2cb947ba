"""Pictures on the transformers engine: real replicas of small models that see, beside bare `generate`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from modelyard.catalog.hf_folder import read_folder
from modelyard.core.types import Hardware, Json, Launch, Shape
from modelyard.engines.transformers import PICTURE_BYTES, engine
from tests.causal_replica import CHAT, Replica
from tests.engine_environments import give_environments
from tests.live import live
from tests.vision_models import bare, data_url, make, message, picture_host, png

WIDE, HIGH, SQUARE = (data_url(png(*each)) for each in ((90, 31, 1), (30, 64, 2), (28, 28, 3)))

QUESTIONS: list[list[str]] = [
    [WIDE, "What is this?"],
    [HIGH, "What is this?"],
    ["Compare ", WIDE, " with ", HIGH, ", please."],
    [SQUARE, "这是什么？请用中文回答。"],
    ["Nothing to see, only 文字."],
    [HIGH, WIDE, SQUARE, "Which is the largest?"],
]
TOKENS = 24
SEEING = ["llava", "llava_next", "idefics3"]


def started(folder: Path, path: Path, **options: Json) -> Replica:
    wanted = Launch("m", replace(read_folder(path), name="m"), "transformers", options)
    return Replica(folder, wanted).until_ready()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: make(folder, name) for name in [*SEEING, "gemma3"]}


@pytest.fixture(scope="module", params=SEEING)
def seeing(
    request: pytest.FixtureRequest, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Replica]]:
    path = models[request.param]
    replica = started(tmp_path_factory.mktemp("r"), path, max_num_seqs=4, max_num_batched_tokens=20)
    yield path, replica
    assert replica.stop() == 0


def asked(replica: Replica, parts: list[str], **body: Any) -> Any:
    wish = {"temperature": 0, "max_tokens": TOKENS, **body}
    return replica.json(CHAT, messages=[message(parts)], **wish)


def text_of(answer: Any) -> str:
    return str(answer["choices"][0]["message"]["content"])


def test_answers_are_those_of_bare_generate_alone_and_together(seeing: tuple[Path, Replica]) -> None:
    """One, two and three pictures of different sizes, and none; each alone, then many at once in four rows."""
    path, replica = seeing
    wanted = bare(path, QUESTIONS, TOKENS)
    assert len({answer for answer, _ in wanted}) == len(QUESTIONS)
    alone = [asked(replica, question) for question in QUESTIONS]
    assert [(text_of(each), each["usage"]["prompt_tokens"]) for each in alone] == wanted
    with ThreadPoolExecutor(12) as pool:
        together = pool.map(lambda index: text_of(asked(replica, QUESTIONS[index % len(QUESTIONS)])), range(36))
        for index, answer in enumerate(together):
            assert answer == wanted[index % len(QUESTIONS)][0]


def test_the_stream_is_the_whole_answer_and_every_choice_sees(seeing: tuple[Path, Replica]) -> None:
    _, replica = seeing
    whole = asked(replica, QUESTIONS[2], n=3)
    assert {choice["message"]["content"] for choice in whole["choices"]} == {text_of(whole)}
    found = replica.stream(CHAT, messages=[message(QUESTIONS[2])], temperature=0, max_tokens=TOKENS)
    deltas = [event["choices"][0]["delta"].get("content", "") for event in found]
    assert "".join(deltas) == text_of(whole)


def test_only_the_same_pictures_share_work(seeing: tuple[Path, Replica]) -> None:
    _, replica = seeing
    first, other = data_url(png(40, 40, 11)), data_url(png(40, 40, 12))
    question = "A question of some length, the same about both?"
    one = text_of(asked(replica, [first, question]))
    before = replica.figure("prompt_tokens_reused_total")
    assert text_of(asked(replica, [first, question])) == one
    reused = replica.figure("prompt_tokens_reused_total")
    assert reused > before
    assert text_of(asked(replica, [other, question])) != one
    assert replica.figure("prompt_tokens_reused_total") == reused


def test_spellings_of_a_picture(seeing: tuple[Path, Replica]) -> None:
    _, replica = seeing
    wanted = text_of(asked(replica, [WIDE, "What is this?"]))
    for part in (
        {"type": "image_url", "image_url": WIDE},
        {"type": "image_url", "image_url": {"url": WIDE, "detail": "low"}},
        {"type": "image", "image": WIDE},
        {"type": "input_image", "image_url": WIDE},
    ):
        content = [part, {"type": "text", "text": "What is this?"}]
        found = replica.json(CHAT, messages=[{"role": "user", "content": content}], temperature=0, max_tokens=TOKENS)
        assert text_of(found) == wanted


def refusal(replica: Replica, parts: list[Any]) -> str:
    content = [message([part])["content"][0] if isinstance(part, str) else part for part in parts]
    answer = replica.post(CHAT, messages=[{"role": "user", "content": content}])
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == "messages"
    return str(answer.json()["error"]["message"])


def test_what_is_no_picture_is_refused(seeing: tuple[Path, Replica]) -> None:
    _, replica = seeing
    broken = png(40, 40, 1)[:90]
    assert "picture 1 cannot be read" in refusal(replica, [data_url(b"not a picture"), "?"])
    assert "picture 2 is broken" in refusal(replica, [WIDE, data_url(broken), "?"])
    assert "base64" in refusal(replica, ["data:image/png;base64,###", "?"])
    assert "data:image" in refusal(replica, ["data:text/plain;base64,AAAA", "?"])
    huge = png(1, 1, 1).replace(b"\0\0\0\1\0\0\0\1\x08", b"\0\0\xff\xff\0\0\xff\xff\x08")
    assert "pixels" in refusal(replica, [data_url(huge), "?"]) or "cannot be read" in refusal(replica, [data_url(huge)])
    assert "has no url" in refusal(replica, [{"type": "image_url"}])
    assert "only http and https" in refusal(replica, [{"type": "image", "image": "/etc/passwd"}])
    assert "input_audio" in refusal(replica, [{"type": "input_audio", "input_audio": {}}])
    assert "places '<image>'" in refusal(replica, [WIDE, "a text that says <image>"])
    assert "its port" in refusal(replica, ["http://127.0.0.1:1/a.png", "?"])
    assert "must be at a public host" in refusal(replica, ["http://127.0.0.1/a.png", "?"])
    assert "32" in refusal(replica, [WIDE] * 33)
    assert text_of(asked(replica, QUESTIONS[0]))


def test_what_sees_otherwise_answers_texts_and_says_why_no_pictures(models: dict[str, Path], tmp_path: Path) -> None:
    path = models["gemma3"]
    replica = started(tmp_path, path)
    assert "transformers engine" in refusal(replica, [WIDE, "What is this?"])
    assert "both directions" in refusal(replica, [WIDE, "What is this?"])
    question = ["Nothing to see, only 文字."]
    assert text_of(asked(replica, question)) == bare(path, [question], TOKENS)[0][0]
    assert replica.stop() == 0


def test_pictures_are_fetched_from_hosts_that_the_owner_and_the_launch_name(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with picture_host(png(90, 31, 1)) as place:
        monkeypatch.setenv("REPLICA_FETCH_HOSTS", f"{place},localhost")
        replica = started(tmp_path, models["llava"], allowed_media_hosts=place)
        fetched = asked(replica, [f"http://{place}/wide.png", "What is this?"])
        assert text_of(fetched) == text_of(asked(replica, [WIDE, "What is this?"]))
        assert f"not one of {place}" in refusal(replica, ["http://localhost/a.png", "?"])
        assert replica.stop() == 0


def test_without_its_processor_it_takes_text_only(models: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "model"
    shutil.copytree(models["llava"], path)
    (path / "processor_config.json").unlink()
    replica = started(tmp_path / "r", path)
    assert "processor" in refusal(replica, [WIDE, "What is this?"])
    assert text_of(asked(replica, ["hello"]))
    assert replica.stop() == 0


def test_a_template_of_texts_is_given_the_placeholder(models: dict[str, Path], tmp_path: Path) -> None:
    template = "<s>{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}{% endfor %}assistant:"
    replica = started(tmp_path, models["llava"], chat_template=template)
    wanted = bare(models["llava"], [[WIDE, "\nWhat is this?"]], TOKENS)[0][0]
    assert text_of(asked(replica, [WIDE, "What is this?"])) == wanted
    assert replica.stop() == 0


def test_fit_and_footprint_of_a_model_that_sees(models: dict[str, Path]) -> None:
    model = read_folder(models["llava"])
    assert "vision" in model.abilities
    assert isinstance(model.shape, Shape)
    fit = engine.fits(model, Hardware(2, ()))
    assert fit.score > 0 and "pictures" in fit.reason
    blind = replace(model, abilities=("chat",))
    seen = engine.footprint(Launch("m", model, "transformers", {})).activations
    assert seen - engine.footprint(Launch("m", blind, "transformers", {})).activations == PICTURE_BYTES + 1024 * 48 * 4


def test_a_whole_server_with_the_official_client(models: dict[str, Path], tmp_path: Path) -> None:
    home = tmp_path / "home"
    give_environments(home, "transformers")
    wanted = bare(models["idefics3"], [QUESTIONS[2]], TOKENS)[0][0]
    with live(home) as server:
        server.launched("eyes", model_path=str(models["idefics3"]), model_engine="transformers")
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            messages: Any = [message(QUESTIONS[2])]
            answer = client.chat.completions.create(model="eyes", messages=messages, temperature=0, max_tokens=TOKENS)
            assert answer.choices[0].message.content == wanted
            with pytest.raises(openai.BadRequestError, match="is not fetched"):
                private: Any = [message(["http://localhost:1/a.png", "?"])]
                client.chat.completions.create(model="eyes", messages=private)
