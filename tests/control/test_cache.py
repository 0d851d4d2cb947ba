"""The hubs' cache folders as a service: what is listed, filled and removed, and what a model that runs keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.catalog.hubs import queries
from modelyard.catalog.hubs.cache import scan
from modelyard.catalog.index import FAMILIES
from modelyard.control import cache as module
from modelyard.control.cache import Caching
from modelyard.control.downloads import DownloadView
from modelyard.control.places import packed
from modelyard.core.access import Owner
from modelyard.core.config import Settings
from modelyard.core.errors import Conflict, HubsOffline, NotFound
from modelyard.core.types import Launch, Model
from modelyard.db.tables import Deployment
from modelyard.jobs.types import JobState
from modelyard.protocol.cache import CacheRequest
from tests.control.plane import Plane, play
from tests.hub_server import hub_server
from tests.hubs.test_cache import chat_bytes, put

ANN = Owner("user-ann")
ID = "acme/demo-GGUF"


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Empty cache folders, and no hub."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    monkeypatch.setattr(queries, "ACCESS", queries.HubAccess(offline=True))
    scan.forget()
    yield tmp_path
    scan.forget()


def caching(made: Plane) -> Caching:
    return Caching(FAMILIES, made.reconciler, made.jobs)


def asked(name: str = ID, **more: str | None) -> CacheRequest:
    return CacheRequest.model_validate({"model_name": name, **more})


async def running(made: Plane, uid: str, path: Path) -> None:
    """A model with these files, which is held back, so that no process is started."""
    made.reconciler.held |= {uid}
    launch = Launch(uid, Model(uid, path=str(path), format="ggufv2"), "llama_cpp")
    async with made.database.session() as session:
        session.add(
            Deployment(
                uid=uid, launch=packed(launch, Path("/home")), request={}, ordinals=[0], generation=1, created_at=1.0,
                terminating=False, was_ready=False,
            )
        )  # fmt: skip
    await made.reconciler.look()


def test_models_in_the_cache_are_listed_and_removed_by_name_or_version(
    settings: Settings, sqlite_url: str, caches: Path
) -> None:
    put(caches, ID, "demo-q8_0.gguf", chat_bytes(caches))
    put(caches, "acme/other-GGUF", "other-q4_0.gguf", chat_bytes(caches) + b"x")

    async def scenario(made: Plane) -> None:
        service = caching(made)
        assert sorted(entry.name for entry in await service.entries()) == [ID, "acme/other-GGUF"]
        [entry] = await service.entries(ID)
        assert service.here(ID) == [entry]
        for version in (entry.version, entry.version.upper(), ID.upper()):
            assert await service.versions(version) == [entry]
        with pytest.raises(NotFound, match="no 'nothing' in the cache"):
            await service.versions("nothing")
        with pytest.raises(NotFound):
            await service.remove("nothing")
        await service.remove(entry.version)
        assert not entry.cached.path.exists()
        assert [each.name for each in await service.entries()] == ["acme/other-GGUF"]

    play(settings, sqlite_url, scenario)


def test_files_of_a_model_that_runs_stay(settings: Settings, sqlite_url: str, caches: Path) -> None:
    """Be they named directly, behind a link, or as a file in a folder."""
    link = put(caches, ID, "demo-q8_0.gguf", chat_bytes(caches))
    put(caches, ID, "demo-q4_0.gguf", chat_bytes(caches) + b"x")
    alias = caches / "alias.gguf"
    alias.symlink_to(link)

    async def scenario(made: Plane) -> None:
        service = caching(made)
        await made.connect("elsewhere")
        await running(made, "direct", link)
        await running(made, "linked", alias)
        await running(made, "other", caches / "hf" / "other.gguf")
        kept = next(entry for entry in await service.entries() if entry.cached.path == link)
        with pytest.raises(Conflict, match="is used by direct, linked; terminate that first"):
            await service.remove(kept.version)
        with pytest.raises(Conflict):
            await service.remove(ID)
        assert len(await service.entries()) == 2, "of several none is removed where one is used"
        for uid in ("direct", "linked"):
            await made.deployments.remove(uid)
        await service.remove(ID)
        assert await service.entries() == []

    play(settings, sqlite_url, scenario)


def test_a_folder_is_used_by_whoever_runs_a_file_in_it(settings: Settings, sqlite_url: str, caches: Path) -> None:
    demo = Path(__file__).parents[2] / "src/modelyard/catalog/demo/hf"
    for file in demo.iterdir():
        put(caches, "acme/demo", file.name, file.read_bytes())

    async def scenario(made: Plane) -> None:
        service = caching(made)
        [entry] = await service.entries()
        assert entry.cached.path.is_dir() and entry.format == "pytorch"
        for path in (entry.cached.path, entry.cached.path / "model.safetensors"):
            await running(made, "m", path)
            with pytest.raises(Conflict, match="is used by m"):
                await service.remove(entry.version)
            await made.deployments.remove("m")
        await running(made, "m", entry.cached.path.parent)
        await service.remove(entry.version)
        assert await service.entries() == []

    play(settings, sqlite_url, scenario)


def test_what_is_in_the_cache_already_is_not_downloaded(
    settings: Settings, sqlite_url: str, caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    put(caches, ID, "demo-q8_0.gguf", chat_bytes(caches))

    async def scenario(made: Plane) -> None:
        service = caching(made)
        assert await service.fill(asked(cache_uid="mine"), ANN) == "mine"
        assert service.progress("mine") is True and service.progress("other") is False
        names = [
            await service.fill(asked(model_format="ggufv2", quantization="", model_type=""), ANN) for _ in range(2)
        ]
        assert len(set(names)) == 2 and all(len(name) == 16 for name in names)
        assert [service.progress(name) for name in (*names, "mine")] == [True, True, False], "the oldest is forgotten"
        uid = await service.submit(asked(), ANN)
        job = made.jobs.store.live[uid]
        assert (job.kind, job.state, job.owner, job.finished) == ("download", JobState.DONE, "user-ann", True)
        assert job.result is not None and str(job.result["path"]).endswith("demo-q8_0.gguf")
        assert (job.parameters["model_id"], job.parameters["model_hub"]) == (ID, "huggingface")
        assert made.reconciler.downloads.views() == [], "the list has what was downloaded only"
        with pytest.raises(HubsOffline):
            await service.fill(asked(quantization="q4_0"), ANN)
        with pytest.raises(NotFound):
            service.cancel("mine")
        body, submit = made.jobs.creatable("download")
        assert body is CacheRequest and submit == service.submit

    play(settings, sqlite_url, scenario)


def test_what_is_not_here_is_downloaded_under_the_callers_name(
    settings: Settings, sqlite_url: str, caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "ACCESS", queries.HubAccess(hub="huggingface"))

    async def scenario(made: Plane) -> None:
        service = caching(made)
        assert await service.fill(asked(cache_uid="mine"), ANN) == "mine"
        view = service.progress("mine")
        assert isinstance(view, DownloadView)
        assert (view.job.owner, view.download.model_id, view.job.state) == ("user-ann", ID, JobState.QUEUED)
        uid = view.job.id
        assert await service.fill(asked(), ANN) == await service.submit(asked(cache_uid="other"), ANN) == uid
        assert made.reconciler.downloads.view("other").names == ["mine", "other"]
        service.cancel("mine")
        assert service.progress("mine") is service.progress(uid) is False

    with hub_server() as hub:
        hub.add(ID, {"demo-q8_0.gguf": chat_bytes(caches)})
        for name, value in hub.environment(caches).items():
            monkeypatch.setenv(name, value)
        play(settings, sqlite_url, scenario)
