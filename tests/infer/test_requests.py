"""What becomes of a conversation on its way to a server: pictures at their marks, settings under OpenAI's names."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InvalidParameter
from modelyard.infer import RequestConfig
from modelyard.infer.requests import IMAGE, chat_body, with_images

URL = "https://example.org/{}.png"


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def part(number: int) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": URL.format(number)}}


@pytest.mark.parametrize(
    ("config", "body"),
    [
        ({}, {}),
        ({"temperature": 0.0, "max_tokens": 5, "seed": 7}, {"temperature": 0.0, "max_tokens": 5, "seed": 7}),
        ({"stop": "END"}, {"stop": "END"}),
        ({"stop": ("a", "b")}, {"stop": ["a", "b"]}),
        ({"stop": ()}, {}),
        ({"n": 1}, {}),
        ({"n": 3, "best_of": 4}, {"n": 3, "best_of": 4}),
        ({"presence_penalty": 0.0, "frequency_penalty": 0.5}, {"frequency_penalty": 0.5}),
        ({"structured_outputs_regex": "a+"}, {"structured_outputs": {"regex": "a+"}}),
        ({"logprobs": True}, {"logprobs": True}),
        ({"top_logprobs": 4}, {"logprobs": True, "top_logprobs": 4}),
    ],
)
def test_only_settings_that_differ_from_the_default_are_sent(config: dict[str, Any], body: dict[str, Any]) -> None:
    assert RequestConfig(**config).body() == body


@pytest.mark.parametrize(("top", "sent"), [(None, 1), (6, 6)])
def test_completions_have_logprobs_as_a_number(top: int | None, sent: int) -> None:
    assert RequestConfig(logprobs=True, top_logprobs=top).body(chat=False) == {"logprobs": sent}


@pytest.mark.parametrize(("name", "value"), [("num_beams", 2), ("length_penalty", 0.5)])
def test_beam_search_is_refused_by_the_name_of_its_setting(name: str, value: float) -> None:
    with pytest.raises(InvalidParameter, match="beam search") as caught:
        RequestConfig(**{name: value}).body()  # type: ignore[arg-type]
    assert caught.value.param == name


def test_a_chat_has_its_tools_and_the_variables_of_its_template() -> None:
    tool = {"type": "function", "function": {"name": "now"}}
    request = {"messages": [user("hi")], "tools": (tool,), "chat_template_kwargs": {"enable_thinking": False}}
    assert chat_body(request, RequestConfig()) == {
        "messages": [user("hi")],
        "tools": [tool],
        "chat_template_kwargs": {"enable_thinking": False},
    }


@pytest.mark.parametrize("name", ["audios", "videos"])
def test_sounds_and_films_are_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match="images are supported") as caught:
        chat_body({"messages": [user("hi")], name: ["a.bin"]}, RequestConfig())
    assert caught.value.param == name


@given(st.lists(st.text(alphabet="ab \n", max_size=4), min_size=2, max_size=6))
def test_pictures_stand_at_their_marks_and_no_text_is_lost(texts: list[str]) -> None:
    messages = [user(IMAGE.join(texts))]
    (message,) = with_images(messages, [URL.format(number) for number in range(len(texts) - 1)])
    content = message["content"]
    pictures = [each for each in content if each["type"] == "image_url"]
    assert pictures == [part(number) for number in range(len(texts) - 1)]
    assert IMAGE.join(texts) == "".join(each.get("text", IMAGE) for each in content)
    assert all(each["text"] for each in content if each["type"] == "text")
    assert messages == [user(IMAGE.join(texts))], "the caller's messages stay as they were"


def test_pictures_without_marks_stand_before_the_last_question() -> None:
    messages = [user("first"), {"role": "assistant", "content": "yes"}, user("second")]
    found = with_images(messages, [URL.format(0), URL.format(1)])
    assert found[:2] == messages[:2]
    assert found[2]["content"] == [part(0), part(1), {"type": "text", "text": "second"}]


@pytest.mark.parametrize(
    ("messages", "count", "problem"),
    [
        ([user(IMAGE)], 2, "1 more than"),
        ([user(IMAGE * 3)], 2, "fewer than"),
        ([{"role": "system", "content": "be brief"}], 1, "no message of a user"),
        ([user(IMAGE), user(IMAGE)], 1, "fewer than"),
    ],
)
def test_pictures_and_marks_that_do_not_match(messages: list[dict[str, Any]], count: int, problem: str) -> None:
    with pytest.raises(InvalidParameter, match=problem):
        with_images(messages, [URL.format(number) for number in range(count)])


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "image/jpeg"), ("picture", "image/png")])
def test_a_picture_of_this_machine_is_sent_whole(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xd8")
    (message,) = with_images([user(IMAGE)], [str(tmp_path / name)])
    encoded = base64.b64encode(b"\xff\xd8").decode()
    assert message["content"] == [{"type": "image_url", "image_url": {"url": f"data:{kind};base64,{encoded}"}}]
    with pytest.raises(InvalidParameter, match="no such file"):
        with_images([user(IMAGE)], [str(tmp_path / "missing.png")])
