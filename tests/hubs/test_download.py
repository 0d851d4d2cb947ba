"""Models by their id, pulled by the real client libraries from a hub on loopback, through a real server."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import gguf
import psutil
import pytest

from modelyard.client import Client
from tests import make_gguf
from tests.hub_server import COMMIT, HubServer, Repository, hub_server, sha256
from tests.live import Live, error_of, events, live
from tests.processes import marked, wait_for

DEMO = Path(__file__).parents[2] / "src/modelyard/catalog/demo"
GGUF = (DEMO / "modelyard-demo.gguf").read_bytes()
FOLDER = {path.name: path.read_bytes() for path in (DEMO / "hf").iterdir()}
ID = "acme/demo-GGUF"
FILE = "demo-q8_0.gguf"
MIDDLE = 2_500_000

QUICK = {"MODELYARD_RESTART_BACKOFF": "0.05", "MODELYARD_HUB": "huggingface"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubServer, Live]]:
    """A hub and a server that uses it, for the tests that kill neither."""
    home = tmp_path_factory.mktemp("shared") / "home"
    with hub_server() as hub, live(home, {**hub.environment(home.parent), **QUICK}) as made:
        yield hub, made


@pytest.fixture
def server(shared: tuple[HubServer, Live]) -> Iterator[Live]:
    """The shared server without models and downloads; its cache folders are empty."""
    hub, made = shared
    yield made
    hub.go_on.set()
    for each in made.http.get("/v1/models").json()["data"]:
        made.http.delete(f"/v1/models/{each['id']}")
    for each in made.http.get("/v1/downloads").json()["list"]:
        made.http.delete(f"/v1/downloads/{each['uid']}")
    wait_for(lambda: not made.http.get("/v1/models").json()["data"])
    wait_for(lambda: not made.http.get("/v1/downloads").json()["list"])
    wait_for(lambda: not _fetching(made))
    for folder in ("hf", "ms"):
        shutil.rmtree(made.home.parent / folder, ignore_errors=True)


@pytest.fixture
def hub(request: pytest.FixtureRequest) -> Iterator[HubServer]:
    """A hub with one repository: that of the shared server for tests that use it, and one of their own for the others."""
    if "server" in request.fixturenames:
        found, _ = request.getfixturevalue("shared")
        found.clear()
        found.add(ID, {FILE: GGUF, "demo-q2_k.gguf": GGUF[:1000], "README.md": b"# a demo"})
        yield found
        return
    with hub_server() as made:
        made.add(ID, {FILE: GGUF, "demo-q2_k.gguf": GGUF[:1000], "README.md": b"# a demo"})
        yield made


def launch(server: Live, name: str = ID, *, wait: bool = True, **body: Any) -> Any:
    given = {"model_name": name, **body}
    return server.http.post("/v1/models", params={"wait_ready": str(wait).lower()}, json=given, timeout=180)


def progress(server: Live, uid: str = ID) -> dict[str, Any]:
    found: dict[str, Any] = server.http.get(f"/v1/models/{uid}/progress").json()
    return found


def test_a_hubs_cache_keeps_the_umask_that_the_server_was_started_with(server: Live, hub: HubServer) -> None:
    """The home folder is private; what others may have a use for is not made so."""
    assert launch(server).status_code == 200
    files = server.http.get("/v1/cache/models/files", params={"model_version": ID}).json()["paths"]
    assert files and {oct(stat.S_IMODE(Path(each).stat().st_mode)) for each in files} == {"0o644"}
    assert stat.S_IMODE(server.home.stat().st_mode) == 0o700


def test_a_model_is_launched_by_its_id_and_answers(server: Live, hub: HubServer) -> None:
    answer = launch(server)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"model_uid": ID}
    described = server.http.get(f"/v1/models/{ID}").json()
    assert described["model_hub"] == "huggingface" and described["revision"] == COMMIT
    assert (described["model_format"], described["quantization"]) == ("ggufv2", "Q8_0")
    assert described["context_length"] == 2048
    assert server.chat(ID).json()["choices"][0]["message"]["content"]
    whole = [asked for asked in hub.fetched(FILE) if asked.range is None]
    assert len(whole) == 1, "the header comes by a range, the file once"
    assert not hub.fetched("demo-q2_k.gguf") and not hub.fetched("README.md")
    assert progress(server)["progress"] == 1.0


def test_it_is_not_fetched_again(server: Live, hub: HubServer) -> None:
    assert launch(server).status_code == 200
    seen = len(hub.asked)
    assert launch(server, model_uid="again").status_code == 200
    assert len(hub.asked) == seen


def test_quantizations_are_named_when_the_wanted_one_is_not_there(server: Live, hub: HubServer) -> None:
    answer = launch(server, quantization="Q5_K_M")
    assert answer.status_code == 400
    assert "it has q2_k, q8_0" in error_of(answer)["message"]


def test_a_folder_is_described_before_its_weights_come(server: Live, hub: HubServer) -> None:
    more = {"pytorch_model.bin": b"x" * 99, "onnx/model.onnx": b"x" * 99, "model.fp16.safetensors": b"x" * 9}
    hub.add("acme/demo", {**FOLDER, **more})
    hub.stall_at["model.safetensors"] = MIDDLE
    body = {"model_name": "acme/demo", "cache_uid": "一"}
    assert server.http.post("/v1/cache/models", json=body).json() == {"cache_uid": "一"}
    assert hub.stalled.wait(30)
    download = server.http.get("/v1/downloads").json()["list"][0]
    assert download["status"] == "running" and 0 < download["progress"] < 1
    assert {file["name"] for file in download["files"]} == set(FOLDER)
    hub.go_on.set()
    wait_for(lambda: server.http.get("/v1/cache/models/一/progress").json()["stage"] == "completed")
    [cached] = server.http.get("/v1/cache/models").json()["list"]
    assert cached["model_name"] == "acme/demo" and cached["model_format"] == "pytorch"
    assert cached["size_bytes"] == sum(map(len, FOLDER.values()))


def test_a_cut_connection_is_resumed_where_it_broke(server: Live, hub: HubServer) -> None:
    hub.cut_at[FILE] = MIDDLE
    answer = launch(server)
    assert answer.status_code == 200, answer.text
    ranges = [
        each.range for each in hub.fetched(FILE) if each.range is None or each.range.endswith("-")
    ]  # not the header
    assert ranges[0] is None
    assert ranges[1] is not None and int(ranges[1].removeprefix("bytes=").removesuffix("-")) >= MIDDLE // 2
    assert len(ranges) == 2


def test_progress_names_files_and_bytes(server: Live, hub: HubServer) -> None:
    hub.stall_at[FILE] = MIDDLE
    assert launch(server, wait=False).status_code == 200
    assert hub.stalled.wait(30)
    found = wait_for(lambda: (p := progress(server))["download_files"] and p["progress"] > 0 and p)
    assert found["stage"] == "downloading" and found["progress"] < 0.9
    [file] = found["download_files"]
    assert file["name"] == file["file_name"] == FILE and file["total"] == len(GGUF)
    assert 0 < file["downloaded"] < len(GGUF)
    assert found["info"].startswith("0 of 1 files, ") and found["info"].endswith("%")
    assert server.status(ID) == "LOADING"
    refused = server.chat(ID)
    assert refused.status_code == 503 and "being downloaded" in error_of(refused)["message"]
    hub.go_on.set()
    server.until(ID, "READY")


def test_two_launches_share_one_download(server: Live, hub: HubServer) -> None:
    hub.stall_at[FILE] = MIDDLE
    assert launch(server, model_uid="a", wait=False, replica=2).status_code == 200
    assert launch(server, model_uid="b", wait=False).status_code == 200
    assert hub.stalled.wait(30)
    assert len(server.http.get("/v1/downloads").json()["list"]) == 1
    hub.go_on.set()
    server.until("a", "READY")
    server.until("b", "READY")
    assert len([asked for asked in hub.fetched(FILE) if asked.range is None]) == 1


def test_cancelling_one_launch_leaves_the_download_to_the_other(server: Live, hub: HubServer) -> None:
    hub.stall_at[FILE] = MIDDLE
    launch(server, model_uid="a", wait=False)
    launch(server, model_uid="b", wait=False)
    assert hub.stalled.wait(30)
    uid = server.http.get("/v1/downloads").json()["list"][0]["uid"]
    refused = server.http.delete(f"/v1/downloads/{uid}")
    assert refused.status_code == 409 and "needed by a, b" in error_of(refused)["message"]
    assert server.http.post("/v1/models/a/cancel").status_code == 200
    assert server.http.get("/v1/downloads").json()["list"][0]["status"] == "running"
    assert server.http.post("/v1/models/b/cancel").status_code == 200
    wait_for(lambda: not server.http.get("/v1/downloads").json()["list"])
    wait_for(lambda: not _fetching(server))


def test_pause_and_resume(server: Live, hub: HubServer) -> None:
    hub.stall_at[FILE] = MIDDLE
    launch(server, wait=False)
    assert hub.stalled.wait(30)
    wait_for(lambda: progress(server)["progress"] > 0)  # bytes are on the disk, from which it can go on
    uid = server.http.get("/v1/downloads").json()["list"][0]["uid"]
    assert server.http.post(f"/v1/downloads/{uid}/pause").json()["status"] == "paused"
    wait_for(lambda: not _fetching(server))
    assert "paused" in progress(server)["info"]
    hub.go_on.set()
    assert server.http.post(f"/v1/downloads/{uid}/resume").status_code == 200
    server.until(ID, "READY")
    assert hub.fetched(FILE)[-1].range is not None, "it went on where it was"
    assert server.http.post("/v1/downloads/nobody/pause").status_code == 404


def test_a_download_is_in_the_stream_of_events_until_it_is_cancelled(server: Live, hub: HubServer) -> None:
    hub.stall_at[FILE] = MIDDLE
    with Client(server.url) as client, client.events.follow(["downloads", "progress", "jobs"]) as stream:
        assert next(stream)["data"]["downloads"] == []
        launch(server, wait=False)
        seen: set[str] = set()
        for event in stream:
            data = event["data"]
            if event["type"] == "download" and data["downloaded"]:
                assert (data["model_id"], data["status"], data["total"]) == (ID, "running", len(GGUF))
                seen.add("download")
            elif event["type"] == "progress" and data["progress"]["progress"]:
                assert (data["model_uid"], data["progress"]["stage"]) == (ID, "downloading")
                seen.add("progress")
            elif event["type"] == "job" and data["progress"]["done"]:
                assert (data["kind"], data["state"], data["progress"]["unit"]) == ("download", "running", "bytes")
                seen.add("job")
            if seen == {"download", "progress", "job"}:
                break
    with Client(server.url) as client, client.events.follow(["downloads"]) as stream:
        (download,) = next(stream)["data"]["downloads"]
        server.http.post(f"/v1/models/{ID}/cancel")
        removed = next(event for event in stream if event["type"] == "download_removed")
        assert removed["data"] == {"id": download["uid"]}


def test_a_killed_server_goes_on_with_a_download(hub: HubServer, home: Path) -> None:
    environment = {**hub.environment(home.parent), **QUICK}
    hub.stall_at[FILE] = MIDDLE
    with live(home, environment) as server:
        launch(server, wait=False)
        assert hub.stalled.wait(30)
        wait_for(lambda: progress(server)["progress"] > 0)
        server.kill()
        wait_for(lambda: not _fetching(server))
    hub.go_on.set()
    with live(home, environment) as server:
        server.until(ID, "READY")
        assert server.chat(ID).status_code == 200
    last = hub.fetched(FILE)[-1].range
    assert last is not None and int(last.removeprefix("bytes=").removesuffix("-")) > 0


def test_a_download_is_a_job_that_goes_on_after_the_server_was_killed(hub: HubServer, home: Path) -> None:
    """One job with one id, by whichever route it is started; a follower goes on with the events that it has not seen."""
    environment = {**hub.environment(home.parent), **QUICK}
    hub.stall_at[FILE] = MIDDLE
    with live(home, environment) as server:
        body = {"kind": "download", "parameters": {"model_name": ID, "cache_uid": "mine"}}
        job = server.http.post("/v1/jobs", json=body).json()["id"]
        assert hub.stalled.wait(30)
        server.http.post("/v1/cache/models", json={"model_name": ID, "cache_uid": "theirs"})
        [download] = server.http.get("/v1/downloads").json()["list"]
        assert (download["uid"], download["names"]) == (job, ["mine", "theirs"])
        running = wait_for(
            lambda: found if (found := server.http.get(f"/v1/jobs/{job}").json())["progress"]["done"] else None
        )
        assert (running["state"], running["progress"]["total"], running["progress"]["unit"]) == (
            "running",
            len(GGUF),
            "bytes",
        )
        server.kill()
    hub.go_on.set()
    with live(home, environment) as server:
        wait_for(lambda: server.http.get("/v1/cache/models/mine/progress").json()["progress"] == 1.0)
        text = server.http.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": "2"}).text
        states = [each["data"]["state"] for each in events(text) if each["type"] == "state"]
        assert states == ["queued", "running", "done"], "after the two of the first run"
        again = server.http.post("/v1/jobs", json=body).json()
        assert (again["state"], again["kind"]) == ("done", "download") and again["id"] != job


def test_files_that_somebody_deleted_come_again(hub: HubServer, home: Path) -> None:
    environment = {**hub.environment(home.parent), **QUICK}
    with live(home, environment) as server:
        assert launch(server).status_code == 200
        said = [event["event_content"] for event in server.http.get(f"/v1/models/{ID}/events").json()]
        assert f"Downloading {ID} from huggingface, 5.0 MB" in said
        server.stop()
    shutil.rmtree(home.parent / "hf")
    with live(home, environment) as server:
        server.until(ID, "READY")
    assert len([asked for asked in hub.fetched(FILE) if asked.range is None]) == 2


def test_a_split_model_comes_in_all_its_parts(
    server: Live, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf, "GGUFWriter", partial(gguf.GGUFWriter, split_max_tensors=12))
    made = make_gguf.chat_model(tmp_path / "made-q8_0.gguf")
    parts = sorted(tmp_path.glob(f"{made.stem}-*.gguf"))
    assert len(parts) == 2
    hub.add("acme/split-GGUF", {f"q8_0/{path.name}": path.read_bytes() for path in parts})
    answer = launch(server, "acme/split-GGUF", quantization="q8_0")
    assert answer.status_code == 200, answer.text
    assert server.chat("acme/split-GGUF", max_tokens=2).status_code == 200
    [cached] = server.http.get("/v1/cache/models").json()["list"]
    assert cached["size_bytes"] == sum(path.stat().st_size for path in parts)


def test_damaged_bytes_fail_the_launch_and_do_not_stay(server: Live, hub: HubServer) -> None:
    hub.repositories[ID].sent[FILE] = GGUF[:-4] + b"oops"
    answer = launch(server)
    assert answer.status_code == 502
    assert "its checksum differs" in error_of(answer)["message"]
    assert len([asked for asked in hub.fetched(FILE) if asked.range is None]) == 3, (
        "three attempts, each from the start"
    )
    blobs = server.home.parent / "hf/hub" / "models--acme--demo-GGUF" / "blobs"
    assert not list(blobs.iterdir())
    del hub.repositories[ID].sent[FILE]
    assert launch(server).status_code == 200, "launching again replaces the failed one"


def test_what_does_not_fit_on_the_disk_is_refused(server: Live, hub: HubServer) -> None:
    huge = "acme/huge-GGUF"  # the server has seen the true sizes of the other one
    hub.add(huge, {FILE: GGUF}).promised_size[FILE] = 10**16
    answer = launch(server, huge)
    assert answer.status_code == 503
    assert error_of(answer)["code"] in ("not_enough_disk", "not_enough_memory")
    filled = server.http.post("/v1/cache/models", json={"model_name": huge})
    assert filled.status_code == 503
    error = error_of(filled)
    assert error["code"] == "not_enough_disk" and "10000000.0 GB are needed" in error["message"]
    assert server.http.get("/v1/downloads").json()["list"] == []


def test_unknown_gated_and_no_token_in_sight(hub: HubServer, home: Path) -> None:
    with live(home, {**hub.environment(home.parent), **QUICK}) as server:
        answer = launch(server, "acme/nothing")
        assert answer.status_code == 404 and "Hugging Face has no model 'acme/nothing'" in error_of(answer)["message"]
        hub.repositories[ID].gated = True
        answer = launch(server)
        assert answer.status_code == 403 and "set HF_TOKEN" in error_of(answer)["message"]
    with live(home, {**hub.environment(home.parent), **QUICK, "HF_TOKEN": "good-token"}) as server:
        assert launch(server).status_code == 200
        said = [server.output(), *(path.read_text() for path in (home / "logs").rglob("*.log"))]
        said.append(json.dumps(server.http.get(f"/v1/models/{ID}").json()))
    assert not any("good-token" in text for text in said)
    assert hub.asked[-1].authorization == "Bearer good-token"


def test_offline_says_what_is_missing_and_runs_what_is_here(hub: HubServer, home: Path) -> None:
    environment = {**hub.environment(home.parent), **QUICK}
    for offline in ({"MODELYARD_OFFLINE": "true"}, {"HF_HUB_OFFLINE": "1"}):
        with live(home, {**environment, **offline}) as server:
            answer = launch(server)
            assert answer.status_code == 400 and error_of(answer)["code"] == "hubs_offline"
            assert f"'{ID}' is not on this machine" in error_of(answer)["message"]
    assert hub.asked == []
    with live(home, environment) as server:
        assert launch(server).status_code == 200
    with live(home, {**environment, "MODELYARD_OFFLINE": "true"}) as server:
        server.until(ID, "READY")
        assert launch(server, model_uid="more").status_code == 200


def test_auto_takes_the_hub_that_answers(hub: HubServer, home: Path) -> None:
    environment = {**hub.environment(home.parent), "HF_ENDPOINT": "http://127.0.0.1:9"}
    with live(home, environment) as server:
        assert launch(server).status_code == 200
        assert server.http.get(f"/v1/models/{ID}").json()["model_hub"] == "modelscope"
        answer = launch(server, "acme/else", download_hub="huggingface")
        assert answer.status_code == 503 and error_of(answer)["code"] == "hub_unavailable"
        answer = launch(server, "acme/else", download_hub="nowhere")
        assert answer.status_code == 400 and "'nowhere' is none of" in error_of(answer)["message"]
    environment = {**environment, "MODELSCOPE_ENDPOINT": "http://127.0.0.1:9"}
    with live(home.with_name("other"), environment) as server:
        answer = launch(server, "acme/else")
        assert answer.status_code == 503 and "cannot be reached" in error_of(answer)["message"]


def test_modelscope_resumes_checks_and_is_found_again(hub: HubServer, home: Path) -> None:
    environment = {**hub.environment(home.parent), **QUICK, "MODELYARD_HUB": "modelscope"}
    hub.stall_at[FILE] = MIDDLE
    with live(home, environment) as server:
        launch(server, wait=False)
        assert hub.stalled.wait(30)
        wait_for(lambda: progress(server)["progress"] > 0)
        server.kill()
    hub.go_on.set()
    with live(home, environment) as server:
        server.until(ID, "READY")
        assert hub.fetched(FILE)[-1].range is not None
        [cached] = server.http.get("/v1/cache/models").json()["list"]
        assert cached["model_hub"] == "modelscope" and cached["quantization"].lower() == "q8_0"
        answer = launch(server, "acme/nothing")
        assert answer.status_code == 404 and "ModelScope has no model" in error_of(answer)["message"]


def test_cached_models_are_listed_and_removed(server: Live, hub: HubServer) -> None:
    empty = server.http.get("/v1/cache/models").json()
    assert empty["list"] == [] and 0 <= empty["disk_free"] <= empty["disk_total"]
    assert launch(server).status_code == 200
    [cached] = server.http.get("/v1/cache/models", params={"model_name": ID}).json()["list"]
    version = cached["model_version"]
    assert version == f"{ID}--{str(cached['model_size_in_billions']).replace('.', '_')}B--ggufv2--q8_0"
    assert cached["size_bytes"] == len(GGUF) and cached["model_type"] == "LLM"
    assert sha256(Path(cached["real_path"]).read_bytes()) == sha256(GGUF)
    files = server.http.get("/v1/cache/models/files", params={"model_version": version}).json()
    assert files == {"model_version": version, "worker_ip": "127.0.0.1", "paths": [cached["path"]]}
    refused = server.http.delete("/v1/cache/models", params={"model_version": version})
    assert refused.status_code == 409 and f"is used by {ID}" in error_of(refused)["message"]
    assert server.http.delete(f"/v1/models/{ID}").status_code == 200
    assert server.http.delete("/v1/cache/models", params={"model_version": version}).json() == {"result": True}
    assert not Path(cached["path"]).exists() and not Path(cached["real_path"]).exists()
    assert server.http.delete("/v1/cache/models", params={"model_version": version}).status_code == 404
    assert server.http.get("/v1/cache/models/nobody/progress").json()["stage"] == "pending"
    assert server.http.post("/v1/cache/models/nobody/cancel").status_code == 404


def test_a_family_comes_from_its_hub(server: Live, hub: HubServer) -> None:
    hub.repositories["Qwen/Qwen2.5-0.5B-Instruct-GGUF"] = Repository({"qwen2.5-0.5b-instruct-q4_0.gguf": GGUF})
    body: dict[str, Any] = {"model_format": "ggufv2", "model_size_in_billions": "0_5", "quantization": "q4_0"}
    answer = launch(server, "qwen2.5-instruct", **body)
    assert answer.status_code == 200, answer.text
    described = server.http.get("/v1/models/qwen2.5-instruct").json()
    assert described["model_name"] == "qwen2.5-instruct" and described["model_hub"] == "huggingface"
    [cached] = server.http.get("/v1/cache/models").json()["list"]
    assert cached["model_version"] == "qwen2.5-instruct--0_5B--ggufv2--q4_0"


def _fetching(server: Live) -> list[int]:
    """The processes that fetch for a server."""
    found = []
    for process in marked(server.mark):
        with suppress(psutil.NoSuchProcess):
            if "modelyard.catalog.hubs" in process.cmdline():
                found.append(process.pid)
    return found
