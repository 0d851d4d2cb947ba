"""The async client's methods about knowledge bases against a real server: each of them at least once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.client import AsyncClient
from modelyard.client.knowledge_calls import AsyncKnowledgeCalls, KnowledgeCalls
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


def test_both_clients_have_the_same_methods() -> None:
    ours = {name for name in vars(KnowledgeCalls) if not name.startswith("_")}
    assert ours == {name for name in vars(AsyncKnowledgeCalls) if not name.startswith("_")}


async def done(client: AsyncClient, base: str, job: str) -> dict[str, Any]:
    """The last view of a job, by following it."""
    async with await client.follow_knowledge_job(base, job) as views:
        seen = [view async for view in views]
    return seen[-1]


async def bases_and_documents(client: AsyncClient, file: Path) -> None:
    made = await client.create_knowledge_base("手册", description="d", chunking={"size": 400, "overlap": 0})
    assert made["chunking"]["size"] == 400
    assert [each["name"] for each in await client.list_knowledge_bases()] == ["手册"]
    assert (await client.configure_knowledge_base("手册", language="zh"))["language"] == "zh"
    assert "md" in await client.knowledge_formats()
    awkward = ['a"b.txt', "c\\d.txt", "e%22.txt", "f\ng.txt"]
    files: list[Document] = [
        file,
        *((name, name.encode()) for name in awkward),
        *((f"{i}.txt", b"text %d" % i) for i in range(30)),
    ]
    sent = await client.upload_documents("手册", files, {"year": 2024}, modified_at=5.0)
    assert (sent["failed"], len(sent["data"])) == ({}, 35)
    assert (await done(client, "手册", sent["job"]))["done"] == 35
    listed = await client.list_documents("手册", limit=3, offset=1, state="ready")
    assert (listed["total"], len(listed["data"])) == (35, 3)
    for name in awkward:
        assert (await client.list_documents("手册", name=name))["data"][0]["name"] == name
    number = (await client.list_documents("手册", contains="员工"))["data"][0]["id"]
    assert (await client.get_document("手册", number))["metadata"]["year"] == 2024
    assert (await client.configure_document("手册", number, metadata={"year": 2025}))["metadata"]["year"] == 2025
    assert await client.document_content("手册", number) == HANDBOOK.encode()
    assert "十五天" in await client.document_text("手册", number)
    assert len(await client.preview_document("手册", number, {"size": 100, "overlap": 0})) >= 2
    assert (await client.preview_file("手册", ("x.txt", b"hello")))[0]["text"] == "hello"
    await chunks(client, number)
    again = await client.index_documents("手册", ["0.txt"], force=True)
    assert (await done(client, "手册", again))["state"] == "done"
    assert (await client.get_knowledge_job("手册", again))["total"] == 1
    assert again in [each["id"] for each in await client.list_knowledge_jobs("手册")]
    gone = await client.delete_documents("手册", ["1.txt", "nothing.txt"])
    assert gone == {"deleted": ["1.txt"], "missing": ["nothing.txt"]}
    anew = await client.reindex_knowledge_base("手册", chunking={"size": 300, "overlap": 0})
    assert (await done(client, "手册", anew))["state"] == "done"
    assert (await client.describe_knowledge_base("手册"))["chunking"]["size"] == 300


async def chunks(client: AsyncClient, number: int) -> None:
    added = await client.add_chunk("手册", number, "病假有十天。")
    assert (await client.search_knowledge("手册", "病假"))["data"][0]["text"] == "病假有十天。"
    edited = await client.edit_chunk("手册", added["id"], "病假有二十天。")
    assert "二十" in (await client.search_knowledge(["手册"], "病假", mode="lexical"))["data"][0]["text"]
    hidden = await client.edit_chunk("手册", edited["id"], enabled=False)
    assert hidden["enabled"] is False
    found = await client.get_document_chunks("手册", number)
    assert found["total"] == len(found["data"])
    await client.delete_chunk("手册", hidden["id"])
    assert (await client.get_document_chunks("手册", number))["total"] == found["total"] - 1


async def conversations(client: AsyncClient) -> None:
    talk = await client.create_conversation("年假")
    await client.launch_model("echo", model_engine="fake", model_uid="echo")
    answer = await client.ask_knowledge("手册", "年假有几天？", "echo", talk["id"], top_k=2, temperature=0.0)
    assert answer["conversation"] == talk["id"] and answer["model"] == "echo" and answer["sources"]
    async with await client.stream_knowledge_answer(["手册"], "年假有几天？", conversation=talk["id"]) as events:
        kinds = [event["type"] async for event in events]
    assert kinds[0] == "sources" and kinds[-1] == "answer" and "token" in kinds
    await client.terminate_model("echo")
    assert (await client.rename_conversation(talk["id"], "休假"))["title"] == "休假"
    assert (await client.get_conversation(talk["id"]))["title"] == "休假"
    first, _ = await client.get_conversation_messages(talk["id"])
    assert (await client.send_feedback(first["id"], 80, "good"))["score"] == 80
    assert (await client.export_conversation(talk["id"])).startswith("# 休假\n")
    message = {"id": "m", "question": "q", "created_at": 2.0}
    brought = [{"id": "x", "created_at": 1.0, "messages": [message]}]
    assert (await client.import_conversations(brought))["messages"] == 1
    more = [{**brought[0], "messages": [message, {**message, "id": "n", "created_at": 3.0}]}]
    assert await client.import_conversations(more) == {"conversations": 0, "messages": 1, "skipped": 0}
    assert [each["id"] for each in await client.list_conversations(10)] == [talk["id"], "x"]
    assert (await client.get_conversation("x"))["updated_at"] == 3.0
    await client.delete_conversation("x")
    with pytest.raises(errors.ConversationNotFound):
        await client.get_conversation("x")


async def jobs_that_are_cancelled(client: AsyncClient) -> None:
    await client.launch_model("fake", "embedding", "fake", model_uid="slow", answer_seconds=3600)
    await client.create_knowledge_base("slow", embedding_model="slow")
    sent = await client.upload_documents("slow", [("a.txt", b"a")])
    async with await client.follow_knowledge_job("slow", sent["job"]) as views:
        async for view in views:
            if view["working"]:
                assert (await client.cancel_knowledge_job("slow", sent["job"]))["state"] == "cancelled"
    assert (await client.get_knowledge_job("slow", sent["job"]))["state"] == "cancelled"
    await client.delete_knowledge_base("slow")
    await client.terminate_model("slow")


async def refusals(client: AsyncClient) -> None:
    with pytest.raises(errors.KnowledgeBaseExists):
        await client.create_knowledge_base("手册")
    with pytest.raises(errors.InvalidParameter, match="cannot be read"):
        await client.upload_documents("手册", ["/no/such/file.txt"])
    with pytest.raises(errors.InvalidParameter):
        await client.upload_documents("手册", [("", b"x")])
    sent = await client.upload_documents("手册", [("good.txt", b"x"), ("x" * 1001 + ".txt", b"y")], index=False)
    assert [each["name"] for each in sent["data"]] == ["good.txt"] and sent["job"] is None
    assert list(sent["failed"]) == ["x" * 1001 + ".txt"]
    with pytest.raises(errors.DocumentNotFound):
        await client.list_documents("手册", name="nothing")
    await client.delete_knowledge_base("手册")
    with pytest.raises(errors.KnowledgeBaseNotFound):
        await client.describe_knowledge_base("手册")


def test_the_async_client(server: Served, tmp_path: Path) -> None:
    file = tmp_path / "员工手册.md"
    file.write_text(HANDBOOK, encoding="utf-8")

    async def everything() -> None:
        async with AsyncClient(server.url) as client:
            await bases_and_documents(client, file)
            await conversations(client)
            await jobs_that_are_cancelled(client)
            await refusals(client)

    asyncio.run(everything())
