"""The page of knowledge bases: bases, documents on their way in, a document with its chunks, and what stands in the way."""

from __future__ import annotations

import re
from collections.abc import Mapping

from playwright.sync_api import Page, expect

from tests.api.knowing import Base
from tests.knowledge.documents.loaders import samples
from tests.live import Live
from tests.ui.conftest import Guarded
from tests.ui.screen import NARROW, Watch, press, serious, show, tab_to, too_wide

KINDS = ("a.txt", "a.md", "a.html", "a.csv", "a.json", "a.docx", "a.xlsx", "a.pptx", "a.pdf", "a.eml")
LEAFLET = [
    samples.paragraph(760, "Annual leave", "Every employee has twenty-four days of annual leave a year."),
    samples.paragraph(760, "Travel", "Travel by train is preferred below 800 kilometres."),
]
TEXT = "The gate is 🟢🟢🟢.\n\nThe tower is tall.\n\nThe lake is deep."


def files(content: Mapping[str, bytes]) -> list[dict[str, object]]:
    return [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in content.items()]


def send(page: Page, content: Mapping[str, bytes]) -> None:
    """Choose files, as somebody does who clicks on the button."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload files").click()
    chooser.value.set_files(files(content))  # type: ignore[arg-type]


def test_ten_files_of_different_kinds(page: Page, server: Live) -> None:
    """A base is made, files come in and are indexed while the page looks on; one fails with its reason, the others do not."""
    show(page, server, "#/knowledge")
    page.get_by_role("button", name="New knowledge base").click()
    page.get_by_role("dialog").get_by_label("Name").fill("ui kinds")
    assert serious(page) == []
    press(page, "Enter")
    expect(page).to_have_url(re.compile("#/knowledge/ui%20kinds/documents$"))
    expect(page.get_by_text("Drop files here")).to_be_visible()
    whole = samples.each()
    send(
        page,
        {name: whole[name] for name in KINDS}
        | {"broken.pdf": b"%PDF-1.4 broken", "old.doc": bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)},
    )
    queue = page.get_by_role("region", name="Uploads")
    expect(queue.get_by_role("status")).to_contain_text("12 of 12")
    table = page.get_by_role("table", name="Documents")
    expect(table.get_by_text("Ready", exact=True)).to_have_count(len(KINDS), timeout=60_000)
    broken = table.get_by_role("row").filter(has_text="broken.pdf")
    expect(broken).to_contain_text("the PDF is damaged")
    expect(queue.get_by_role("listitem").filter(has_text="broken.pdf")).to_contain_text("the PDF is damaged")
    expect(queue.get_by_role("listitem").filter(has_text="broken.pdf")).not_to_contain_text("arrived")
    broken.get_by_role("button", name="Try broken.pdf again").click()
    expect(broken).to_contain_text("the PDF is damaged")
    expect(table.get_by_role("row").filter(has_text="a.eml")).to_contain_text("1 note")
    assert serious(page) == []
    page.get_by_label("State").select_option("failed")
    expect(table.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Select all").check()
    press(page, "Delete")
    expect(page.get_by_role("dialog")).to_contain_text("Delete 2 documents?")
    press(page, "Enter")
    expect(page.get_by_text("2 documents were deleted")).to_be_visible()
    page.get_by_label("State").select_option("")
    expect(table.locator("tbody tr")).to_have_count(len(KINDS))


def test_chosen_documents(page: Page, server: Live) -> None:
    """Removed from the index, excluded from searches, split anew and indexed again."""
    base = Base.made(server, "ui chosen")
    base.add({"one.txt": b"one " * 100, "two.txt": b"two"})
    show(page, server, "#/knowledge/ui%20chosen/documents")
    page.get_by_label("Select one.txt").check()

    def act(label: str) -> None:
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name=label).click()

    row = page.get_by_role("table", name="Documents").get_by_role("row").filter(has_text="one.txt")
    act("Remove from the index")
    expect(row).to_contain_text("Not indexed")
    act("Exclude from searches")
    expect(row).to_contain_text("disabled")
    act("Split anew")
    page.get_by_label("Characters of a chunk").fill("100")
    page.get_by_label("Overlap").fill("0")
    page.get_by_role("dialog").get_by_role("button", name="Split anew").click()
    expect(row).to_contain_text("Ready")
    expect(row.locator("td").nth(3)).to_have_text(re.compile("[2-9]"))
    page.get_by_placeholder("Filter by name").fill("two")
    expect(page.get_by_role("table", name="Documents").locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=two"))


def test_chunks_of_a_document(page: Page, server: Live) -> None:
    """A chunk is edited in place, split, merged, disabled, deleted, and each of it undone."""
    base = Base.made(server, "ui chunks", chunking={"size": 20, "overlap": 0}, embedding_model="vectors")
    base.add({"places.txt": TEXT.encode()})
    number = base.document("places.txt")["id"]
    [gate, _, lake] = base.chunks("places.txt")
    show(page, server, f"#/knowledge/ui%20chunks/documents/{number}?chunk={lake['id']}")
    expect(page.locator(".document-current")).to_have_text("The lake is deep.")
    show(page, server, f"#/knowledge/ui%20chunks/documents/{number}?chunk={gate['id']}")
    chunks = page.get_by_role("region", name="Chunks").get_by_role("listitem")
    expect(chunks).to_have_count(3)
    expect(page.locator(".document-current")).to_have_text("The gate is 🟢🟢🟢.")
    page.locator("h1").focus()
    press(page, "j", "e")
    field = page.get_by_label("Text of the chunk")
    expect(field).to_have_value("The tower is tall.")
    field.fill("The tower is very tall.")
    page.get_by_role("link", name="All documents").or_(
        page.get_by_role("link", name=re.compile("ui chunks"))
    ).first.click()
    dialog = page.get_by_role("dialog", name="Discard the changes of this chunk?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()  # what is below it takes no focus before
    expect(field).to_have_value("The tower is very tall.")
    field.focus()
    press(page, "Control+Enter")
    expect(chunks.nth(1)).to_contain_text("very tall")
    expect(chunks.nth(1)).to_contain_text("edited")
    assert base.texts("very", mode="lexical") == ["The tower is very tall."]
    undo = page.get_by_role("button", name="Undo the last change of chunks")
    undo.click()
    expect(chunks.nth(1)).not_to_contain_text("very")

    chunks.nth(0).focus()
    press(page, " ")
    expect(chunks.nth(0)).to_contain_text("disabled")
    assert serious(page) == []


def test_chunks_are_cut_and_joined(page: Page, server: Live) -> None:
    base = Base.made(server, "ui cuts", chunking={"size": 20, "overlap": 0})
    base.add({"places.txt": TEXT.encode()})
    show(page, server, f"#/knowledge/ui%20cuts/documents/{base.document('places.txt')['id']}")
    chunks = page.get_by_role("region", name="Chunks").get_by_role("listitem")
    undo = page.get_by_role("button", name="Undo the last change of chunks")
    chunks.nth(1).get_by_role("button", name="Edit chunk").click()
    field = page.get_by_label("Text of the chunk")
    field.evaluate("(field) => field.setSelectionRange(9, 9)")
    page.get_by_role("button", name="Split at the cursor").click()
    expect(chunks).to_have_count(4)
    expect(chunks.nth(2)).to_contain_text("is tall.")
    menu = chunks.nth(1).get_by_role("button", name="More actions")
    menu.click()
    page.get_by_role("menuitem", name="Merge with the next one").click()
    expect(chunks).to_have_count(3)
    expect(chunks.nth(1)).to_contain_text("The tower")
    menu.click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(chunks).to_have_count(2)
    undo.click()
    expect(chunks).to_have_count(3)
    page.get_by_role("button", name="Try another chunking").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Characters of a chunk").fill("800")
    expect(dialog.get_by_role("region", name="With these settings")).to_contain_text("1 chunk")
    expect(dialog.get_by_role("region", name="Now")).to_contain_text("3 chunks")
    press(page, "Escape")
    page.locator(".page-actions").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Drop files here")).to_be_visible()


def test_places_on_the_pages_of_a_pdf(page: Page, server: Live, watch: Watch) -> None:
    base = Base.made(server, "ui pages", chunking={"size": 80, "overlap": 0})
    base.add({"leaflet.pdf": samples.pdf(LEAFLET)})
    number = base.document("leaflet.pdf")["id"]
    travel = next(each for each in base.chunks("leaflet.pdf") if "train" in each["text"])
    show(page, server, f"#/knowledge/ui%20pages/documents/{number}?chunk={travel['id']}")
    expect(page.get_by_role("img", name="Page 2 of leaflet.pdf")).to_be_visible()
    expect(page.locator(".document-box-current")).not_to_have_count(0)
    page.get_by_role("button", name="Previous page").click()
    expect(page.get_by_role("img", name="Page 1 of leaflet.pdf")).to_be_visible()
    expect(page).to_have_url(re.compile("page=1"))
    page.locator(".document-box").first.click()
    expect(page.get_by_role("listitem").filter(has_text="twenty-four")).to_have_attribute("aria-current", "true")
    show(page, server, f"#/knowledge/ui%20pages/documents/{number}?chunk=999999")
    expect(page.get_by_text("is not there any more")).to_be_visible()


def test_narrow(page: Page, server: Live) -> None:
    """All of it on a telephone, in Chinese and dark."""
    number = Base(server.http, "demo").documents()[0]["id"]
    places = {
        "": "table",
        "/demo/documents": "table",
        f"/demo/documents/{number}": ".knowledge-chunk",
        "/demo/search?q=yard": ".knowledge-hit",
        "/demo/evaluation": ".state",
        "/demo/settings": "form",
    }
    found = {}
    for place, sign in places.items():
        show(page, server, f"#/knowledge{place}", language="zh", theme="dark", size=NARROW)
        expect(page.locator("main").locator(sign).locator("visible=true").first).to_be_visible()
        found[place] = serious(page) + too_wide(page)
    assert found == {place: [] for place in places}


def test_what_stands_in_the_way(page: Page, server: Live, guarded: Guarded, watch: Watch) -> None:
    """A base that is not there, a name that is taken, a model that does not run, no permission."""
    watch.expect(404, 409)
    show(page, server, "#/knowledge/absent/documents")
    expect(page.locator(".failure")).to_contain_text("There is no knowledge base 'absent'.")
    expect(page.locator(".failure")).to_contain_text("knowledge_base_not_found")
    show(page, server, "#/knowledge/demo/documents/999999")
    expect(page.locator(".failure")).to_contain_text("document_not_found")
    show(page, server, "#/knowledge")
    page.locator("h1").focus()
    press(page, "n")
    page.get_by_role("dialog").get_by_label("Name").fill("demo")
    press(page, "Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("demo")
    Base.made(server, "ui waiting", embedding_model="absent-model")
    show(page, server, "#/knowledge/ui%20waiting/documents")
    expect(page.get_by_text("No embedding model 'absent-model' runs here")).to_be_visible()
    launch = page.get_by_role("link", name="Launch absent-model")
    expect(launch).to_have_attribute("href", re.compile("#/models/launch.*absent-model"))
    watch.origin = guarded.live.url
    guarded.log_in(page, "ben")
    show(page, guarded.live, "#/knowledge")
    expect(page.locator("main")).to_contain_text("knowledge:read")


def test_an_upload_is_refused_and_tried_again(page: Page, server: Live, watch: Watch) -> None:
    watch.expect(0, texts=["net::ERR"])
    Base.made(server, "ui retry")
    show(page, server, "#/knowledge/ui%20retry/documents")
    page.route("**/documents", lambda route: route.abort())
    send(page, {"late.txt": b"better late than never"})
    queue = page.get_by_role("region", name="Uploads")
    expect(queue.get_by_role("listitem")).to_contain_text("The server does not answer")
    page.unroute("**/documents")
    queue.get_by_role("button", name="Try late.txt again").click()
    expect(page.get_by_role("table", name="Documents").get_by_text("Ready", exact=True)).to_have_count(1)


def test_settings_and_the_end_of_a_base(page: Page, server: Live) -> None:
    base = Base.made(server, "ui end")
    base.add({"a.txt": b"words " * 100})
    show(page, server, "#/knowledge/ui%20end/settings")
    page.get_by_label("Description").fill("about to go")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").get_by_text("Saved")).to_be_visible()
    page.get_by_label("Embedding model").select_option("vectors")
    page.get_by_label("Characters of a chunk").fill("100")
    page.get_by_role("button", name="Index 1 document anew").click()
    expect(page.get_by_role("table").first).to_contain_text("Latin")
    assert base.info()["description"] == "about to go" and base.info()["chunking"]["size"] == 100
    tab_to(page, "Delete knowledge base")
    press(page, "Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete knowledge base")).to_be_disabled()
    expect(dialog.locator("input").first).to_be_focused()
    page.keyboard.type("ui end")
    press(page, "Enter")
    expect(page).to_have_url(re.compile("#/knowledge$"))
    expect(page.get_by_role("link", name="ui end")).to_have_count(0)


DROP = """(place, [names, text]) => {
    const transfer = new DataTransfer();
    for (const name of names) transfer.items.add(new File([text], name));
    const wishes = { bubbles: true, cancelable: true, dataTransfer: transfer };
    for (const type of ["dragover", "drop"]) place.dispatchEvent(new DragEvent(type, wishes));
}"""
HOSTILE = "<img src=x onerror=alert(1)> & 'quotes'.html"


def test_files_are_dropped_and_addresses_fetched(page: Page, server: Live) -> None:
    """Names and texts of files are text wherever they stand; an address that may not be fetched says why."""
    base = Base.made(server, "ui drops")
    show(page, server, "#/knowledge/ui%20drops/documents")
    page.locator(".rail").evaluate(DROP, [[HOSTILE, "plain.txt"], "<script>alert(1)</script> a gate <b>bold</b>"])
    table = page.get_by_role("table", name="Documents")
    expect(table.get_by_text("Ready", exact=True)).to_have_count(2, timeout=60_000)
    table.get_by_role("link", name="plain.txt").click()
    expect(page.get_by_role("region", name="Chunks")).to_contain_text("<script>alert(1)</script>")
    number = base.document(HOSTILE)["id"]
    show(page, server, f"#/knowledge/ui%20drops/documents/{number}")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    show(page, server, "#/knowledge/ui%20drops/documents")
    page.get_by_role("button", name="From URLs").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Addresses").fill("http://127.0.0.1:1/secret.txt ftp://example.com/x")
    dialog.get_by_role("button", name="Fetch 2 addresses").click()
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    expect(dialog).to_contain_text("0 new, 0 changed, 0 unchanged.")
    assert serious(page) == []
