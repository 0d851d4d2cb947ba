"""The groups of calls that both clients have, by noun: `client.models`, `client.knowledge`, …

A new group is a file in `resources/` and a property here.
"""

from __future__ import annotations

from modelyard.client.calls import CallGroup, S
from modelyard.client.resources.adapters import AdapterCalls
from modelyard.client.resources.answers import AnswerCalls
from modelyard.client.resources.autostart import AutostartCalls
from modelyard.client.resources.batches import BatchCalls
from modelyard.client.resources.cache import CacheCalls, DownloadCalls
from modelyard.client.resources.catalog import CatalogCalls
from modelyard.client.resources.chats import ChatFolderCalls, StoredChatCalls
from modelyard.client.resources.cluster import ClusterCalls
from modelyard.client.resources.documents import DocumentCalls
from modelyard.client.resources.evaluations import EvaluationCalls
from modelyard.client.resources.events import EventCalls
from modelyard.client.resources.files import FileCalls, UploadCalls
from modelyard.client.resources.generations import GenerationCalls
from modelyard.client.resources.hubs import HubCalls
from modelyard.client.resources.jobs import JobCalls
from modelyard.client.resources.keys import AuthCalls, KeyCalls, UserCalls
from modelyard.client.resources.knowledge import KnowledgeCalls
from modelyard.client.resources.logs import LogCalls
from modelyard.client.resources.metrics import MetricsCalls
from modelyard.client.resources.models import ModelCalls
from modelyard.client.resources.registrations import EngineCalls, RegistrationCalls
from modelyard.client.resources.replicas import ReplicaCalls
from modelyard.client.resources.server import ServerCalls


class Nouns(CallGroup[S]):
    """All groups of calls. They are created on access, so that there is no reference cycle between client and groups."""

    @property
    def models(self) -> ModelCalls[S]:
        """Models: launch, list, describe and terminate them, and read their logs and events."""
        return ModelCalls(self._sender)

    @property
    def replicas(self) -> ReplicaCalls[S]:
        """Replicas of a model: list, add and remove them."""
        return ReplicaCalls(self._sender)

    @property
    def adapters(self) -> AdapterCalls[S]:
        """LoRA adapters: load, unload and list them."""
        return AdapterCalls(self._sender)

    @property
    def engines(self) -> EngineCalls[S]:
        """Engines: those of the server, and which of them run a model here."""
        return EngineCalls(self._sender)

    @property
    def catalog(self) -> CatalogCalls[S]:
        """The catalog: families that can be launched by name, and which of them fit here."""
        return CatalogCalls(self._sender)

    @property
    def hubs(self) -> HubCalls[S]:
        """Hubs: search them for models to launch."""
        return HubCalls(self._sender)

    @property
    def registrations(self) -> RegistrationCalls[S]:
        """Families of models: those of the catalog, and those that users register."""
        return RegistrationCalls(self._sender)

    @property
    def cache(self) -> CacheCalls[S]:
        """Files of models on the server: list and remove them."""
        return CacheCalls(self._sender)

    @property
    def downloads(self) -> DownloadCalls[S]:
        """Downloads of models' files: follow, pause and cancel them."""
        return DownloadCalls(self._sender)

    @property
    def jobs(self) -> JobCalls[S]:
        """Background jobs of every kind: start, follow and cancel them."""
        return JobCalls(self._sender)

    @property
    def events(self) -> EventCalls[S]:
        """Everything that changes on the server, in one stream."""
        return EventCalls(self._sender)

    @property
    def autostart(self) -> AutostartCalls[S]:
        """Models that the server launches when it starts."""
        return AutostartCalls(self._sender)

    @property
    def knowledge(self) -> KnowledgeCalls[S]:
        """Knowledge bases: create, search and ask them."""
        return KnowledgeCalls(self._sender)

    @property
    def documents(self) -> DocumentCalls[S]:
        """Documents of knowledge bases: upload, index, read and delete them, and edit their chunks."""
        return DocumentCalls(self._sender)

    @property
    def evaluations(self) -> EvaluationCalls[S]:
        """Evaluation sets of knowledge bases: questions, and runs that measure how well they are answered."""
        return EvaluationCalls(self._sender)

    @property
    def chats(self) -> StoredChatCalls[S]:
        """Chats that the server stores: create, search, read, continue, export, import and delete them."""
        return StoredChatCalls(self._sender)

    @property
    def chat_folders(self) -> ChatFolderCalls[S]:
        """Folders of chats: create, list, rename and delete them."""
        return ChatFolderCalls(self._sender)

    @property
    def answers(self) -> AnswerCalls[S]:
        """Answers to messages of chats, which the server makes to the end: begin, follow and stop them."""
        return AnswerCalls(self._sender)

    @property
    def files(self) -> FileCalls[S]:
        """Stored files: upload, list, read and delete them."""
        return FileCalls(self._sender)

    @property
    def uploads(self) -> UploadCalls[S]:
        """Files in parts: begin an upload, add parts, complete or cancel it."""
        return UploadCalls(self._sender)

    @property
    def batches(self) -> BatchCalls[S]:
        """Batches: requests of a file that the server answers in the background."""
        return BatchCalls(self._sender)

    @property
    def generations(self) -> GenerationCalls[S]:
        """Answers that the server makes to the end, whether or not their client stays: begin, follow and stop them."""
        return GenerationCalls(self._sender)

    @property
    def cluster(self) -> ClusterCalls[S]:
        """The server and its machines: health, version, devices."""
        return ClusterCalls(self._sender)

    @property
    def server(self) -> ServerCalls[S]:
        """The server itself: what the doctor finds, its settings, prompt templates and MCP servers."""
        return ServerCalls(self._sender)

    @property
    def metrics(self) -> MetricsCalls[S]:
        """What the server has done: figures over time, the newest requests, usage by day, changes."""
        return MetricsCalls(self._sender)

    @property
    def logs(self) -> LogCalls[S]:
        """Logs of models, jobs and the server, in one view."""
        return LogCalls(self._sender)

    @property
    def keys(self) -> KeyCalls[S]:
        """API keys: create, rotate, revoke and list them."""
        return KeyCalls(self._sender)

    @property
    def users(self) -> UserCalls[S]:
        """Users who may log in: add, remove and list them."""
        return UserCalls(self._sender)

    @property
    def auth(self) -> AuthCalls[S]:
        """Logins, sessions of browsers, and the identity of the caller."""
        return AuthCalls(self._sender)
