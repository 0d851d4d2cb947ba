"""`client.registrations` and `client.engines`: families of the catalog and of users, and the engines that run them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, a_list, an_object, anything, at, flag, given

if TYPE_CHECKING:
    from modelyard.client.form_types import EngineListDict, RegistrationCheckDict, RegistrationDraftDict
    from modelyard.client.job_types import JobDict
    from modelyard.client.types import EngineEntryDict, ModelVersionDict

VersionList = list["ModelVersionDict"]


class RegistrationCalls(CallGroup[S]):
    """Families of models: those of the catalog, and those that users register."""

    @call
    def register(
        self, model_type: str, model: str | Mapping[str, Any], persist: bool, worker_ip: str | None = None
    ) -> Request[None]:
        """Register a family, as a JSON string or as a dict; with `persist` it survives restarts of the server."""
        text = model if isinstance(model, str) else msgspec.json.encode(model).decode()
        body = {"model": text, "worker_ip": worker_ip, "persist": persist}
        return Request("POST", at("model_registrations", model_type), anything, body=body)

    @call
    def check(
        self, model_type: str, model: str | Mapping[str, Any], persist: bool = False
    ) -> Request[RegistrationCheckDict]:
        """What `register` would do: the record as it would be listed, and what a launch would choose. Keeps nothing.

        Raises the errors of `register`.
        """
        text = model if isinstance(model, str) else msgspec.json.encode(model).decode()
        body = {"model": text, "persist": persist, "dry_run": True}
        return Request("POST", at("model_registrations", model_type), an_object, body=body)

    @call
    def draft(
        self,
        source: str,
        model_name: str | None = None,
        model_type: str | None = None,
        quantization: str | None = None,
        download_hub: str | None = None,
    ) -> Request[RegistrationDraftDict]:
        """A record for a hub's repository or for files on the server's machine, to be edited and registered."""
        body = given(
            source=source,
            model_name=model_name,
            model_type=model_type,
            quantization=quantization,
            download_hub=download_hub,
        )
        return Request("POST", at("model_registrations", "drafts"), an_object, body=body)

    @call
    def unregister(self, model_type: str, model_name: str) -> Request[None]:
        """Remove a registered family."""
        return Request("DELETE", at("model_registrations", model_type, model_name), anything)

    @call
    def copy(self, source: str, destination: str) -> Request[None]:
        """Register a family of the same files under another name; `source` is a launched model, a family, or a hub's name."""
        return Request("POST", "/api/copy", anything, body={"source": source, "destination": destination})

    @call
    def get(self, model_type: str, model_name: str) -> Request[dict[str, Any]]:
        """The whole record of one family."""
        return Request("GET", at("model_registrations", model_type, model_name), an_object)

    @call
    def versions(self, model_type: str, model_name: str) -> Request[VersionList]:
        """Every size, format and quantisation of a family, and whether its files are on the server."""
        return Request("GET", at("models", model_type, model_name, "versions"), a_list)

    @call
    def prompts(self) -> Request[dict[str, Any]]:
        """Family → prompt format: chat template, prompt style, stop strings."""
        return Request("GET", at("models", "prompts"), an_object)

    @call
    def abilities(self) -> Request[dict[str, list[str]]]:
        """Ability, such as `chat` or `vision` → the families that have it."""
        return Request("GET", at("models", "families"), an_object)

    @call
    def list(self, model_type: str, detailed: bool = False) -> Request[list[dict[str, Any]]]:
        """Every family of a type: its name and whether it is built in, or the whole record if `detailed`."""
        return Request("GET", at("model_registrations", model_type), a_list, {"detailed": flag(detailed)})


class EngineCalls(CallGroup[S]):
    """Engines: those of the server, and which of them run a model here."""

    @call
    def query(
        self,
        model_name: str,
        model_type: str | None = "LLM",
        enable_virtual_env: bool | None = None,
        reasons: bool = False,
    ) -> Request[dict[str, list[EngineEntryDict] | str]]:
        """Engine → the formats, sizes and quantisations in which it can run a family here.

        With `reasons`, the other engines are included, each with the reason in place of the list.
        """
        query = {} if enable_virtual_env is None else {"enable_virtual_env": flag(enable_virtual_env)}
        query |= {"reasons": "true"} if reasons else {}
        path = at("engines", model_type, model_name) if model_type else at("engines", model_name)
        return Request("GET", path, an_object, query)

    @call
    def install(self, engine: str, upgrade: bool = False) -> Request[JobDict]:
        """Make an engine's environment as a job, or return the job that does it already; `jobs.follow` shows its progress."""
        return Request("POST", at("engines", engine, "install"), an_object, body={"upgrade": upgrade})

    @call
    def list(self) -> Request[EngineListDict]:
        """Every engine: whether it is installed, why not, what it runs, and the JSON Schema of its options (`data`), and that
        of a launch (`launch`)."""
        return Request("GET", at("engines"), an_object)
