"""The chat page: questions and answers, branches, sources, tools, files, answers that go on without a tab, and its states."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.knowing import Base
from tests.knowledge.documents.loaders import samples
from tests.knowledge.documents.loaders.samples import paragraph
from tests.live import Live
from tests.ui.conftest import PASSWORD, Guarded
from tests.ui.screen import NARROW, Watch, press, serious, show, stored, tab_to, too_wide
from tests.ui.scripted import UID, ScriptedAnswers, scripted_answers, tool_calls_delta

HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(2)</script> [x](javascript:alert(3)) ![p](http://evil.example/p.png)"
)


@pytest.fixture(scope="module")
def script(server: Live) -> Iterator[ScriptedAnswers]:
    with scripted_answers(server) as answers:
        yield answers


def question(page: Page) -> Locator:
    return page.get_by_label("Question", exact=True)


def ask(page: Page, text: str) -> Locator:
    """Ask, and return the answer that is made."""
    count = page.locator(".chat-answer").count()
    question(page).fill(text)
    question(page).press("Enter")
    return page.locator(".chat-answer").nth(count)


def ended(answer: Locator) -> Locator:
    """The answer, once it is whole."""
    expect(answer.get_by_role("button", name="Good answer")).to_be_attached()
    return answer


def choose_model(page: Page, name: str) -> None:
    page.locator("[data-model-picker]").click()
    page.get_by_role("dialog", name="Model").get_by_role("button", name=re.compile(rf"^{name}\b")).click()


def choose_source(page: Page, mode: str, *boxes: str) -> None:
    page.locator("[data-source-picker]").click()
    menu = page.get_by_role("dialog", name="Sources of the answer")
    menu.get_by_role("radio", name=mode).click()
    for box in boxes:
        menu.get_by_label(box, exact=True).check()
    press(page, "Escape")


def test_a_talk(page: Page, server: Live, script: ScriptedAnswers) -> None:
    """Questions, Markdown, figures, branches by editing and by another answer, feedback, deleting."""
    script.texts = {
        "Markdown": f"**Pumps** and `code`\n\n```python\nx = 1\n```\n\n{HOSTILE}",
        "Edited": "Another answer.",
    }
    show(page, server, f"#/chat?model={UID}")
    answer = ended(ask(page, "Some Markdown, please"))
    expect(page).to_have_url(re.compile(r"#/chat/\w+$"))
    expect(answer.locator("strong")).to_have_text("Pumps")
    expect(answer.locator("pre .hljs-number")).to_have_text("1")
    expect(answer).to_contain_text("<script>alert(2)</script>")
    expect(answer.locator("dl")).to_contain_text(re.compile(r"First token.*Tokens ?40", re.DOTALL))
    expect(page.locator("h1")).to_have_text("Some Markdown, please")
    expect(page.locator("[data-spoken]")).to_contain_text("evil.example")
    assert serious(page) == []
    press(page, "ArrowUp")
    page.get_by_role("textbox", name="Edit").fill("Edited question")
    press(page, "Enter")
    expect(page.locator(".chat-answer")).to_contain_text("Another answer.")
    expect(question(page)).to_be_focused()
    expect(page.locator("[data-spoken]")).to_have_text("Another answer.")
    expect(page.locator(".chat-branch-number")).to_have_text("2/2")
    press(page, "Alt+ArrowLeft")
    expect(page.locator(".chat-branch-number")).to_have_text("1/2")
    expect(page.locator(".chat-answer strong")).to_have_text("Pumps")
    expect(page.locator("[data-spoken]")).to_have_text("")
    page.locator(".chat-answer").get_by_role("button", name="Answer again").click()
    page.get_by_role("menuitem", name="Answer with echo").click()
    expect(page.locator(".chat-branch-number").last).to_have_text("2/2")
    answer = ended(page.locator(".chat-answer"))
    expect(answer.locator(".chat-message-name")).to_have_text("echo")
    answer.hover()
    answer.get_by_role("button", name="Bad answer").click()
    page.get_by_label("What was wrong?").fill("too short")
    press(page, "Enter")
    expect(page.get_by_role("status").filter(has_text="feedback")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    page.locator(".chat-answer").get_by_role("button", name="Delete message").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".chat-answer strong")).to_have_text("Pumps")
    assert "Markdown" not in str(stored(page))


def test_the_list(page: Page, server: Live, script: ScriptedAnswers) -> None:
    """Search in texts, rename, pin, folders, delete one and several, undo."""
    ids = []
    for text in ("walrus one", "walrus two", "walrus three"):
        chat = server.http.post("/v1/chats", json={}).json()["id"]
        server.http.post(f"/v1/chats/{chat}/messages", json={"content": f"{text} 海象"})
        ids.append(chat)
    show(page, server, f"#/chat/{ids[0]}")
    rows = page.get_by_role("navigation", name="Chats").get_by_role("listitem")
    press(page, "Escape", "/")
    page.keyboard.type("海象 walrus")
    expect(rows).to_have_count(3)

    def menu(title: str, item: str) -> None:
        rows.filter(has_text=title).hover()
        page.get_by_role("button", name=f"Menu of {title}").click()
        page.get_by_role("menuitem", name=item).click()

    menu("walrus one 海象", "Pin")
    expect(page.get_by_role("heading", name="Pinned")).to_be_visible()
    menu("walrus two 海象", "Rename")
    page.get_by_label("Name", exact=True).fill("renamed")
    press(page, "Enter")
    expect(rows.filter(has_text="renamed")).to_have_count(1)
    menu("renamed", "New folder")
    page.get_by_label("Name", exact=True).fill("zoo")
    press(page, "Enter")
    page.get_by_label("Folder", exact=True).first.select_option(label="zoo (1)")
    expect(rows).to_have_count(1)
    page.get_by_label("Folder", exact=True).first.select_option(label="All chats")
    expect(rows).to_have_count(3)
    menu("walrus three 海象", "Delete")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Menu of the list").click()
    page.get_by_role("menuitemcheckbox", name="Select several").or_(
        page.get_by_role("menuitem", name="Select several")
    ).click()
    for title in ("walrus one 海象", "renamed"):
        page.get_by_label(f"Select {title}").check()
    page.get_by_role("navigation", name="Chats").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("#/chat$"))


def test_an_answer_goes_on_without_its_tab(page: Page, server: Live) -> None:
    """It is joined again after a reload, followed by two tabs, and stopped for both."""
    show(page, server, "#/chat?model=slow")
    answer = ask(page, "Tell me of foxes")
    expect(answer).to_contain_text("quick")
    page.reload()
    expect(answer).to_contain_text("quick brown fox")
    with page.context.expect_page() as opened:
        page.evaluate("() => { window.open(location.href); }")
    other = opened.value
    expect(other.locator(".chat-answer")).to_contain_text("quick brown fox")
    before = len(other.locator(".chat-answer").inner_text())
    other.wait_for_function(
        "(before) => document.querySelector('.chat-answer').innerText.length > before + 40", arg=before
    )
    press(page, "Escape")
    for tab in (page, other):
        expect(tab.locator(".chat-ending")).to_contain_text("broken off")
        expect(tab.locator("[data-spoken]")).to_contain_text("broken off")
        expect(tab.get_by_role("button", name="Continue")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_attached()


def test_sources_open_at_their_place(page: Page, server: Live, script: ScriptedAnswers, watch: Watch) -> None:
    script.texts = {"gate": "The gate opens early [1].", "Sources": "The sources do not have the answer."}
    text = (
        "# Gates\n\n"
        + "Filler of the document. " * 60
        + "\n\nThe gate opens at 06:30 on workdays.\n\n"
        + "More filler. " * 200
    )
    Base.made(server, "gates").add({"gates.md": text.encode()})
    show(page, server, f"#/chat?model={UID}")
    choose_source(page, "Knowledge bases", "gates")
    answer = ended(ask(page, "When does the gate open on workdays?"))
    answer.get_by_role("button", name="Source 1").click()
    drawer = page.get_by_role("complementary")
    expect(drawer.locator("mark").first).to_be_in_viewport()
    expect(drawer.locator(".chat-span")).to_contain_text("06:30")
    assert serious(page) == []
    drawer.get_by_role("button", name="All sources").click()
    expect(drawer.get_by_role("listitem").first).to_contain_text("gates.md")
    drawer.get_by_role("button", name="Request").click()
    expect(drawer.locator("pre")).to_contain_text('"bases"')
    drawer.get_by_role("button", name="Parameters").click()
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        drawer.get_by_label("Temperature").fill("0.3")
        drawer.get_by_label("System text").fill("Be brief.")
    expect(page.locator(".failure")).to_have_count(0)
    page.reload()
    page.get_by_role("button", name="Parameters").click()
    expect(page.get_by_label("Temperature")).to_have_value("0.3")
    watch.expect(404)
    server.http.delete("/v1/knowledge_bases/gates")
    page.get_by_role("button", name="Sources", exact=True).first.click()
    drawer.get_by_role("listitem").first.get_by_role("button").click()
    expect(drawer).to_contain_text("no longer there")
    press(page, "]")
    expect(drawer).to_contain_text("2/2")


def test_a_page_of_a_pdf_is_shown_with_its_lines(page: Page, server: Live, script: ScriptedAnswers) -> None:
    script.texts = {"badger": "Badgers dig [1]."}
    pages = [
        paragraph(760, "The otter swims in the river."),
        paragraph(500, "The badger digs long tunnels", "in the dark wood."),
    ]
    Base.made(server, "animals").add({"animals.pdf": samples.pdf(pages)})
    show(page, server, f"#/chat?model={UID}")
    choose_source(page, "Knowledge bases", "animals")
    answer = ended(ask(page, "What does the badger dig?"))
    answer.get_by_role("button", name="Source 1").click()
    picture = page.get_by_role("img", name="Page 2 of animals.pdf")
    expect(picture).to_be_visible()
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 1000
    box, whole = page.locator(".chat-box").first.bounding_box(), picture.bounding_box()
    assert box and whole and whole["x"] <= box["x"] and box["x"] + box["width"] <= whole["x"] + whole["width"]
    assert box["height"] < whole["height"] / 4


def test_thinking_tools_and_failures(page: Page, server: Live, script: ScriptedAnswers, watch: Watch) -> None:
    thoughts = [{"reasoning_content": f"thought {number}. "} for number in range(5)]
    script.texts = {
        "think": [*thoughts, {"content": "Thought through."}],
        "reckon": tool_calls_delta(("calculator", {"expression": "12*7"})),
        "wrong": tool_calls_delta(("calculator", {"expression": HOSTILE})),
        "break": 500,
    }
    show(page, server, f"#/chat?model={UID}")
    answer = ended(ask(page, "think"))
    answer.get_by_text(re.compile("Thought for")).click()
    expect(answer.locator(".chat-thinking-text")).to_contain_text("thought 4.")
    choose_source(page, "Tools")
    answer = ended(ask(page, "reckon"))
    expect(answer.locator(".chat-step")).to_contain_text("expression: 12*7")
    answer.locator(".chat-step summary").click()
    expect(answer.locator(".chat-step")).to_contain_text(re.compile("Output.*84", re.DOTALL))
    answer = ended(ask(page, "wrong"))
    expect(answer.locator(".chat-step-failed")).to_contain_text("failed")
    choose_source(page, "Model alone")
    answer = ask(page, "break it")
    expect(answer.get_by_role("alert")).to_contain_text("out of order")
    expect(answer.get_by_role("button", name="Answer again").first).to_be_visible()
    assert serious(page) == []


def test_files_and_pictures(page: Page, server: Live, script: ScriptedAnswers, tmp_path: Path) -> None:
    script.texts = {"shed": "Yes, it is green [1]."}
    note = tmp_path / "<b>door.txt"
    note.write_text("The door of the shed is painted green. " * 4, encoding="utf-8")
    picture = tmp_path / "dot.png"
    picture.write_bytes(bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003030100"
        "a1a5a2d50000000049454e44ae426082"
    ))  # fmt: skip
    show(page, server, f"#/chat?model={UID}")
    page.locator("input[type=file]").set_input_files(note)
    expect(page.get_by_role("list", name="Attachments")).to_contain_text("<b>door.txt")
    answer = ended(ask(page, "Is the door of the shed painted green?"))
    expect(page.locator(".chat-question")).to_contain_text("<b>door.txt")
    answer.get_by_role("button", name="Source 1").click()
    expect(page.get_by_role("complementary")).to_contain_text("painted green")
    page.locator("input[type=file]").set_input_files(picture)
    expect(page.get_by_role("list", name="Attachments").locator("img")).to_be_visible()
    page.get_by_role("button", name="Remove dot.png").click()
    expect(page.get_by_role("list", name="Attachments")).to_have_count(0)


DROP = """(area, [kind, name]) => {
    const data = new DataTransfer();
    data.items.add(new File(["A note about <b>pumps</b>."], name, { type: "text/plain" }));
    const more = { bubbles: true, cancelable: true };
    const paste = () => new ClipboardEvent("paste", { clipboardData: data, ...more });
    area.dispatchEvent(kind === "paste" ? paste() : new DragEvent("drop", { dataTransfer: data, ...more }));
}"""


def test_files_are_pasted_and_dropped(page: Page, server: Live, script: ScriptedAnswers) -> None:
    """Files of any kind; a plain text that is pasted stays text."""
    show(page, server, f"#/chat?model={UID}")
    question(page).evaluate(DROP, ["paste", "pasted.txt"])
    page.locator(".chat-head").evaluate(DROP, ["drop", "dropped.txt"])
    expect(page.get_by_role("list", name="Attachments").get_by_role("listitem")).to_have_count(2)
    press(page, "Control+Enter")
    expect(page.locator(".chat-question")).to_have_count(0)


def test_a_program_sends_the_same_request(page: Page, server: Live, script: ScriptedAnswers) -> None:
    """The code of the drawer is run as it stands, with quotes and Chinese in the question."""
    script.texts = {"it's": "The same answer."}
    show(page, server, f"#/chat?model={UID}")
    ended(ask(page, """What's "it's" in 中文?"""))
    page.get_by_role("button", name="Request", exact=True).click()
    page.get_by_role("button", name="Python").click()
    code = page.get_by_role("complementary").locator("pre").inner_text()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "The same answer."), done.stderr
    page.get_by_role("button", name="curl").click()
    code = page.get_by_role("complementary").locator("pre").inner_text()
    words = shlex.split(code.replace("\\\n", " ").replace("$MODELYARD_API_KEY", "none"))
    assert words[:2] == ["curl", f"{server.url}/v1/chat/completions"] and words[3] == "Authorization: Bearer none"
    answer = server.http.post(words[1], content=words[-1], headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text


def test_chinese_dark_and_narrow(page: Page, server: Live, script: ScriptedAnswers) -> None:
    show(page, server, f"#/chat?model={UID}", language="zh", theme="dark", size=NARROW)
    page.get_by_label("问题", exact=True).fill("什么是泵？")
    page.get_by_label("问题", exact=True).press("Enter")
    expect(page.locator(".chat-answer")).to_contain_text("泵是输送液体的机械。")
    page.locator("[data-source-picker]").click()
    expect(page.get_by_role("radio")).to_have_text(
        [re.compile(name) for name in ("LLM 对话", "知识库问答", "文件对话", "搜索引擎问答", "Agent 对话")]
    )
    assert too_wide(page) == [] and serious(page) == []
    press(page, "Escape")
    page.get_by_role("button", name="对话列表").click()
    expect(page.get_by_role("link", name="新对话")).to_be_in_viewport()
    assert serious(page) == []
    page.get_by_role("navigation", name="对话列表").get_by_role("button", name="关闭").click()
    page.get_by_role("button", name="参数").click()
    expect(page.get_by_label("系统提示词")).to_be_visible()
    assert too_wide(page) == [] and serious(page) == []


def test_by_keys_alone(page: Page, server: Live, script: ScriptedAnswers) -> None:
    """From the empty page to an answer and a new chat; drafts of both stay."""
    show(page, server, f"#/chat?model={UID}")
    tab_to(page, "Question")
    page.keyboard.type("first line")
    press(page, "Shift+Enter")
    page.keyboard.type("second line")
    press(page, "Enter")
    ended(page.locator(".chat-answer"))
    expect(page.locator(".chat-question .chat-plain")).to_have_text("first line\nsecond line")
    page.keyboard.type("a draft")
    press(page, "Escape", "n")
    expect(page).to_have_url(re.compile(r"#/chat$"))
    expect(question(page)).to_have_value("")
    page.go_back()
    expect(question(page)).to_have_value("a draft")
    show(page, server, f"#/chat?model={UID}&only")
    expect(page.get_by_role("navigation", name="Chats")).to_have_count(0)
    ended(ask(page, "alone"))
    expect(page).to_have_url(re.compile(r"#/chat/\w+\?only"))
    page.locator("[data-model-picker]").click()
    menu, button = page.get_by_role("dialog", name="Model"), page.locator("[data-model-picker]")
    expect(menu.get_by_role("link", name="Other models")).to_be_visible()
    shown, below = menu.bounding_box(), button.bounding_box()
    assert shown and below and shown["y"] + shown["height"] <= below["y"]


def test_long_talks_open_at_their_end(page: Page, server: Live) -> None:
    chat = server.http.post("/v1/chats", json={"title": "long"}).json()["id"]
    server.http.post(f"/v1/chats/{chat}/messages", json={"content": "first"})
    exported = server.http.post("/v1/chats/export", json={"ids": [chat]}).json()
    [first] = exported["chats"][0]["messages"]
    exported["chats"][0]["messages"] = [
        first | {
            "id": f"{chat}-{n}", "parent": f"{chat}-{n - 1}" if n else None, "role": ("user", "assistant")[n % 2],
            "content": [{"type": "text", "text": f"Message {n}."}], "created_at": first["created_at"] + n / 1000,
        }
        for n in range(2000)
    ]  # fmt: skip
    server.http.delete(f"/v1/chats/{chat}")
    exported["chats"][0]["active_leaf"] = f"{chat}-1999"
    answer = server.http.post("/v1/chats/import", json={"chats": exported["chats"], "folders": []})
    assert answer.status_code == 200, answer.text
    show(page, server, f"#/chat/{chat}")
    expect(page.get_by_text("Message 1999.")).to_be_in_viewport()
    expect(page.locator(".chat-message")).to_have_count(50)
    page.get_by_role("button", name="1,950 earlier messages").click()
    expect(page.locator(".chat-message")).to_have_count(100)
    expect(page.get_by_text("Message 1950.")).to_be_in_viewport()
    server.http.post(f"/v1/chats/{chat}/messages", json={"content": "from another tab"})
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")
    expect(page.locator(".chat-message")).to_have_count(101)
    expect(page.get_by_text("from another tab")).to_be_attached()


def test_who_may_not_and_whose_login_ends(page: Page, guarded: Guarded, watch: Watch) -> None:
    watch.origin = guarded.live.url
    watch.expect(401)
    key = guarded.live.http.post("/v1/admin/keys", json={"name": "logs", "scopes": ["logs:list"]}).json()["key"]
    page.context.request.post(f"{guarded.live.url}/v1/auth/sessions", data={"api_key": key})
    show(page, guarded.live, "#/chat")
    expect(page.locator("main")).to_contain_text("models:read")
    page.context.clear_cookies()
    guarded.log_in(page, "ben")
    show(page, guarded.live, "#/chat?model=echo")
    question(page).fill("What was typed stays")
    page.context.clear_cookies()
    question(page).press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("ben")
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    press(page, "Enter")
    expect(page.locator(".chat-answer")).to_contain_text("quick")
    expect(page.locator(".chat-question")).to_contain_text("What was typed stays")


def test_errors_say_what_and_why(page: Page, server: Live, watch: Watch) -> None:
    watch.expect(404)
    show(page, server, "#/chat/nothing")
    expect(page.locator(".failure")).to_contain_text("conversation_not_found")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert serious(page) == []


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Callable[[], Live]]:
    """Starts a server without models, always on the same port and home."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started: list[Live] = []

    def start() -> Live:
        started.append(Live(tmp_path / "home", {"MODELYARD_PORT": port}))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_no_model_and_a_server_that_ends(page: Page, alone: Callable[[], Live], watch: Watch) -> None:
    """The first chat on an empty server: the demo model is launched from the page. A server that is killed in mid-answer keeps
    what there was, and the page goes on when it is back."""
    server = alone()
    watch.origin = server.url
    watch.expect(0, 503)
    show(page, server, "#/chat")
    expect(page.locator(".chat-messages .state-title")).to_have_text("No chat model is running")
    question(page).fill("typed meanwhile")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.get_by_role("button", name="Launch the demo model").click()
    expect(page.get_by_role("button", name="Send")).to_be_enabled(timeout=60_000)
    question(page).press("Enter")
    ended(page.locator(".chat-answer"))
    server.launched("slow", tokens=2000, tokens_per_second=30)
    choose_model(page, "slow")
    answer = ask(page, "and then?")
    expect(answer).to_contain_text("quick brown fox")
    server.kill()
    alone()
    expect(answer.locator(".chat-ending")).to_contain_text("broken off", timeout=60_000)
    expect(answer).to_contain_text("quick brown fox")
    expect(answer.get_by_role("button", name="Continue")).to_be_visible()
