"""Every call of the client is a route of the server, and every dict it returns has the fields of the server's body."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pydantic
import pytest

from modelyard import client
from modelyard.api.openapi import document
from modelyard.client import (
    AsyncClient,
    Client,
    handles,
    media,
    nouns,
    xinference,
)
from modelyard.client.calls import CallGroup, ClientMethod, PagesMethod
from modelyard.client.request import Request
from modelyard.client.resources.documents import upload_batch
from modelyard.client.resources.files import upload_request
from modelyard.protocol import (
    adapters,
    answers,
    batches,
    cache,
    catalog,
    chat_imports,
    chats,
    cluster,
    engines,
    evaluations,
    files,
    generations,
    hits,
    hubs,
    jobs,
    keys,
    knowledge,
    knowledge_jobs,
    launch_plans,
    lifecycle,
    logs,
    metrics,
    models,
    pages,
    registrations,
    scoring,
    server,
    server_events,
    sessions,
    tokens,
    workers,
)

SAMPLES = {
    "model_config": {},
    "entry": {},
    "body": {},
    "conversations": [],
    "chats": [],
    "ids": [],
    "names": [],
    "questions": [],
    "relevant": [],
    "number": 1,
    "document": 1,
    "chunk": 1,
    "page": 1,
    "score": 1,
    "replica_id": 1,
    "file": ("a.txt", b"a"),
    "persist": False,
    "documents": ["a"],
    "part_ids": ["a"],
    "data": b"a",
    "size": 1,
    **dict.fromkeys(("image", "images", "mask_image", "first_frame", "last_frame", "audio"), b"a"),
}
"""Arguments of calls that are no text, by name."""


def groups() -> list[type[CallGroup[Any]]]:
    found = [each for module in (nouns, xinference, handles, media) for each in vars(module).values()]
    return list({each for each in found if inspect.isclass(each) and issubclass(each, CallGroup)})


def calls() -> Iterator[tuple[str, ClientMethod[Any, Any]]]:
    for group in groups():
        for name, method in vars(group).items():
            if isinstance(method, ClientMethod):
                yield f"{group.__name__}.{name}", method


def requests() -> Iterator[tuple[str, Request[Any]]]:
    """A request of every call; those that send several are made of others, but for uploads."""
    yield "DocumentCalls.upload", upload_batch("x", [("a.txt", b"a")])
    yield "FileCalls.upload", upload_request("a.txt", b"a", "user_data")
    for name, method in calls():
        parameters = list(inspect.signature(method.build).parameters.values())[1:]
        arguments = {
            each.name: SAMPLES.get(each.name, "x")
            for each in parameters
            if each.default is each.empty and each.kind != each.VAR_KEYWORD
        }
        if name == "ChatCalls.chat":
            arguments["messages"] = []
        plan = method.build(SimpleNamespace(uid="x"), **arguments)
        if isinstance(plan, Request):
            yield name, plan


def test_every_path_of_the_client_is_a_route() -> None:
    routes = [
        (method.upper(), re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path))))
        for path, methods in document()["paths"].items()
        for method in methods
    ]
    described = list(requests())
    unknown = [
        f"{name}: {request.method} {request.path}"
        for name, request in described
        if not any(method == request.method and path.fullmatch(request.path) for method, path in routes)
    ]
    assert len(described) > 100 and unknown == []


def test_a_call_is_plain_on_a_client_and_a_coroutine_on_an_async_one() -> None:
    with Client("http://127.0.0.1:1") as sync:
        asynchronous = AsyncClient("http://127.0.0.1:1")
        for name, method in calls():
            assert not inspect.iscoroutinefunction(method.__get__(sync)), name
            walks = isinstance(method, PagesMethod)
            kind = inspect.isasyncgenfunction if walks else inspect.iscoroutinefunction
            assert kind(method.__get__(asynchronous)), name


def test_every_call_shows_its_parameters_and_what_it_does() -> None:
    for name, method in calls():
        assert inspect.getdoc(method), name
        assert list(inspect.signature(method).parameters) == list(inspect.signature(method.build).parameters), name
        assert not str(inspect.signature(method).return_annotation).startswith(("Request[", "Steps[")), name


BODIES: dict[str, Any] = {
    "ReplicaDict": models.ReplicaInfo,
    "ModelDict": models.ModelInfo,
    "ReplicaProgressDict": models.ReplicaProgress,
    "LaunchProgressDict": models.LaunchProgress,
    "EventDict": models.ModelEvent,
    "ScaleDict": models.ScaleResponse,
    "LogsDict": models.ModelLogs,
    "LogPortionDict": models.LogPortion,
    "ReplicaStatusDict": lifecycle.ReplicaStatus,
    "InstanceDict": lifecycle.Instance,
    "ModelVersionDict": lifecycle.ModelVersionInfo,
    "ArchitecturesDict": lifecycle.SupportedArchitectures,
    "AutostartStateDict": lifecycle.AutostartState,
    "AutostartEntryDict": lifecycle.AutostartEntry,
    "AutostartListDict": lifecycle.AutostartList,
    "AutostartItemDict": lifecycle.AutostartSummaryItem,
    "AutostartSummaryDict": lifecycle.AutostartSummary,
    "AutostartRemovedDict": lifecycle.AutostartRemoved,
    "AdapterDict": adapters.AdapterInfo,
    "EngineEntryDict": engines.EngineEntry,
    "OwnEnvironmentDict": engines.OwnEnvironment,
    "EngineInfoDict": engines.EngineInfo,
    "EngineListDict": engines.EngineList,
    "FindingDict": server.FindingInfo,
    "SettingDict": server.SettingInfo,
    "PromptTemplateDict": server.PromptTemplate,
    "ToolDict": server.ToolInfo,
    "McpServerDict": server.McpServerInfo,
    "RegistrationCheckDict": registrations.RegistrationCheck,
    "RegistrationDraftDict": registrations.RegistrationDraft,
    "FittingVersionDict": catalog.FittingVersion,
    "CatalogEntryDict": catalog.CatalogEntry,
    "HubModelDict": hubs.HubModel,
    "HubFailureDict": hubs.HubFailure,
    "HubModelPageDict": hubs.HubModelPage,
    "CatalogPageDict": catalog.CatalogPage,
    "PlannedDeviceDict": launch_plans.PlannedDevice,
    "PlannedDownloadDict": launch_plans.PlannedDownload,
    "LaunchRefusalDict": launch_plans.LaunchRefusal,
    "TokenizedDict": tokens.TokenizeReply,
    "DetokenizedDict": tokens.DetokenizeReply,
    "TextScoreDict": scoring.PairScore,
    "TextScoresDict": scoring.ScoreReply,
    "ClassDict": tokens.TextClass,
    "ClassesDict": tokens.ClassifyReply,
    "ModerationDict": scoring.Moderation,
    "ModerationsDict": scoring.ModerationReply,
    "CommandLaunchDict": launch_plans.CommandLaunch,
    "LaunchRecordDict": launch_plans.LaunchRecord,
    "LaunchPlanDict": launch_plans.LaunchPlanInfo,
    "EngineEstimateDict": engines.EngineEstimate,
    "EstimateDict": engines.EstimateResponse,
    "CachedModelDict": cache.CachedModel,
    "CachedFilesDict": cache.CachedFiles,
    "DownloadDict": cache.DownloadInfo,
    "HealthDict": cluster.HealthInfo,
    "VersionDict": cluster.ServerVersion,
    "NodeDict": cluster.NodeInfo,
    "WorkerStatusDict": workers.WorkerStatus,
    "ServerStatusDict": workers.ServerStatus,
    "SupervisorDict": workers.Supervisor,
    "DoneDict": workers.SuccessResult,
    "KeyDict": keys.KeyInfo,
    "KeyChangesDict": keys.KeyPatch,
    "NewKeyDict": keys.NewKeyInfo,
    "UserDict": keys.UserInfo,
    "TokensDict": keys.Tokens,
    "MeDict": keys.Me,
    "SessionDict": sessions.SessionInfo,
    "EndedLoginsDict": sessions.EndedLogins,
    "AbortedDict": keys.Aborted,
    "ChunkingDict": knowledge.ChunkingBody,
    "BaseDict": knowledge.BaseInfo,
    "ProbeDict": knowledge.ProbeInfo,
    "ScriptProbeDict": knowledge.ScriptProbeInfo,
    "DocumentDict": knowledge.DocumentInfo,
    "DocumentPageDict": knowledge.DocumentList,
    "UploadDict": knowledge.Uploaded,
    "DeletedDict": knowledge.Deleted,
    "UnindexedDict": knowledge.Unindexed,
    "RelevantDict": evaluations.Relevant,
    "QuestionDict": evaluations.QuestionInfo,
    "QuestionPageDict": evaluations.QuestionList,
    "QuestionsImportedDict": evaluations.QuestionsImported,
    "EvaluationSetDict": evaluations.EvaluationSetInfo,
    "RunMeasuresDict": evaluations.RunMeasures,
    "SettingResultDict": evaluations.SettingResult,
    "SearchOutcomeDict": evaluations.SearchOutcome,
    "RunResultDict": evaluations.RunResult,
    "MeasureDifferenceDict": evaluations.MeasureDifference,
    "RunDict": evaluations.RunInfo,
    "RunDetailDict": evaluations.RunDetail,
    "PreviewChunkDict": knowledge.PieceInfo,
    "ChunkDict": knowledge.ChunkInfo,
    "ChunkPageDict": knowledge.ChunkList,
    "DocumentsChangedDict": knowledge.DocumentsChanged,
    "RectangleDict": pages.RectangleInfo,
    "PageBoxesDict": pages.PageBoxesInfo,
    "ChunkBoxesDict": pages.ChunkBoxes,
    "ScoresDict": hits.Scores,
    "HitDict": hits.Hit,
    "SearchDict": hits.SearchAnswer,
    "ExplanationDict": hits.Explanation,
    "ExplainedBaseDict": hits.ExplainedBase,
    "ExplainedCandidateDict": hits.ExplainedCandidate,
    "CitationDict": hits.Citation,
    "AnswerDict": knowledge.AnswerInfo,
    "BatchProblemDict": batches.BatchProblem,
    "BatchProblemsDict": batches.BatchProblems,
    "BatchCountsDict": batches.BatchCounts,
    "CachedTokensDict": batches.CachedTokens,
    "ReasoningTokensDict": batches.ReasoningTokens,
    "BatchUsageDict": batches.BatchUsage,
    "BatchDict": batches.BatchInfo,
    "BatchPageDict": batches.BatchPage,
    "FileDict": files.FileInfo,
    "FilePageDict": files.FilePage,
    "FileUploadDict": files.UploadInfo,
    "UploadPartDict": files.UploadPartInfo,
    "KnowledgeJobDict": knowledge_jobs.KnowledgeJobInfo,
    "JobDict": jobs.JobInfo,
    "ChatAnswerDict": answers.ChatAnswerBegun,
    "AnswerEventDict": answers.AnswerText,
    "GenerationDict": generations.GenerationInfo,
    "GenerationProblemDict": generations.GenerationProblem,
    "GenerationEventDict": generations.GenerationEventInfo,
    "JobProgressDict": jobs.JobProgressInfo,
    "JobProblemDict": jobs.JobProblem,
    "JobEventDict": jobs.JobEventInfo,
    "PastEventDict": server_events.PastEvent,
    "ServerEventDict": server_events.ModelChanged,
    "FigureSeriesDict": metrics.FigureSeries,
    "RequestDict": metrics.RequestInfo,
    "UsageEntryDict": metrics.UsageEntry,
    "AuditEntryDict": metrics.AuditEntry,
    "LogEntryDict": logs.LogEntry,
    "LogListDict": logs.LogList,
    "LogNewsDict": logs.LogNews,
    "SeriesDict": metrics.SeriesList,
    "SeriesNewsDict": metrics.SeriesNews,
    "ChatDict": chats.ChatInfo,
    "ChatDetailDict": chats.ChatDetail,
    "ChatPageDict": chats.ChatPage,
    "ChatSettingsDict": chats.ChatSettingsBody,
    "ChatMatchDict": chats.ChatMatch,
    "ChatFolderDict": chats.ChatFolderInfo,
    "MessageDict": chats.MessageInfo,
    "DeletedMessagesDict": chats.DeletedMessages,
    "ImportedDict": chat_imports.Imported,
}


def dicts() -> dict[str, Any]:
    """The TypedDicts of `client/types.py` and `client/*_types.py`, but for those of answers that replicas give."""
    names = [each.name for each in pkgutil.iter_modules(client.__path__) if each.name.split("_")[-1] == "types"]
    modules = [importlib.import_module(f"{client.__name__}.{name}") for name in names if name != "completion_types"]
    found = {name: each for module in modules for name, each in vars(module).items()}
    return {name: each for name, each in found.items() if name.endswith("Dict") and name != "TypedDict"}


def fields(body: Any) -> set[str]:
    if isinstance(body, type) and issubclass(body, pydantic.BaseModel):
        return set(body.model_fields)
    if isinstance(body, type) and issubclass(body, msgspec.Struct):
        return {each.encode_name for each in msgspec.structs.fields(body) if each.default is not msgspec.UNSET}
    return {each.name for each in dataclasses.fields(body)}


@pytest.mark.parametrize("name", sorted(dicts()))
def test_a_dict_has_the_fields_of_its_body(name: str) -> None:
    assert set(dicts()[name].__annotations__) == fields(BODIES[name])


def test_every_dict_has_a_body() -> None:
    assert set(dicts()) == set(BODIES)
