"""A model whose weights have to come first: it says so once, starts when they are here, and fails with their download."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelyard.control.diff import Desired
from modelyard.control.downloads import uid_of
from modelyard.control.places import packed
from modelyard.control.views import ModelView
from modelyard.core.config import Settings
from modelyard.core.errors import DownloadFailed
from modelyard.core.types import Download, Footprint, Launch, Model, RemoteFile, ReplicaState
from modelyard.db.tables import Deployment
from modelyard.jobs import states
from modelyard.jobs.types import JobState
from tests.control.plane import ELSEWHERE, Plane, play, ready

DEMO = Path(__file__).parents[2] / "src/modelyard/catalog/demo/modelyard-demo.gguf"


@pytest.fixture
def download(tmp_path: Path) -> Download:
    return Download("modelscope", "a/b", "1", (RemoteFile("x.gguf", DEMO.stat().st_size),), str(tmp_path / "hub"))


def launch(uid: str, download: Download) -> Launch:
    """A server elsewhere that claims to need files, so that no process is started with them."""
    model = Model(uid, format="remote", path=f"{download.folder}/x.gguf", download=download)
    return Launch(uid, model, "external", {"base_url": ELSEWHERE["base_url"]})


def row(uid: str, download: Download, **more: object) -> Deployment:
    fields = {"launch": packed(launch(uid, download), Path("/home")), "request": {}, "created_at": 1.0, **more}
    return Deployment(uid=uid, ordinals=[0, 1], generation=1, terminating=False, was_ready=False, **fields)


async def add(made: Plane, *rows: Deployment) -> None:
    async with made.database.session() as session:
        session.add_all(rows)
    await made.reconciler.look()


def arrive(made: Plane, download: Download) -> None:
    """The end of a download."""
    Path(download.folder).mkdir()
    shutil.copy(DEMO, f"{download.folder}/x.gguf")
    job = made.jobs.store.live[uid_of(download)]
    made.jobs.store.put(states.done(job, None))


def is_in(state: ReplicaState) -> Callable[[ModelView], bool]:
    return lambda view: view.state is state


async def contents(made: Plane, uid: str = "m") -> list[str]:
    await made.reconciler.look()
    return [event.content for event in await made.deployments.events(uid)]


def test_a_model_starts_when_its_weights_are_here(settings: Settings, sqlite_url: str, download: Download) -> None:
    async def before(made: Plane) -> None:
        await add(made, row("m", download), row("n", download))
        view = await made.until(is_in(ReplicaState.DOWNLOADING))
        assert view.download is not None and view.download.job.id == uid_of(download)
        assert view.reason == "its weights are being downloaded: 0 of 1 files, 0 %"
        size = f"{DEMO.stat().st_size / 1e6:.1f}"
        assert await contents(made) == [f"Downloading a/b from modelscope, {size} MB"], "once for all replicas"
        assert made.deployments.view("n").state is ReplicaState.DOWNLOADING, "they share it"
        arrive(made, download)
        view = await made.until(ready(2))
        assert view.download is None
        assert view.desired.launch.model.context_length > 0, "it is described by its files"

    async def after(made: Plane) -> None:
        assert (await made.until(ready(2))).desired.launch.model.context_length > 0, "and so it is kept"

    play(settings, sqlite_url, before, after)


def test_a_download_that_failed_fails_its_models(settings: Settings, sqlite_url: str, download: Download) -> None:
    failure = DownloadFailed("a/b", "ModelScope", "it broke off")

    async def scenario(made: Plane) -> None:
        await add(made, row("m", download))
        await made.until(is_in(ReplicaState.DOWNLOADING))
        made.jobs.store.put(states.failed(made.jobs.store.live[uid_of(download)], failure))
        view = await made.until(is_in(ReplicaState.FAILED))
        assert view.reason == failure.message
        assert [slot.given_up for slot in view.slots.values()] == [True, True]
        await add(made, row("later", download, created_at=time.time() + 1))
        assert made.deployments.view("later").state is ReplicaState.DOWNLOADING, "a later launch tries anew"

    play(settings, sqlite_url, scenario)


def test_a_download_ends_with_the_last_model_that_needs_it(
    settings: Settings, sqlite_url: str, download: Download
) -> None:
    async def scenario(made: Plane) -> None:
        await add(made, row("m", download), row("n", download))
        await made.deployments.cancel("m")
        assert made.jobs.store.live[uid_of(download)].state is JobState.QUEUED
        await made.deployments.cancel("n")
        await made.reconciler.look()
        assert made.jobs.store.live[uid_of(download)].state is JobState.CANCELLED

    play(settings, sqlite_url, scenario)


def test_files_that_are_no_model_fail_their_launch(settings: Settings, sqlite_url: str, download: Download) -> None:
    async def scenario(made: Plane) -> None:
        folder = Path(download.folder)
        folder.mkdir()
        (folder / "x.gguf").write_bytes(b"x" * DEMO.stat().st_size)
        await add(made, row("m", download))
        view = await made.until(is_in(ReplicaState.FAILED))
        assert "x.gguf" in view.reason

    play(settings, sqlite_url, scenario)


def test_the_memory_of_a_launch_is_computed_anew_when_the_launch_changes(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        fake = Launch("m", Model("m", format="fake"), "fake", {"memory_mb": 5})
        for options, mebibytes in (({"memory_mb": 5}, 5), ({"memory_mb": 7}, 7), ({}, 1), ({"memory_mb": 5}, 5)):
            need = made.reconciler.need(replace(fake, options=options))
            assert need == Footprint(mebibytes * 2**20, 0, 0)
            assert made.reconciler.need(replace(fake, options=dict(options))) is need
        other = replace(fake, uid="n", options={"memory_mb": 9})
        assert made.reconciler.need(other).weights == 9 * 2**20

    play(settings, sqlite_url, scenario)


def test_models_of_which_nothing_is_known_have_no_view(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        await made.connect("m", replica=2)
        view = made.reconciler.view("m")
        assert view is not None and isinstance(view.desired, Desired) and view.adapters == ()
        assert made.reconciler.view("n") is None and made.reconciler.owner("a") is None
        assert [each.replica.ordinal for each in view.replicas] == [0, 1]
        assert [each.replica.name.rpartition("-")[0] for each in view.replicas] == ["m-rep0", "m-rep1"]

    play(settings, sqlite_url, scenario)
