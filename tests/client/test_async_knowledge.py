"""The async client's methods about knowledge bases against a real server: each of them at least once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.client import AsyncClient
from modelyard.client.knowledge_types import KnowledgeJobDict
from modelyard.client.resources.documents import Document
from modelyard.core import errors
from tests.cli.served import Served

HANDBOOK = "# 年假\n\n员工每年有十五天年假。\n\n# 报销\n\n报销须在三十天内提交。\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("async") / "home")
    try:
        yield served
    finally:
        served.stop()


async def done(client: AsyncClient, base: str, job: str | None) -> KnowledgeJobDict:
    """The last view of a job, by following it."""
    assert job is not None
    async with await client.knowledge.follow_job(base, job) as views:
        seen = [view async for view in views]
    return seen[-1]


async def bases_and_documents(client: AsyncClient, file: Path) -> None:
    made = await client.knowledge.create("手册", description="d", chunking={"size": 400, "overlap": 0})
    assert made["chunking"]["size"] == 400
    assert [each["name"] for each in await client.knowledge.list()] == ["手册"]
    assert (await client.knowledge.configure("手册", language="zh"))["language"] == "zh"
    assert "md" in await client.knowledge.formats()
    awkward = ['a"b.txt', "c\\d.txt", "e%22.txt", "f\ng.txt"]
    files: list[Document] = [
        file,
        *((name, name.encode()) for name in awkward),
        *((f"{i}.txt", b"text %d" % i) for i in range(30)),
    ]
    sent = await client.documents.upload("手册", files, {"year": 2024}, modified_at=5.0)
    assert (sent["failed"], len(sent["data"])) == ({}, 35)
    assert (await done(client, "手册", sent["job"]))["done"] == 35
    listed = await client.documents.list("手册", limit=3, offset=1, state="ready")
    assert (listed["total"], len(listed["data"])) == (35, 3)
    for name in awkward:
        assert (await client.documents.list("手册", name=name))["data"][0]["name"] == name
    number = (await client.documents.list("手册", contains="员工"))["data"][0]["id"]
    assert (await client.documents.get("手册", number))["metadata"]["year"] == 2024
    assert (await client.documents.configure("手册", number, metadata={"year": 2025}))["metadata"]["year"] == 2025
    assert await client.documents.content("手册", number) == HANDBOOK.encode()
    assert "十五天" in await client.documents.text("手册", number)
    assert len(await client.documents.preview("手册", number, {"size": 100, "overlap": 0})) >= 2
    assert (await client.documents.preview_file("手册", ("x.txt", b"hello")))[0]["text"] == "hello"
    await chunks(client, number)
    again = await client.documents.index("手册", ["0.txt"], force=True)
    assert (await done(client, "手册", again))["state"] == "done"
    assert (await client.knowledge.job("手册", again))["total"] == 1
    assert again in [each["id"] for each in await client.knowledge.jobs("手册")]
    gone = await client.documents.delete("手册", ["1.txt", "nothing.txt"])
    assert gone == {"deleted": ["1.txt"], "missing": ["nothing.txt"]}
    anew = await client.knowledge.reindex("手册", chunking={"size": 300, "overlap": 0})
    assert (await done(client, "手册", anew))["state"] == "done"
    assert (await client.knowledge.describe("手册"))["chunking"]["size"] == 300


async def chunks(client: AsyncClient, number: int) -> None:
    added = await client.documents.add_chunk("手册", number, "病假有十天。")
    assert (await client.knowledge.search("手册", "病假"))["data"][0]["text"] == "病假有十天。"
    edited = await client.documents.edit_chunk("手册", added["id"], "病假有二十天。")
    assert "二十" in (await client.knowledge.search(["手册"], "病假", mode="lexical"))["data"][0]["text"]
    hidden = await client.documents.edit_chunk("手册", edited["id"], enabled=False)
    assert hidden["enabled"] is False
    found = await client.documents.chunks("手册", number)
    assert found["total"] == len(found["data"])
    await client.documents.delete_chunk("手册", hidden["id"])
    assert (await client.documents.chunks("手册", number))["total"] == found["total"] - 1


async def conversations(client: AsyncClient) -> None:
    talk = await client.chats.create("年假")
    await client.models.launch("echo", model_engine="fake", model_uid="echo")
    answer = await client.knowledge.ask("手册", "年假有几天？", "echo", talk["id"], top_k=2, temperature=0.0)
    assert answer["conversation"] == talk["id"] and answer["model"] == "echo" and answer["sources"]
    async with await client.knowledge.stream_answer(["手册"], "年假有几天？", conversation=talk["id"]) as events:
        kinds = [event["type"] async for event in events]
    assert kinds[0] == "sources" and kinds[-1] == "answer" and "token" in kinds
    await client.models.terminate("echo")
    assert (await client.chats.change(talk["id"], title="休假"))["title"] == "休假"
    assert (await client.chats.get(talk["id"]))["title"] == "休假"
    _, first, _, _ = await client.chats.messages(talk["id"])
    assert (await client.chats.feedback(first["id"], 80, "good"))["score"] == 80
    assert (await client.chats.export(talk["id"])).startswith("# 休假\n")
    message = {"id": "m", "question": "q", "created_at": 2.0}
    brought = [{"id": "x", "created_at": 1.0, "messages": [message]}]
    assert (await client.chats.import_conversations(brought))["messages"] == 1
    more = [{**brought[0], "messages": [message, {**message, "id": "n", "created_at": 3.0}]}]
    assert await client.chats.import_conversations(more) == {"conversations": 0, "messages": 1, "skipped": 0}
    assert [each["id"] for each in (await client.chats.list(limit=10))["data"]] == [talk["id"], "x"]
    assert (await client.chats.get("x"))["updated_at"] == 3.0
    await client.chats.delete("x")
    with pytest.raises(errors.ConversationNotFound):
        await client.chats.get("x")


async def jobs_that_are_cancelled(client: AsyncClient) -> None:
    await client.models.launch("fake", "embedding", "fake", model_uid="slow", answer_seconds=3600)
    await client.knowledge.create("slow", embedding_model="slow")
    job = (await client.documents.upload("slow", [("a.txt", b"a")]))["job"]
    assert job is not None
    async with await client.knowledge.follow_job("slow", job) as views:
        async for view in views:
            if view["working"]:
                assert (await client.knowledge.cancel_job("slow", job))["state"] == "cancelled"
    assert (await client.knowledge.job("slow", job))["state"] == "cancelled"
    await client.knowledge.delete("slow")
    await client.models.terminate("slow")


async def refusals(client: AsyncClient) -> None:
    with pytest.raises(errors.KnowledgeBaseExists):
        await client.knowledge.create("手册")
    with pytest.raises(errors.InvalidParameter, match="cannot be read"):
        await client.documents.upload("手册", ["/no/such/file.txt"])
    with pytest.raises(errors.InvalidParameter):
        await client.documents.upload("手册", [("", b"x")])
    sent = await client.documents.upload("手册", [("good.txt", b"x"), ("x" * 1001 + ".txt", b"y")], index=False)
    assert [each["name"] for each in sent["data"]] == ["good.txt"] and sent["job"] is None
    assert list(sent["failed"]) == ["x" * 1001 + ".txt"]
    with pytest.raises(errors.DocumentNotFound):
        await client.documents.list("手册", name="nothing")
    await client.knowledge.delete("手册")
    with pytest.raises(errors.KnowledgeBaseNotFound):
        await client.knowledge.describe("手册")


def test_every_call_about_knowledge_works_on_an_async_client(server: Served, tmp_path: Path) -> None:
    file = tmp_path / "员工手册.md"
    file.write_text(HANDBOOK, encoding="utf-8")

    async def everything() -> None:
        async with AsyncClient(server.url) as client:
            await bases_and_documents(client, file)
            await conversations(client)
            await jobs_that_are_cancelled(client)
            await refusals(client)

    asyncio.run(everything())
