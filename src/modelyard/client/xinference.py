"""The method names of Xinference's client, as a mixin: `client.launch_model` is `client.models.launch`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.client.calls import CallGroup, S, Steps, call, exchange
from modelyard.client.request import Request, a_list, an_object, at, given
from modelyard.client.resources.autostart import AutostartCalls
from modelyard.client.resources.cache import CacheCalls
from modelyard.client.resources.cluster import ClusterCalls
from modelyard.client.resources.keys import AuthCalls
from modelyard.client.resources.models import ModelCalls
from modelyard.client.resources.registrations import EngineCalls, RegistrationCalls
from modelyard.client.resources.replicas import ReplicaCalls

Operation = dict[str, Any]


class XinferenceNames(CallGroup[S]):
    """Each method under the name and with the arguments of Xinference's client."""

    launch_model = ModelCalls.launch
    launch_model_by_version = ModelCalls.launch_version
    get_model = ModelCalls.get
    list_models = ModelCalls.list
    describe_model = ModelCalls.describe
    get_instance_info = ModelCalls.instances
    terminate_model = ModelCalls.terminate
    get_launch_model_progress = ModelCalls.progress
    cancel_launch_model = ModelCalls.cancel
    abort_request = ModelCalls.abort
    reload_model = ModelCalls.reload
    get_model_reload_status = ModelCalls.reload_status
    get_model_reload_config = ModelCalls.reload_config
    get_progress = ModelCalls.generation_progress
    vllm_models = ModelCalls.vllm_architectures
    get_replicas = ReplicaCalls.list
    terminate_model_replica = ReplicaCalls.remove
    register_model = RegistrationCalls.register
    unregister_model = RegistrationCalls.unregister
    list_model_registrations = RegistrationCalls.list
    get_model_registration = RegistrationCalls.get
    list_model_versions = RegistrationCalls.versions
    query_engine_by_model_name = EngineCalls.query
    list_cached_models = CacheCalls.list
    list_deletable_models = CacheCalls.files
    confirm_and_remove_model = CacheCalls.remove
    get_autostart_config = AutostartCalls.list
    get_autostart_model_summary = AutostartCalls.summary
    upsert_autostart_model = AutostartCalls.put
    remove_autostart_model = AutostartCalls.remove
    get_cluster_info = ClusterCalls.nodes
    get_workers_info = ClusterCalls.workers
    get_supervisor_info = ClusterCalls.supervisor
    _get_supervisor_internal_address = ClusterCalls.address
    abort_cluster = ClusterCalls.stop

    @exchange
    def login(self, username: str, password: str) -> Steps[None]:
        """Log in with name and password; later requests send the token. Does nothing if the server requires no key."""
        required: bool = yield ClusterCalls.auth_required.build(self)
        if required:
            tokens: dict[str, Any] = yield AuthCalls.token.build(self, username, password)
            self._sender._set_token(str(tokens["access_token"]))

    @call
    def add_model_replica(
        self,
        model_uid: str,
        replica_config: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        replica: int = 1,
        model_engine: str | None = None,
        n_gpu: int | str | None = None,
    ) -> Request[dict[str, Any]]:
        """Start this many additional replicas; the other arguments must match the model's present values."""
        body = given(replica_config=replica_config, replica=replica, model_engine=model_engine, n_gpu=n_gpu)
        return Request("POST", at("models", model_uid, "replicas"), an_object, body=body)

    # Xinference replaces parts of a running cluster one by one. This server has no such parts and refuses.

    @call
    def relaunch_api(self, python_executable: str | None = None, request_id: str | None = None) -> Request[Operation]:
        """Replace the process that serves HTTP."""
        return _relaunch(at("api", "relaunch"), python_executable, request_id)

    @call
    def relaunch_supervisor(
        self, python_executable: str | None = None, request_id: str | None = None
    ) -> Request[Operation]:
        """Replace the supervisor's process."""
        return _relaunch(at("supervisor", "relaunch"), python_executable, request_id)

    @call
    def relaunch_worker(
        self, worker_address: str, python_executable: str | None = None, request_id: str | None = None
    ) -> Request[Operation]:
        """Replace the process of one machine."""
        return _relaunch(at("workers", worker_address, "relaunch"), python_executable, request_id)

    @call
    def get_api_relaunch(self, operation_id: str) -> Request[Operation]:
        """The progress of one relaunch of the process that serves HTTP."""
        return Request("GET", at("api-relaunches", operation_id), an_object)

    @call
    def list_api_relaunches(self) -> Request[list[Operation]]:
        """All relaunches so far of the process that serves HTTP."""
        return Request("GET", at("api-relaunches"), a_list)

    @call
    def get_supervisor_relaunch(self, operation_id: str) -> Request[Operation]:
        """The progress of one relaunch of the supervisor."""
        return Request("GET", at("supervisor-relaunches", operation_id), an_object)

    @call
    def list_supervisor_relaunches(self) -> Request[list[Operation]]:
        """All relaunches so far of the supervisor."""
        return Request("GET", at("supervisor-relaunches"), a_list)

    @call
    def get_worker_relaunch(self, operation_id: str) -> Request[Operation]:
        """The progress of one relaunch of a worker."""
        return Request("GET", at("worker-relaunches", operation_id), an_object)

    @call
    def list_worker_relaunches(self) -> Request[list[Operation]]:
        """All relaunches so far of a worker."""
        return Request("GET", at("worker-relaunches"), a_list)


def _relaunch(path: str, python_executable: str | None, request_id: str | None) -> Request[Operation]:
    body = {"python_executable": python_executable, "request_id": request_id}
    return Request("POST", path, an_object, body=body)
