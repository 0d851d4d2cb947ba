// Written by `make docs` from the Python models; a test holds it against them.

export type Scope = "admin" | "models:list" | "models:read" | "tools:use" | "models:write" | "models:register" | "knowledge:read" | "knowledge:write" | "files:read" | "files:write" | "keys:create" | "keys:manage" | "users:manage" | "cache:list" | "cache:delete" | "logs:list" | "monitor:view" | "settings:read" | "settings:write" | "virtualenv:list" | "virtualenv:delete";

export interface Answers {
  "GET /": ServerName;
  "POST /classify": ClassifyReply;
  "POST /detokenize": DetokenizeReply;
  "GET /health": HealthInfo;
  "POST /pooling": PoolingReply;
  "POST /score": ScoreReply;
  "GET /status": ServerStatus;
  "POST /token": Tokens;
  "POST /tokenize": TokenizeReply;
  "GET /v1/adapters": AdapterList;
  "GET /v1/address": string;
  "GET /v1/admin/keys": KeyList;
  "POST /v1/admin/keys": NewKeyInfo;
  "DELETE /v1/admin/keys/{name}": KeyInfo;
  "PATCH /v1/admin/keys/{name}": KeyInfo;
  "POST /v1/admin/keys/{name}/rotate": NewKeyInfo;
  "GET /v1/admin/users": UserList;
  "POST /v1/admin/users": UserInfo;
  "DELETE /v1/admin/users/{name}": UserInfo;
  "PATCH /v1/admin/users/{name}": UserInfo;
  "POST /v1/admin/users/{name}/password": UserInfo;
  "GET /v1/api-relaunches": Relaunch[];
  "POST /v1/audio/embeddings": VoiceEmbedding;
  "POST /v1/audio/transcriptions": Transcription;
  "POST /v1/audio/translations": Transcription;
  "GET /v1/audit": AuditList;
  "POST /v1/auth/logout": SuccessResult;
  "GET /v1/auth/me": Me;
  "POST /v1/auth/password": EndedLogins;
  "POST /v1/auth/refresh": Tokens;
  "DELETE /v1/auth/sessions": EndedLogins;
  "GET /v1/auth/sessions": SessionList;
  "POST /v1/auth/sessions": SessionInfo;
  "DELETE /v1/auth/sessions/current": SuccessResult;
  "DELETE /v1/auth/sessions/{id}": SuccessResult;
  "GET /v1/autostart/models": Required<AutostartList>;
  "POST /v1/autostart/models": Required<AutostartEntry> | Required<AutostartList>;
  "GET /v1/autostart/models/summary": AutostartSummary;
  "DELETE /v1/autostart/models/{uid}": AutostartRemoved;
  "GET /v1/autostart/models/{uid}": Required<AutostartEntry>;
  "GET /v1/batches": BatchPage;
  "POST /v1/batches": BatchInfo;
  "GET /v1/batches/{batch_id}": BatchInfo;
  "POST /v1/batches/{batch_id}/cancel": BatchInfo;
  "DELETE /v1/cache/models": Removed;
  "GET /v1/cache/models": CachedModels;
  "POST /v1/cache/models": CacheResponse;
  "GET /v1/cache/models/files": CachedFiles;
  "POST /v1/cache/models/{cache_uid}/cancel": null;
  "GET /v1/cache/models/{cache_uid}/progress": LaunchProgress;
  "GET /v1/catalog": CatalogPage;
  "POST /v1/chat/completions": ChatCompletion;
  "GET /v1/chat_folders": ChatFolderList;
  "POST /v1/chat_folders": ChatFolderInfo;
  "DELETE /v1/chat_folders/{folder}": Deleted;
  "PATCH /v1/chat_folders/{folder}": ChatFolderInfo;
  "GET /v1/chats": ChatPage;
  "POST /v1/chats": ChatInfo;
  "POST /v1/chats/delete": Deleted;
  "POST /v1/chats/export": ChatExport;
  "POST /v1/chats/import": Imported;
  "POST /v1/chats/messages/{message}/feedback": MessageInfo;
  "DELETE /v1/chats/{chat}": Deleted;
  "GET /v1/chats/{chat}": ChatDetail;
  "PATCH /v1/chats/{chat}": ChatInfo;
  "POST /v1/chats/{chat}/answers": ChatAnswerBegun;
  "GET /v1/chats/{chat}/export": ChatExport;
  "GET /v1/chats/{chat}/messages": MessageList;
  "POST /v1/chats/{chat}/messages": MessageInfo;
  "DELETE /v1/chats/{chat}/messages/{message}": DeletedMessages;
  "PATCH /v1/chats/{chat}/messages/{message}": MessageInfo;
  "POST /v1/chats/{chat}/messages/{message}/stop": MessageInfo;
  "GET /v1/cluster/auth": Auth;
  "GET /v1/cluster/devices": number;
  "GET /v1/cluster/info": NodeInfo[];
  "GET /v1/cluster/system_settings": SystemSettings;
  "GET /v1/cluster/ui_config": UiConfig;
  "GET /v1/cluster/version": ServerVersion;
  "DELETE /v1/clusters": SuccessResult;
  "POST /v1/completions": CompletionReply;
  "POST /v1/conversations": ConversationInfo;
  "DELETE /v1/conversations/{conversation_id}": ConversationDeleted;
  "GET /v1/conversations/{conversation_id}": ConversationInfo;
  "POST /v1/conversations/{conversation_id}": ConversationInfo;
  "GET /v1/conversations/{conversation_id}/items": ItemList;
  "POST /v1/conversations/{conversation_id}/items": ItemList;
  "DELETE /v1/conversations/{conversation_id}/items/{item_id}": ConversationInfo;
  "GET /v1/conversations/{conversation_id}/items/{item_id}": KeptItem;
  "POST /v1/convert_ids_to_tokens": string | (string | string[])[];
  "GET /v1/downloads": DownloadList;
  "DELETE /v1/downloads/{uid}": Removed;
  "POST /v1/downloads/{uid}/pause": DownloadInfo;
  "POST /v1/downloads/{uid}/resume": DownloadInfo;
  "POST /v1/embeddings": EmbeddingList;
  "GET /v1/engines": EngineList;
  "POST /v1/engines/{engine}/install": JobInfo;
  "GET /v1/engines/{model_name}": Record<string, EngineEntry[] | string>;
  "GET /v1/engines/{model_type}/{model_name}": Record<string, EngineEntry[] | string>;
  "GET /v1/events/models": PastEventList;
  "GET /v1/files": FilePage;
  "POST /v1/files": FileInfo;
  "DELETE /v1/files/{file_id}": FileDeleted;
  "GET /v1/files/{file_id}": FileInfo;
  "GET /v1/generations": GenerationList;
  "POST /v1/generations": GenerationInfo;
  "DELETE /v1/generations/{generation_id}": GenerationDeleted;
  "GET /v1/generations/{generation_id}": GenerationInfo;
  "POST /v1/generations/{generation_id}/stop": GenerationInfo;
  "GET /v1/hubs/search": HubModelPage;
  "POST /v1/images/edits": MediaList;
  "POST /v1/images/generations": MediaList;
  "POST /v1/images/inpainting": MediaList;
  "POST /v1/images/ocr": string | unknown[] | Record<string, unknown>;
  "POST /v1/images/variations": MediaList;
  "GET /v1/jobs": JobList;
  "POST /v1/jobs": JobInfo;
  "DELETE /v1/jobs/{job}": JobDeleted;
  "GET /v1/jobs/{job}": JobInfo;
  "POST /v1/jobs/{job}/cancel": JobInfo;
  "GET /v1/jobs/{job}/logs": JobLogs;
  "POST /v1/jobs/{job}/pause": JobInfo;
  "POST /v1/jobs/{job}/resume": JobInfo;
  "GET /v1/knowledge_bases": BaseList;
  "POST /v1/knowledge_bases": BaseInfo;
  "POST /v1/knowledge_bases/answer": AnswerInfo;
  "GET /v1/knowledge_bases/formats": Record<string, string>;
  "POST /v1/knowledge_bases/search": SearchAnswer;
  "DELETE /v1/knowledge_bases/{base}": Deleted;
  "GET /v1/knowledge_bases/{base}": BaseInfo;
  "PATCH /v1/knowledge_bases/{base}": BaseInfo;
  "POST /v1/knowledge_bases/{base}/answer": AnswerInfo;
  "DELETE /v1/knowledge_bases/{base}/chunks/{chunk}": Deleted;
  "PATCH /v1/knowledge_bases/{base}/chunks/{chunk}": ChunkInfo;
  "GET /v1/knowledge_bases/{base}/chunks/{chunk}/boxes": ChunkBoxes;
  "GET /v1/knowledge_bases/{base}/documents": DocumentList;
  "PATCH /v1/knowledge_bases/{base}/documents": DocumentsChanged;
  "POST /v1/knowledge_bases/{base}/documents": Uploaded;
  "POST /v1/knowledge_bases/{base}/documents/delete": Deleted;
  "POST /v1/knowledge_bases/{base}/documents/from": ImportStarted;
  "POST /v1/knowledge_bases/{base}/documents/index": JobStarted;
  "POST /v1/knowledge_bases/{base}/documents/preview": Preview;
  "POST /v1/knowledge_bases/{base}/documents/unindex": Unindexed;
  "DELETE /v1/knowledge_bases/{base}/documents/{document}": Deleted;
  "GET /v1/knowledge_bases/{base}/documents/{document}": DocumentInfo;
  "PATCH /v1/knowledge_bases/{base}/documents/{document}": DocumentInfo;
  "GET /v1/knowledge_bases/{base}/documents/{document}/chunks": ChunkList;
  "POST /v1/knowledge_bases/{base}/documents/{document}/chunks": ChunkInfo;
  "POST /v1/knowledge_bases/{base}/documents/{document}/preview": Preview;
  "GET /v1/knowledge_bases/{base}/evaluations": EvaluationSetList;
  "POST /v1/knowledge_bases/{base}/evaluations": EvaluationSetInfo;
  "DELETE /v1/knowledge_bases/{base}/evaluations/{set}": Deleted;
  "GET /v1/knowledge_bases/{base}/evaluations/{set}": EvaluationSetInfo;
  "PATCH /v1/knowledge_bases/{base}/evaluations/{set}": EvaluationSetInfo;
  "POST /v1/knowledge_bases/{base}/evaluations/{set}/import": QuestionsImported;
  "GET /v1/knowledge_bases/{base}/evaluations/{set}/questions": QuestionList;
  "POST /v1/knowledge_bases/{base}/evaluations/{set}/questions": QuestionList;
  "POST /v1/knowledge_bases/{base}/evaluations/{set}/questions/delete": Deleted;
  "PATCH /v1/knowledge_bases/{base}/evaluations/{set}/questions/{question}": QuestionInfo;
  "GET /v1/knowledge_bases/{base}/evaluations/{set}/runs": RunList;
  "POST /v1/knowledge_bases/{base}/evaluations/{set}/runs": JobStarted;
  "DELETE /v1/knowledge_bases/{base}/evaluations/{set}/runs/{run}": Deleted;
  "GET /v1/knowledge_bases/{base}/evaluations/{set}/runs/{run}": RunDetail;
  "GET /v1/knowledge_bases/{base}/jobs": KnowledgeJobList;
  "DELETE /v1/knowledge_bases/{base}/jobs/{job}": KnowledgeJobInfo;
  "GET /v1/knowledge_bases/{base}/jobs/{job}": KnowledgeJobInfo;
  "POST /v1/knowledge_bases/{base}/reindex": JobStarted;
  "POST /v1/knowledge_bases/{base}/search": SearchAnswer;
  "POST /v1/launch_commands": CommandLaunch;
  "GET /v1/launches/{uid}": LaunchRecord;
  "GET /v1/logs": LogList;
  "GET /v1/metrics/series": SeriesList;
  "POST /v1/model_registrations/drafts": RegistrationDraft;
  "GET /v1/model_registrations/{model_type}": RegistrationSummary[] | FamilyRecord[];
  "POST /v1/model_registrations/{model_type}": RegistrationCheck | null;
  "DELETE /v1/model_registrations/{model_type}/{model_name}": null;
  "GET /v1/model_registrations/{model_type}/{model_name}": FamilyRecord;
  "GET /v1/models": CodexModelList | ModelListInfo;
  "POST /v1/models": LaunchResponse;
  "POST /v1/models/estimate": EstimateResponse;
  "GET /v1/models/families": Record<string, string[]>;
  "POST /v1/models/instance": LaunchResponse;
  "GET /v1/models/instances": Instance[];
  "POST /v1/models/plan": LaunchPlanInfo;
  "GET /v1/models/prompts": Record<string, ModelPrompt>;
  "GET /v1/models/vllm-supported": SupportedArchitectures;
  "GET /v1/models/{model_type}/{model_name}/versions": ModelVersionInfo[];
  "DELETE /v1/models/{uid}": null;
  "GET /v1/models/{uid}": ModelInfo;
  "POST /v1/models/{uid}/cancel": null;
  "GET /v1/models/{uid}/events": ModelEvent[];
  "GET /v1/models/{uid}/logs": ModelLogs;
  "GET /v1/models/{uid}/progress": LaunchProgress;
  "GET /v1/models/{uid}/replicas": ReplicaInfo[];
  "POST /v1/models/{uid}/replicas": ScaleResponse;
  "DELETE /v1/models/{uid}/replicas/{replica_id}": RemainingReplicas;
  "POST /v1/models/{uid}/requests/{request_id}/abort": Aborted;
  "POST /v1/moderations": ModerationReply;
  "GET /v1/requests": RequestList;
  "POST /v1/rerank": RerankReply;
  "POST /v1/score": ScoreReply;
  "GET /v1/server/doctor": FindingList;
  "GET /v1/server/mcp_servers": McpServerList;
  "GET /v1/server/prompts": PromptTemplateList;
  "GET /v1/server/settings": SettingList;
  "GET /v1/server/tools": ToolList;
  "GET /v1/supervisor": Supervisor;
  "GET /v1/supervisor-relaunches": Relaunch[];
  "POST /v1/uploads": UploadInfo;
  "POST /v1/uploads/{upload_id}/cancel": UploadInfo;
  "POST /v1/uploads/{upload_id}/complete": UploadInfo;
  "POST /v1/uploads/{upload_id}/parts": UploadPartInfo;
  "GET /v1/usage": UsageList;
  "GET /v1/vector_stores": VectorStorePage;
  "POST /v1/vector_stores": VectorStoreInfo;
  "DELETE /v1/vector_stores/{vector_store_id}": VectorStoreDeleted;
  "GET /v1/vector_stores/{vector_store_id}": VectorStoreInfo;
  "POST /v1/vector_stores/{vector_store_id}": VectorStoreInfo;
  "POST /v1/vector_stores/{vector_store_id}/file_batches": FileBatchInfo;
  "GET /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}": FileBatchInfo;
  "POST /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel": FileBatchInfo;
  "GET /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files": StoreFilePage;
  "GET /v1/vector_stores/{vector_store_id}/files": StoreFilePage;
  "POST /v1/vector_stores/{vector_store_id}/files": StoreFileInfo;
  "DELETE /v1/vector_stores/{vector_store_id}/files/{file_id}": StoreFileDeleted;
  "GET /v1/vector_stores/{vector_store_id}/files/{file_id}": StoreFileInfo;
  "POST /v1/vector_stores/{vector_store_id}/files/{file_id}": StoreFileInfo;
  "GET /v1/vector_stores/{vector_store_id}/files/{file_id}/content": StoreFileContent;
  "POST /v1/vector_stores/{vector_store_id}/search": StoreSearchAnswer;
  "POST /v1/video/generations": MediaList;
  "POST /v1/video/generations/flf": MediaList;
  "POST /v1/video/generations/image": MediaList;
  "DELETE /v1/virtualenvs": SuccessResult;
  "GET /v1/virtualenvs": VirtualEnvironmentList;
  "GET /v1/virtualenvs/packages": InstalledPackageList;
  "GET /v1/worker-relaunches": Relaunch[];
  "GET /v1/workers": WorkerModels[];
  "POST /v2/rerank": CohereRerankReply;
  "GET /version": ServerVersion;
}

export interface Events {
  "POST /v1/audio/speech": MediaEvent;
  "POST /v1/chat/completions": ChatChunk;
  "GET /v1/chats/{chat}/messages/{message}/events": AnswerStarted | AnswerSourcesFound | AnswerToolStarted | AnswerToolEnded | AnswerReasoning | AnswerText | AnswerNotice | AnswerResult | AnswerEnded | ErrorEvent;
  "POST /v1/completions": CompletionReply;
  "GET /v1/events": SnapshotEvent | ModelChanged | ModelRemoved | ReplicasChanged | ProgressChanged | ModelHappened | DownloadChanged | DownloadRemoved | JobChanged | JobRemoved | GaugesMeasured | ErrorEvent;
  "GET /v1/generations/{generation_id}/events": GenerationEventInfo | ErrorEvent;
  "POST /v1/images/edits": MediaEvent;
  "GET /v1/jobs/{job}/events": JobEventInfo | ErrorEvent;
  "POST /v1/knowledge_bases/answer": SourcesEvent | TokenEvent | AnswerEvent | ErrorEvent;
  "POST /v1/knowledge_bases/{base}/answer": SourcesEvent | TokenEvent | AnswerEvent | ErrorEvent;
  "GET /v1/knowledge_bases/{base}/jobs/{job}": KnowledgeJobInfo | ErrorEvent;
  "GET /v1/logs": LogNews | ErrorEvent;
  "GET /v1/metrics/series": SeriesNews | ErrorEvent;
  "GET /v1/models/{uid}/logs": LogPortion | ErrorEvent;
}

/** Body of `POST /v1/models/{uid}/requests/{rid}/abort`. */
export interface AbortRequest {
  /** Seconds for which further requests with this id are refused. */ block_duration?: number;
}

/** Answer of an abort: `DONE`, or `NOT_FOUND` if no such request is in progress. */
export interface Aborted {
  msg: string;
}

/** One adapter, as `GET /v1/adapters` lists it. */
export interface AdapterInfo {
  /** Name of the adapter, which requests give as `model`. */ id: string;
  object: string;
  /** Uid of the model that the adapter belongs to. */ parent: string;
  /** Path of the adapter's files on the server's machine. */ root: string;
  /** `READY`, `LOADING`, `CREATING` or `ERROR`. */ status: string;
  /** Why the adapter could not be loaded; null if it could. */ error: string | null;
  /** Rank of the LoRA matrices; 0 if unknown. */ rank: number;
  /** Names of the model's modules that the adapter changes. */ target_modules: string[];
  /** The `lora_scale` with which the adapter was loaded. */ scale: number;
  /** Size of the adapter's files in bytes. */ size_bytes: number;
  /** Number of replicas that have loaded the adapter. */ replica_ready: number;
}

/** Answer of `GET /v1/adapters`. */
export interface AdapterList {
  object: string;
  data: AdapterInfo[];
}

/** A piece of a text that is streamed. */
export interface AnswerDelta {
  text: string;
}

/** How an answer ended. */
export interface AnswerEnd {
  state: "completed" | "failed" | "stopped" | "interrupted";
  /** `code` and `message` of the failure; null unless `state` is `failed`. */ error: Record<string, string> | null;
}

/** The last event. */
export interface AnswerEnded {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time in seconds. */ at: number;
  type: "end";
  data: AnswerEnd;
}

/** Last event of a streamed answer: the answer as a whole. */
export interface AnswerEvent {
  answer: string;
  /** The sources that the answer cites. */ citations: Citation[];
  /** All sources that the model read. */ sources: Citation[];
  /** Whether any hit is about the question. */ evidence: boolean;
  /** Uid of the model that answered; null if no model was asked. */ model: string | null;
  /** Uid of the model that ranked the sources; null if none did. */ rerank_model: string | null;
  usage: Record<string, unknown>;
  notes: string[];
  conversation: string | null;
  /** Id of the stored message, to which feedback is given; null outside of conversations. */ message: string | null;
  type: "answer";
}

/** An answer that is based on documents. */
export interface AnswerInfo {
  answer: string;
  /** The sources that the answer cites. */ citations: Citation[];
  /** All sources that the model read. */ sources: Citation[];
  /** Whether any hit is about the question. */ evidence: boolean;
  /** Uid of the model that answered; null if no model was asked. */ model: string | null;
  /** Uid of the model that ranked the sources; null if none did. */ rerank_model: string | null;
  usage: Record<string, unknown>;
  notes: string[];
  conversation: string | null;
  /** Id of the stored message, to which feedback is given; null outside of conversations. */ message: string | null;
}

/** A message for people. */
export interface AnswerNote {
  /** Stable code of the notice. */ code: string;
  /** A sentence for people. */ text: string;
}

/** A message for people, such as that the model cannot call tools. */
export interface AnswerNotice {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time in seconds. */ at: number;
  type: "notice";
  data: AnswerNote;
}

/** A piece of the model's reasoning, which precedes its answer. */
export interface AnswerReasoning {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time in seconds. */ at: number;
  type: "reasoning";
  data: AnswerDelta;
}

/** Body of `POST …/answer`. */
export interface AnswerRequest {
  top_k?: number;
  mode?: "hybrid" | "lexical" | "vector";
  /** Conditions on documents, such as `{"year": {"gte": 2024}, "document": {"prefix": "hr/"}}`. */ filter?: Record<string, unknown>;
  /** Whether the rerank model ranks the hits; null to use the base's rerank model if it runs. */ rerank?: boolean | null;
  /** Hits with a lower score are left out. */ min_score?: number;
  question: string;
  /** Uid of the model that answers; if left out, the base's. */ model?: string | null;
  /** Id of the conversation to continue; `new` creates one. */ conversation?: string | null;
  stream?: boolean;
  temperature?: number | null;
  max_tokens?: number | null;
}

/** The second to last event of an answer that is complete. */
export interface AnswerResult {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time in seconds. */ at: number;
  type: "result";
  data: AnswerSummary;
}

/** Body of `POST /v1/knowledge_bases/answer`. */
export interface AnswerSeveralRequest {
  top_k?: number;
  mode?: "hybrid" | "lexical" | "vector";
  /** Conditions on documents, such as `{"year": {"gte": 2024}, "document": {"prefix": "hr/"}}`. */ filter?: Record<string, unknown>;
  /** Whether the rerank model ranks the hits; null to use the base's rerank model if it runs. */ rerank?: boolean | null;
  /** Hits with a lower score are left out. */ min_score?: number;
  question: string;
  /** Uid of the model that answers; if left out, the base's. */ model?: string | null;
  /** Id of the conversation to continue; `new` creates one. */ conversation?: string | null;
  stream?: boolean;
  temperature?: number | null;
  max_tokens?: number | null;
  knowledge_bases: string[];
}

/** A source of an answer. A web page has `url`; a chunk of a document has the fields of a citation. */
export interface AnswerSource {
  /** The number in square brackets with which the answer cites the source. */ number: number;
  title: string;
  /** Address of the web page; for a document, the path of its file on this server. */ url: string | null;
  /** The text of the source that the model read. */ text: string;
  /** Name of the document; null for web pages. */ document: string | null;
  document_id: number | null;
  knowledge_base: string | null;
  chunk_id: number | null;
  /** Page, from 1; null where the format has no pages. */ page: number | null;
}

/** The sources that the model reads. */
export interface AnswerSourceList {
  sources: AnswerSource[];
  /** Sentences for people, such as that a base is searched by words alone. */ notes: string[];
}

/** The sources, before the first text. */
export interface AnswerSourcesFound {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time in seconds. */ at: number;
  type: "sources";
  data: AnswerSourceList;
}

/** Facts about an answer that are known before its text. */
export interface AnswerStart {
  /** Id of the chat. */ chat: string;
  /** Id of the message in which the answer is stored. */ message: string;
  mode: "chat" | "knowledge" | "files" | "web" | "agent";
  /** Uid of the model; null for an answer that consists of sources, without a model. */ model: string | null;
}

/** The first event. */
export interface AnswerStarted {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time in seconds. */ at: number;
  type: "start";
  data: AnswerStart;
}

/** Facts about an answer that are known when its text is complete. */
export interface AnswerSummary {
  model: string | null;
  finish_reason: string;
  /** Numbers of tokens, as in a chat completion. */ usage: Record<string, unknown>;
  /** Milliseconds from the request until the `sources`, until the `first_token`, until the `first_text` (after the model's reasoning), and in `total`. */
  timings: Record<string, number>;
  /** The sources that the answer cites. */ citations: AnswerSource[];
  /** Whether the sources contain the answer, as far as the search can tell; null without sources. */ evidence: boolean | null;
  notes: string[];
}

/** A piece of the answer. */
export interface AnswerText {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time in seconds. */ at: number;
  type: "text";
  data: AnswerDelta;
}

/** A tool call with its arguments. */
export interface AnswerToolCall {
  id: string;
  name: string;
  arguments: Record<string, unknown> | string;
}

/** A tool call has ended. Calls may end in an order other than that of their beginnings. */
export interface AnswerToolEnded {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time in seconds. */ at: number;
  type: "tool_ended";
  data: AnswerToolResult;
}

/** A tool call that has ended, with its result. */
export interface AnswerToolResult {
  id: string;
  name: string;
  arguments: Record<string, unknown> | string;
  /** What the tool returned, as text. */ output: string;
  /** Whether the call succeeded. */ ok: boolean;
  /** Duration of the call in milliseconds. */ ms: number;
  /** Why the call failed; null if it succeeded. */ error: string | null;
}

/** A tool call has begun. */
export interface AnswerToolStarted {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time in seconds. */ at: number;
  type: "tool_started";
  data: AnswerToolCall;
}

/** A content part that is a sound recording. */
export interface AudioContent {
  type: "input_audio";
  input_audio: InputAudio;
}

/** A change that a caller made, or tried to make and was refused. */
export interface AuditEntry {
  /** Number of the entry; later entries have greater numbers. `before` accepts it. */ id: number;
  /** Unix time in seconds of the request's arrival. */ at: number;
  /** The change, such as `models.launch`, `models.terminate` or `keys.create_key`. */ action: string;
  /** The object of the change, such as the uid of a model or the name of a key; null if the request named none, or was refused before it was read. */
  target: string | null;
  /** Owner id of the caller. */ owner: string;
  /** Id of the API key; null for users and where no key is required. */ key: string | null;
  /** Name of the key or the user; null where no key is required. */ name: string | null;
  /** IP address of the client. */ address: string;
  /** HTTP status of the answer; below 400 if the change was made. */ status: number;
  request_id: string;
}

/** Answer of `GET /v1/audit`, newest first. */
export interface AuditList {
  object: "list";
  data: AuditEntry[];
  /** Whether there are older entries; to read them, send the last `id` as `before`. */ has_more: boolean;
}

/** Answer of `GET /v1/cluster/auth`: whether requests need a key. */
export interface Auth {
  auth: boolean;
}

/** Split a file like other documents of its knowledge base. */
export interface AutoChunking {
  type: "auto";
}

/** One model that the server launches when it starts. */
export interface AutostartEntry {
  /** If false, the model is not launched when the server starts. */ enabled?: boolean;
  /** Entries with a lower number are launched first; those with the next number follow when these are ready or have failed. */ priority?: number;
  /** Number of further launches after one that failed. */ max_retries?: number;
  /** Seconds between two launches. */ retry_interval_seconds?: number;
  /** The launch request: the body of `POST /v1/models`. */ launch: Record<string, unknown>;
  /** Set by the server; ignored in requests. */ state?: AutostartState;
  /** Set by the server: `model_uid` of the launch request, or its `model_name`. */ model_uid?: string;
}

/** Body and answer of the autostart routes. */
export interface AutostartList {
  models: AutostartEntry[];
}

/** Answer of `DELETE /v1/autostart/models/{uid}`. */
export interface AutostartRemoved {
  model_uid: string;
  result: boolean;
}

/** What the server has done with an autostart entry since it started. */
export interface AutostartState {
  /** `idle` (added after the server started), `disabled`, `waiting` (for entries of higher priority), `starting`, `retrying`, `ready`, `failed` or `cancelled`. */
  status?: string;
  /** Number of launches since the server started. */ attempts?: number;
  /** Why the last launch failed. */ error?: string | null;
  /** Unix time in seconds. */ updated_at?: number;
}

/** Answer of `GET /v1/autostart/models/summary`. */
export interface AutostartSummary {
  /** Number of entries. */ total: number;
  /** Number of enabled entries. */ enabled: number;
  models: AutostartSummaryItem[];
}

/** An autostart entry without its launch request. */
export interface AutostartSummaryItem {
  model_uid: string;
  model_name: string | null;
  model_type: string | null;
  enabled: boolean;
  priority: number;
  status: string;
}

/** A knowledge base. */
export interface BaseInfo {
  id: number;
  object: string;
  name: string;
  description: string;
  language: string;
  embedding_model: string | null;
  rerank_model: string | null;
  chat_model: string | null;
  /** Search mode of the base; `lexical` if it has no embedding model. */ mode: "hybrid" | "lexical" | "vector";
  /** Length of the vectors; null without an embedding model. */ dimension: number | null;
  chunking: Required<ChunkingBody>;
  prompts: Record<string, string>;
  /** Number that increases each time the base is re-indexed. */ generation: number;
  documents: number;
  chunks: number;
  /** Size of all documents in bytes. */ bytes: number;
  /** State of documents → number of documents in that state. */ states: Record<string, number>;
  /** Ids of jobs that are working on the base. */ jobs: string[];
  /** How well searches find the contents; null without an embedding model, and until it is measured. */ probe: ProbeInfo | null;
  /** Sentences about models that the base names and that do not run, with the command that launches each, and about languages that the embedding model cannot read. */
  warnings: string[];
  /** Unix time in seconds. */ created_at: number;
}

/** Answer of `GET /v1/knowledge_bases`. */
export interface BaseList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: BaseInfo[];
}

/** Numbers of requests of a batch, by their state. */
export interface BatchCounts {
  /** All requests of the batch; 0 until the input file is checked. */ total: number;
  /** Requests that were answered without an error. */ completed: number;
  /** Requests that were answered with an error. */ failed: number;
}

/** A batch. */
export interface BatchInfo {
  id: string;
  object: "batch";
  endpoint: string;
  /** The model that all requests name; null if they name several, and until the input file is checked. */ model: string | null;
  input_file_id: string;
  completion_window: string;
  status: "validating" | "failed" | "in_progress" | "finalizing" | "completed" | "expired" | "cancelling" | "cancelled";
  /** Why the batch failed; null unless its `status` is `failed`. */ errors: BatchProblems | null;
  /** Id of the file with the answers, in the order of the input file; null until the batch has ended, and if no request succeeded. */
  output_file_id: string | null;
  /** Id of the file with the requests that failed or were not answered; null until the batch has ended, or if there are none. */ error_file_id: string | null;
  request_counts: BatchCounts;
  /** null until the batch has ended. */ usage: BatchUsage | null;
  metadata: Record<string, string> | null;
  /** Unix time in seconds, like all times below. A time is null until that state is reached. */ created_at: number;
  in_progress_at: number | null;
  /** When the completion window ends. */ expires_at: number;
  finalizing_at: number | null;
  completed_at: number | null;
  failed_at: number | null;
  expired_at: number | null;
  cancelling_at: number | null;
  cancelled_at: number | null;
  /** Owner id of the user or key that created it; an administrator sees all batches. */ owner: string;
}

/** Answer of `GET /v1/batches`. */
export interface BatchPage {
  object: "list";
  data: BatchInfo[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/** Why a batch failed. */
export interface BatchProblem {
  /** Stable code of the problem. */ code: string;
  /** Number of the line of the input file, from 1; null for a problem of the whole batch. */ line: number | null;
  message: string;
  /** The field that is wrong; null if no single field is. */ param: string | null;
}

/** The reasons for which a batch failed. */
export interface BatchProblems {
  object: "list";
  /** The first 1,000; if there are more, the last entry says so, and all are in the batch's `error_file_id`. */ data: BatchProblem[];
}

/** Tokens of all requests of a batch, as counted by the models. */
export interface BatchUsage {
  input_tokens: number;
  input_tokens_details: CachedTokens;
  output_tokens: number;
  output_tokens_details: ReasoningTokens;
  total_tokens: number;
}

export interface Body_preview_upload_v1_knowledge_bases__base__documents_preview_post {
  file: string;
  /** A JSON object, in place of the base's. */ chunking?: string | null;
}

export interface Body_upload_v1_knowledge_bases__base__documents_post {
  /** One or many; `name` below stands for a single one's. */ files: string[];
  name?: string | null;
  /** A JSON object, for all of them. */ metadata?: string | null;
  /** A JSON object, in place of the base's. */ chunking?: string | null;
  modified_at?: number | null;
  /** Index them in the background. */ index?: boolean;
}

/** Body of `POST /v1/cache/models`. Of the keys of a launch, only those that select weights count; others are ignored. */
export interface CacheRequest {
  /** A family of the catalog, or the id of a repository on a hub. */ model_name: string;
  model_type?: string | null;
  model_format?: string | null;
  model_size_in_billions?: number | string | null;
  quantization?: string | null;
  /** `huggingface`, `modelscope` or `auto`. */ download_hub?: string | null;
  /** Name of the download, with which its progress is read; if left out, one is generated. */ cache_uid?: string | null;
}

/** Answer of `POST /v1/cache/models`. The download has started, or the files were complete already. */
export interface CacheResponse {
  cache_uid: string;
}

/** Answer of `GET /v1/cache/models/files`. */
export interface CachedFiles {
  model_version: string;
  worker_ip: string;
  paths: string[];
}

/** A model whose files are complete on this machine. */
export interface CachedModel {
  /** Name of the model's family in the catalog; if it is in none, the id of its repository. */ model_name: string;
  /** `LLM`, `embedding`, …; null if the files cannot be read as a model. */ model_type: string | null;
  /** Names of the engines that can run these files. */ model_engine: string[] | null;
  /** Number of parameters in billions; null if unknown. */ model_size_in_billions: number | null;
  model_format: string;
  quantization: string;
  /** `<name>--<size>B--<format>--<quantization>`: the key with which `DELETE /v1/cache/models` removes these files. */ model_version: string;
  /** `huggingface` or `modelscope`. */ model_hub: string;
  /** Id of the repository, `owner/name`. */ model_id: string;
  revision: string;
  /** Path of the folder or file. */ path: string;
  /** `path` with symbolic links resolved. */ real_path: string;
  /** Address of this machine, in the field that Xinference's clients read. */ actor_ip_address: string;
  /** Size of the files in bytes. */ size_bytes: number;
}

/** Answer of `GET /v1/cache/models`. */
export interface CachedModels {
  list: CachedModel[];
  /** Size in bytes of the disk that holds the cache folder. */ disk_total: number;
  /** Free bytes of that disk. */ disk_free: number;
}

/** Breakdown of the prompts' tokens. */
export interface CachedTokens {
  cached_tokens: number;
}

/** The function of a tool call; a chunk of a stream holds a part of its arguments. */
export interface CalledFunction {
  name?: string | null;
  arguments?: string | null;
}

/** A model family, as `GET /v1/catalog` lists it. */
export interface CatalogEntry {
  model_name: string;
  model_type: string;
  model_description: string;
  /** The description in Chinese; null if there is none. */ model_description_zh: string | null;
  model_ability: string[];
  model_lang: string[];
  /** Maximum number of tokens of prompt and answer; null if unknown. */ context_length: number | null;
  /** Length of the vectors of an embedding model; null for other types. */ dimensions: number | null;
  /** Sizes in billions of parameters, spelled as in the family's record. */ sizes: (number | string)[];
  formats: string[];
  /** Whether the family comes with Modelyard; otherwise a user registered it. */ is_builtin: boolean;
  /** Whether files of any version are on this machine. */ cached: boolean;
  /** Whether a launch by the family's name would find an engine and enough memory now. */ fits: boolean;
  /** The version that such a launch would choose. If none fits, the smallest one; null if no engine on this machine can run the family. */
  best: FittingVersion | null;
  /** Why such a launch would be refused; null if it would not. */ reason: string | null;
}

/** Answer of `GET /v1/catalog`, in the order of types and names. */
export interface CatalogPage {
  object: "list";
  data: CatalogEntry[];
  /** Number of families on all pages; null if `cached` or `fits` filters the list, because then not every family is examined. */ total: number | null;
  has_more: boolean;
  /** Value of `cursor` for the next page; null on the last page. */ next_cursor: string | null;
}

/** Body of `PATCH /v1/knowledge_bases/{base}`. The embedding model and the chunking change by `…/reindex` only. */
export interface ChangeBaseRequest {
  description?: string | null;
  /** Language of the documents, such as `zh` or `en`. */ language?: string | null;
  /** Uid of the model that ranks the hits; empty for none. */ rerank_model?: string | null;
  /** Uid of the model that answers questions which name no model; empty for any model that runs. */ chat_model?: string | null;
  /** Jinja templates that replace the server's: `answer` has the variables `question`, `sources` and `context`; `empty` has `question`. */
  prompts?: Record<string, string> | null;
  name?: string | null;
}

/** Body of `PATCH /v1/chats/{chat}`. Fields that are left out do not change. */
export interface ChangeChat {
  title?: string | null;
  pinned?: boolean | null;
  /** Id of the new folder; null moves the chat out of its folder. */ folder?: string | null;
  /** New settings. Fields that are left out do not change. */ settings?: ChatSettingsBody | null;
  /** Id of a message. From now on the branch of this message is shown, as far as its newest descendant. */ active_leaf?: string | null;
}

/** Body of `PATCH /v1/chats/{chat}/messages/{message}`. */
export interface ChangeChatMessage {
  content: string | (TextContent | ImageContent | AudioContent | FileContent)[];
}

/** Body of `PATCH …/chunks/{chunk}`. */
export interface ChangeChunk {
  text?: string | null;
  enabled?: boolean | null;
}

/** Body of `PATCH …/documents/{document}`. */
export interface ChangeDocument {
  /** Whether searches see the document. */ enabled?: boolean | null;
  metadata?: Record<string, unknown> | null;
}

/** Body of `PATCH …/documents`. */
export interface ChangeDocuments {
  names: string[];
  /** Whether searches see these documents. */ enabled?: boolean | null;
  /** Fields to add to the metadata of each document; null removes a field. Other fields do not change. */ metadata?: Record<string, unknown> | null;
  /** How the documents are split when they are next indexed, in place of the base's chunking. */ chunking?: ChunkingBody | null;
}

/** Body of `POST /v1/vector_stores/{vector_store_id}/files/{file_id}`. */
export interface ChangeStoreFile {
  /** New attributes, which replace the present ones. */ attributes: Record<string, string | boolean | number> | null;
}

/** Body of `POST /v1/vector_stores/{vector_store_id}`. Fields that are left out do not change; null removes a value. */
export interface ChangeVectorStore {
  name?: string | null;
  expires_after?: StoreExpiry | null;
  metadata?: Record<string, string> | null;
}

/** Answer of `POST /v1/chats/{chat}/answers`, which returns before the model has answered. */
export interface ChatAnswerBegun {
  object: "chat.answer";
  /** The message that was added, if the body has `content`. */ question: MessageInfo | null;
  /** The answer, whose `state` is `running`; follow it with `GET /v1/chats/{chat}/messages/{message}/events`. */ message: MessageInfo;
  mode: "chat" | "knowledge" | "files" | "web" | "agent";
}

/** Event of a streamed `POST /v1/chat/completions`; the last event is `[DONE]`. */
export interface ChatChunk {
  id: string;
  object: "chat.completion.chunk";
  created: number;
  model: string | null;
  choices: ChatChunkChoice[];
  usage?: TokenUsage | null;
}

/** A part of one of the alternative answers to a conversation. */
export interface ChatChunkChoice {
  index: number;
  delta: ReplyMessage;
  finish_reason?: string | null;
  logprobs?: Record<string, unknown> | null;
}

/** Answer of `POST /v1/chat/completions`. Answers of knowledge bases have `citations` beside these fields. */
export interface ChatCompletion {
  id: string;
  object: "chat.completion";
  created: number;
  model: string | null;
  choices: ChatReplyChoice[];
  usage?: TokenUsage | null;
}

/** A chat with all its messages, in the order in which they were added. */
export interface ChatDetail {
  id: string;
  object: "chat";
  /** Owner id of the user or key that created the chat; an administrator sees all chats. */ owner: string;
  title: string;
  /** `chat`, `knowledge`, or the type that a client of another system gives the chat. */ kind: string;
  pinned: boolean;
  /** Id of the folder; null for none. */ folder: string | null;
  settings: Required<ChatSettingsBody>;
  /** Id of the last message of the branch that is shown; null if the chat has no messages. */ active_leaf: string | null;
  message_count: number;
  /** Unix time in seconds. */ created_at: number;
  /** Unix time in seconds of the newest message. */ updated_at: number;
  /** In a list that was searched with `q`: where the first word was found; null if it is only in the title. */ match: ChatMatch | null;
  messages: MessageInfo[];
}

/** Exported chats as JSON, with all branches; `POST /v1/chats/import` accepts its `chats` and `folders`. */
export interface ChatExport {
  object: "chat.export";
  version: 1;
  folders: ChatFolderInfo[];
  chats: ChatDetail[];
}

/** Body of `POST /v1/chat_folders` and of `PATCH /v1/chat_folders/{folder}`. */
export interface ChatFolderBody {
  name: string;
}

/** A folder of chats. */
export interface ChatFolderInfo {
  id: string;
  object: "chat.folder";
  /** Owner id of the user or key that created the folder. */ owner: string;
  name: string;
  /** Number of chats in the folder. */ chats: number;
  /** Unix time in seconds. */ created_at: number;
}

/** Answer of `GET /v1/chat_folders`. */
export interface ChatFolderList {
  object: "list";
  data: ChatFolderInfo[];
}

/** A chat, without its messages. */
export interface ChatInfo {
  id: string;
  object: "chat";
  /** Owner id of the user or key that created the chat; an administrator sees all chats. */ owner: string;
  title: string;
  /** `chat`, `knowledge`, or the type that a client of another system gives the chat. */ kind: string;
  pinned: boolean;
  /** Id of the folder; null for none. */ folder: string | null;
  settings: Required<ChatSettingsBody>;
  /** Id of the last message of the branch that is shown; null if the chat has no messages. */ active_leaf: string | null;
  message_count: number;
  /** Unix time in seconds. */ created_at: number;
  /** Unix time in seconds of the newest message. */ updated_at: number;
  /** In a list that was searched with `q`: where the first word was found; null if it is only in the title. */ match: ChatMatch | null;
}

/** The place where a search found its first word. */
export interface ChatMatch {
  /** Id of the message that contains the word. */ message: string;
  /** The text around the word. */ text: string;
}

/** Answer of `GET /v1/chats`. */
export interface ChatPage {
  object: "list";
  data: ChatInfo[];
  /** Value of `cursor` for the next page; null on the last page. */ next_cursor: string | null;
}

/** One of the alternative answers to a conversation. */
export interface ChatReplyChoice {
  index: number;
  message: ReplyMessage;
  finish_reason?: string | null;
  logprobs?: Record<string, unknown> | null;
}

/** Body of `POST /v1/chat/completions`. */
export interface ChatRequest {
  user?: string | null;
  metadata?: Record<string, unknown> | null;
  prompt_cache_key?: string | null;
  prompt_cache_options?: Record<string, unknown> | null;
  prompt_cache_retention?: string | null;
  safety_identifier?: string | null;
  service_tier?: string | null;
  store?: boolean | null;
  guided_choice?: string[] | null;
  guided_grammar?: string | null;
  guided_json?: Record<string, unknown> | string | boolean | null;
  guided_json_object?: boolean | null;
  guided_regex?: string | null;
  structured_outputs?: Record<string, unknown> | null;
  add_special_tokens?: boolean | null;
  allowed_token_ids?: number[] | null;
  bad_words?: string[] | null;
  cache_salt?: string | null;
  ec_transfer_params?: Record<string, unknown> | null;
  ignore_eos?: boolean | null;
  include_stop_str_in_output?: boolean | null;
  kv_transfer_params?: Record<string, unknown> | null;
  length_penalty?: number | null;
  logprob_token_ids?: number[] | null;
  min_tokens?: number | null;
  priority?: number | null;
  prompt_logprobs?: number | null;
  repetition_detection?: Record<string, unknown> | null;
  return_token_ids?: boolean | null;
  return_tokens_as_token_ids?: boolean | null;
  routed_experts_prompt_start?: number | null;
  session_id?: string | null;
  skip_special_tokens?: boolean | null;
  spaces_between_special_tokens?: boolean | null;
  stop_token_ids?: number[] | null;
  stream_interval?: number | null;
  thinking_token_budget?: number | null;
  truncate_prompt_tokens?: number | null;
  truncation_side?: "left" | "right" | null;
  use_beam_search?: boolean | null;
  vllm_xargs?: Record<string, unknown> | null;
  watermarking?: boolean | null;
  cache_prompt?: boolean | null;
  dry_allowed_length?: number | null;
  dry_base?: number | null;
  dry_multiplier?: number | null;
  dry_penalty_last_n?: number | null;
  dry_sequence_breakers?: string[] | null;
  dynatemp_exponent?: number | null;
  dynatemp_range?: number | null;
  grammar?: string | null;
  id_slot?: number | null;
  json_schema?: Record<string, unknown> | null;
  lora?: Record<string, unknown>[] | null;
  min_keep?: number | null;
  mirostat?: number | null;
  mirostat_eta?: number | null;
  mirostat_tau?: number | null;
  n_discard?: number | null;
  n_indent?: number | null;
  n_keep?: number | null;
  n_predict?: number | null;
  n_probs?: number | null;
  post_sampling_probs?: boolean | null;
  reasoning_format?: "auto" | "deepseek" | "deepseek-legacy" | "none" | null;
  repeat_last_n?: number | null;
  repeat_penalty?: number | null;
  response_fields?: string[] | null;
  return_progress?: boolean | null;
  return_tokens?: boolean | null;
  samplers?: string | string[] | null;
  t_max_predict_ms?: number | null;
  timings_per_token?: boolean | null;
  top_n_sigma?: number | null;
  typical_p?: number | null;
  xtc_probability?: number | null;
  xtc_threshold?: number | null;
  ebnf?: string | null;
  no_stop_trim?: boolean | null;
  regex?: string | null;
  return_hidden_states?: boolean | string | null;
  separate_reasoning?: boolean | null;
  stop_regex?: string | string[] | null;
  stream_reasoning?: boolean | null;
  num_beams?: number | null;
  model: string;
  stream?: boolean | null;
  stream_options?: StreamOptions | null;
  max_tokens?: number | null;
  temperature?: number | null;
  top_p?: number | null;
  top_k?: number | null;
  min_p?: number | null;
  n?: number | null;
  stop?: string | string[] | null;
  seed?: number | null;
  presence_penalty?: number | null;
  frequency_penalty?: number | null;
  repetition_penalty?: number | null;
  logit_bias?: Record<string, number> | null;
  response_format?: Record<string, unknown> | null;
  request_id?: string | null;
  audio?: Record<string, unknown> | null;
  function_call?: string | Record<string, unknown> | null;
  functions?: Record<string, unknown>[] | null;
  modalities?: string[] | null;
  moderation?: Record<string, unknown> | null;
  prediction?: Record<string, unknown> | null;
  verbosity?: string | null;
  web_search_options?: Record<string, unknown> | null;
  add_generation_prompt?: boolean | null;
  chat_template?: string | null;
  continue_final_message?: boolean | null;
  documents?: Record<string, unknown>[] | null;
  echo?: boolean | null;
  include_reasoning?: boolean | null;
  media_io_kwargs?: Record<string, Record<string, unknown>> | null;
  mm_processor_kwargs?: Record<string, unknown> | null;
  return_prompt_text?: boolean | null;
  messages: RequestMessage[];
  max_completion_tokens?: number | null;
  logprobs?: boolean | null;
  top_logprobs?: number | null;
  tools?: Record<string, unknown>[] | null;
  tool_choice?: string | Record<string, unknown> | null;
  parallel_tool_calls?: boolean | null;
  reasoning_effort?: "high" | "low" | "max" | "medium" | "minimal" | "none" | "xhigh" | null;
  enable_thinking?: boolean | null;
  chat_template_kwargs?: Record<string, unknown> | null;
  knowledge?: Knowledge | null;
}

/** Settings of a chat. */
export interface ChatSettingsBody {
  /** Uid of the model that answers; null for any model that runs. */ model?: string | null;
  /** Names of the knowledge bases from which answers are given. */ bases?: string[];
  /** Names of the server's tools that the model may call. */ tools?: string[];
  /** The system message of each request to the model. */ system?: string;
  /** Parameters of requests to the model, such as `temperature` and `max_tokens`. */ parameters?: Record<string, unknown>;
}

/** Answer of `GET …/chunks/{chunk}/boxes`. */
export interface ChunkBoxes {
  object: "knowledge_base.chunk.boxes";
  chunk_id: number;
  document_id: number;
  /** Name of the document. */ document: string;
  pages: PageBoxesInfo[];
}

/** A chunk of a document. */
export interface ChunkInfo {
  id: number;
  object: string;
  document_id: number;
  /** Number of the chunk in its document, from 0. */ position: number;
  text: string;
  /** Index of the first character in the document's text; null for a chunk that was written by hand. */ start: number | null;
  end: number | null;
  page: number | null;
  heading: string;
  /** Whether searches see the chunk. */ enabled: boolean;
  edited: boolean;
}

/** Answer of `GET …/documents/{document}/chunks`. */
export interface ChunkList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: ChunkInfo[];
  total: number;
}

/** Rules for splitting documents into chunks. */
export interface ChunkingBody {
  /** Maximum number of characters of a chunk. */ size?: number;
  /** Maximum number of characters that a chunk repeats from the end of the chunk before it, in whole sentences. */ overlap?: number;
  /** Whether chunks below a Chinese title begin with that title, like `zh_title_enhance` of Langchain-Chatchat. */ title_enhance?: boolean;
}

/** How a file is split into chunks. */
export interface ChunkingInfo {
  type: "static";
  static: StaticSizesInfo;
}

/** A chunk that an answer cites as its source. */
export interface Citation {
  /** The number in square brackets with which the answer cites this source. */ number: number;
  chunk_id: number;
  knowledge_base: string;
  document_id: number;
  /** Name of the document. */ document: string;
  /** Page, slide or sheet of the matching text, from 1; null where the format has none. */ page: number | null;
  /** Where further pages begin: pairs of an offset in `text` and a page number. */ page_breaks: [number, number][];
  /** Index of the chunk's first character in the document's text; null for a chunk that was written by hand. */ start: number | null;
  /** Index after the chunk's last character. */ end: number | null;
  /** Headings above the chunk. */ heading: string;
  text: string;
  /** 0 to 1, higher is better: the score of the rerank model if there is one, otherwise the fused score, whose middle is 0.5. */ score: number;
  scores: Scores;
  /** Spans of `text` that match the query: pairs of start and end offsets. */ highlights: [number, number][];
  /** The text of the document directly before `text` that the model read. */ before: string;
  /** The text of the document directly after `text` that the model read. */ after: string;
}

/** Answer of `POST /classify`. */
export interface ClassifyReply {
  object: string;
  model: string;
  data: TextClass[];
  id?: string | null;
  created?: number | null;
  usage?: Record<string, unknown> | null;
}

/** Body of `POST /classify`: texts to classify. */
export interface ClassifyRequest {
  model: string;
  input: string | string[];
  truncate_prompt_tokens?: number | null;
}

/** Answer of `GET /v1/models?client_version=...`, which Codex sends; it cannot read an answer without the field `models`. */
export interface CodexModelList {
  object: string;
  data: (ModelInfo | KnowledgeModel)[];
  /** Always empty. An entry would replace Codex's own instructions, which it uses for models that are not listed. */ models: Record<string, unknown>[];
}

/** The index of a document in the request, and its score. */
export interface CohereRank {
  index: number;
  relevance_score: number;
  document?: Record<string, unknown> | null;
}

/** Answer of `POST /v2/rerank`, best first. */
export interface CohereRerankReply {
  id: string;
  results: CohereRank[];
  meta: Record<string, unknown>;
}

/** Body of Cohere's `POST /v2/rerank`. Documents are texts, or objects whose `text` or `rank_fields` are read. */
export interface CohereRerankRequest {
  model: string;
  query: string;
  documents: (string | Record<string, unknown>)[];
  top_n?: number | null;
  rank_fields?: string[] | null;
  return_documents?: boolean | null;
  max_tokens_per_doc?: number | null;
  priority?: number | null;
}

/** Answer of `POST /v1/launch_commands`. */
export interface CommandLaunch {
  /** `modelyard`, `xinference`, `vllm` or `swift`. */ program: string;
  /** The body of `POST /v1/models` that launches the model of the command; values of engine options may be strings. */ launch: Record<string, unknown>;
  /** Options of the command that do not concern the model, such as `--port`. */ without_effect: string[];
}

/** Body of `POST /v1/launch_commands`. */
export interface CommandLine {
  /** `modelyard launch …`, `xinference launch …`, `vllm serve …` or `swift deploy …`, as in a shell. */ command: string;
}

/** A condition on an attribute. */
export interface ComparisonFilter {
  type: "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "in" | "nin";
  key: string;
  /** A string, a number or a boolean; for `in` and `nin` a list of these. */ value: unknown;
}

/** Body of `POST /v1/uploads/{upload_id}/complete`. */
export interface CompleteUpload {
  /** Ids of the parts, in the order in which they form the file. */ part_ids: string[];
  /** MD5 hash of the whole content, in hexadecimal; if the content has another hash, the request is refused. */ md5?: string | null;
}

/** Answer of `POST /v1/completions`, and event of its stream, whose last event is `[DONE]`. */
export interface CompletionReply {
  id: string;
  object: "text_completion";
  created: number;
  model: string;
  choices: TextReplyChoice[];
  usage?: TokenUsage | null;
}

/** Body of `POST /v1/completions`. `prompt` is a text, a list of texts, or token ids. */
export interface CompletionRequest {
  user?: string | null;
  metadata?: Record<string, unknown> | null;
  prompt_cache_key?: string | null;
  prompt_cache_options?: Record<string, unknown> | null;
  prompt_cache_retention?: string | null;
  safety_identifier?: string | null;
  service_tier?: string | null;
  store?: boolean | null;
  guided_choice?: string[] | null;
  guided_grammar?: string | null;
  guided_json?: Record<string, unknown> | string | boolean | null;
  guided_json_object?: boolean | null;
  guided_regex?: string | null;
  structured_outputs?: Record<string, unknown> | null;
  add_special_tokens?: boolean | null;
  allowed_token_ids?: number[] | null;
  bad_words?: string[] | null;
  cache_salt?: string | null;
  ec_transfer_params?: Record<string, unknown> | null;
  ignore_eos?: boolean | null;
  include_stop_str_in_output?: boolean | null;
  kv_transfer_params?: Record<string, unknown> | null;
  length_penalty?: number | null;
  logprob_token_ids?: number[] | null;
  min_tokens?: number | null;
  priority?: number | null;
  prompt_logprobs?: number | null;
  repetition_detection?: Record<string, unknown> | null;
  return_token_ids?: boolean | null;
  return_tokens_as_token_ids?: boolean | null;
  routed_experts_prompt_start?: number | null;
  session_id?: string | null;
  skip_special_tokens?: boolean | null;
  spaces_between_special_tokens?: boolean | null;
  stop_token_ids?: number[] | null;
  stream_interval?: number | null;
  thinking_token_budget?: number | null;
  truncate_prompt_tokens?: number | null;
  truncation_side?: "left" | "right" | null;
  use_beam_search?: boolean | null;
  vllm_xargs?: Record<string, unknown> | null;
  watermarking?: boolean | null;
  cache_prompt?: boolean | null;
  dry_allowed_length?: number | null;
  dry_base?: number | null;
  dry_multiplier?: number | null;
  dry_penalty_last_n?: number | null;
  dry_sequence_breakers?: string[] | null;
  dynatemp_exponent?: number | null;
  dynatemp_range?: number | null;
  grammar?: string | null;
  id_slot?: number | null;
  json_schema?: Record<string, unknown> | null;
  lora?: Record<string, unknown>[] | null;
  min_keep?: number | null;
  mirostat?: number | null;
  mirostat_eta?: number | null;
  mirostat_tau?: number | null;
  n_discard?: number | null;
  n_indent?: number | null;
  n_keep?: number | null;
  n_predict?: number | null;
  n_probs?: number | null;
  post_sampling_probs?: boolean | null;
  reasoning_format?: "auto" | "deepseek" | "deepseek-legacy" | "none" | null;
  repeat_last_n?: number | null;
  repeat_penalty?: number | null;
  response_fields?: string[] | null;
  return_progress?: boolean | null;
  return_tokens?: boolean | null;
  samplers?: string | string[] | null;
  t_max_predict_ms?: number | null;
  timings_per_token?: boolean | null;
  top_n_sigma?: number | null;
  typical_p?: number | null;
  xtc_probability?: number | null;
  xtc_threshold?: number | null;
  ebnf?: string | null;
  no_stop_trim?: boolean | null;
  regex?: string | null;
  return_hidden_states?: boolean | string | null;
  separate_reasoning?: boolean | null;
  stop_regex?: string | string[] | null;
  stream_reasoning?: boolean | null;
  num_beams?: number | null;
  model: string;
  stream?: boolean | null;
  stream_options?: StreamOptions | null;
  max_tokens?: number | null;
  temperature?: number | null;
  top_p?: number | null;
  top_k?: number | null;
  min_p?: number | null;
  n?: number | null;
  stop?: string | string[] | null;
  seed?: number | null;
  presence_penalty?: number | null;
  frequency_penalty?: number | null;
  repetition_penalty?: number | null;
  logit_bias?: Record<string, number> | null;
  response_format?: Record<string, unknown> | null;
  request_id?: string | null;
  prompt: string | (string | number | number[])[];
  suffix?: string | null;
  echo?: boolean | null;
  best_of?: number | null;
  logprobs?: number | boolean | null;
}

/** Several conditions of which all (`and`) or at least one (`or`) must hold. */
export interface CompoundFilter {
  type: "and" | "or";
  /** Each is a comparison or a further group. */ filters: Record<string, unknown>[];
}

/** Body of `POST /v1/conversations/{conversation_id}`. */
export interface ConversationChange {
  metadata: Record<string, string> | null;
}

/** Answer of `DELETE /v1/conversations/{conversation_id}`. */
export interface ConversationDeleted {
  id: string;
  object: "conversation.deleted";
  deleted: true;
}

/** A conversation, without its items. */
export interface ConversationInfo {
  id: string;
  object: "conversation";
  /** Unix time. */ created_at: number;
  metadata: Record<string, string>;
}

/** Body of `POST /v1/knowledge_bases`. */
export interface CreateBaseRequest {
  description?: string | null;
  /** Language of the documents, such as `zh` or `en`. */ language?: string | null;
  /** Uid of the model that ranks the hits; empty for none. */ rerank_model?: string | null;
  /** Uid of the model that answers questions which name no model; empty for any model that runs. */ chat_model?: string | null;
  /** Jinja templates that replace the server's: `answer` has the variables `question`, `sources` and `context`; `empty` has `question`. */
  prompts?: Record<string, string> | null;
  /** Name of the base: one line of text without `/`. */ name: string;
  /** Uid of a running embedding model; without one, the base is searched by words alone. */ embedding_model?: string | null;
  chunking?: ChunkingBody | null;
}

/** Body of `POST …/evaluations`. */
export interface CreateEvaluationSet {
  name: string;
  questions?: QuestionBody[];
}

/** Body of `POST /v1/jobs`. */
export interface CreateJob {
  /** `download` or `engine_install`. */ kind: string;
  /** Parameters of the job, which depend on its kind. Those of `download` are the body of `POST /v1/cache/models`. */ parameters?: Record<string, unknown>;
}

/** Body of `POST /v1/chats/delete`. */
export interface DeleteChats {
  ids: string[];
}

/** What was deleted. */
export interface Deleted {
  deleted: string[];
  missing: string[];
}

/** Answer of `DELETE /v1/chats/{chat}/messages/{message}`. */
export interface DeletedMessages {
  /** Ids of the message and of all its descendants. */ deleted: string[];
  /** The chat's active leaf after the deletion. */ active_leaf: string | null;
}

/** Answer of `POST /detokenize`. */
export interface DetokenizeReply {
  prompt: string;
}

/** Body of `POST /detokenize`. */
export interface DetokenizeRequest {
  model: string;
  tokens: number[];
}

/** The memory of a device: `cpu` or a GPU. */
export interface DeviceGauge {
  /** `cpu`, `cuda:0`, … */ name: string;
  title: string;
  /** Total memory in bytes. */ memory_total: number;
  /** Free memory in bytes. */ memory_free: number;
}

/** A document of a base. */
export interface DocumentInfo {
  id: number;
  object: string;
  name: string;
  /** Size of the file in bytes. */ size: number;
  /** SHA-256 hash of the file, in hexadecimal. */ hash: string;
  /** `waiting`, `ready`, `failed`, `cancelled` or `stored`. */ state: string;
  /** Why the document could not be indexed; empty if it could. */ error: string;
  /** Sentences about parts of the file that are missing in its text. */ notes: string[];
  /** Whether searches see the document. */ enabled: boolean;
  /** Whether its chunks were edited by hand. */ edited: boolean;
  chunks: number;
  characters: number;
  version: number;
  metadata: Record<string, unknown>;
  /** How the document is split, if not like the rest of its base; else null. */ chunking: Required<ChunkingBody> | null;
  /** Unix time in seconds at which the original file was modified; null if unknown. */ modified_at: number | null;
  /** Unix time in seconds. */ created_at: number;
  updated_at: number;
}

/** Answer of `GET /v1/knowledge_bases/{base}/documents`. */
export interface DocumentList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: DocumentInfo[];
  /** Number of documents on all pages. */ total: number;
}

/** Body of `POST …/documents/delete` and `…/documents/index`. */
export interface DocumentNames {
  names: string[];
  /** Index the documents even if they have not changed, and replace chunks that were edited by hand. */ force?: boolean;
}

/** A document that a job could not index. */
export interface DocumentProblem {
  document: string;
  error: string;
}

/** Notes about an indexed document, such as parts of its file that could not be read. */
export interface DocumentRemark {
  document: string;
  notes: string[];
}

/** Answer of `PATCH …/documents`. */
export interface DocumentsChanged {
  changed: number;
  /** Names that no document of the base has. */ missing: string[];
}

/** A download is new or has progressed. */
export interface DownloadChanged {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "downloads";
  type: "download";
  data: DownloadInfo;
}

/** The download of a model's files from a hub. */
export interface DownloadInfo {
  uid: string;
  /** Names of models under which this download was requested. */ names: string[];
  model_id: string;
  model_hub: string;
  revision: string;
  /** `waiting`, `running`, `paused`, `done` or `failed`. */ status: string;
  /** Fraction that is complete, 0 to 1. */ progress: number;
  /** Bytes that are on disk. */ downloaded: number;
  /** Bytes of all files. */ total: number;
  /** A sentence for people: the progress, or why the download failed. */ info: string;
  /** Each file with its progress. */ files: Record<string, unknown>[];
}

/** Answer of `GET /v1/downloads`. */
export interface DownloadList {
  list: DownloadInfo[];
}

/** A download is no longer in the list. */
export interface DownloadRemoved {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "downloads";
  type: "download_removed";
  data: RemovedName;
}

/** Body of `POST /v1/model_registrations/drafts`. */
export interface DraftRequest {
  /** The id of a repository on a hub, or a path on the server's machine: a `.gguf` file or a Hugging Face folder. */ source: string;
  /** Name of the family; if left out, it is made from the repository's or the file's name. */ model_name?: string | null;
  /** `LLM`, `embedding`, …; if left out, it is read from the files. */ model_type?: string | null;
  /** Which file of a GGUF repository; if left out, the best one. */ quantization?: string | null;
  /** Hub on which to look up the repository. */ download_hub?: string | null;
}

/** Answer of `POST /v1/embeddings`. */
export interface EmbeddingList {
  object: "list";
  data: EmbeddingRow[];
  model?: string | null;
  usage?: TokenUsage | null;
}

/** Body of `POST /v1/embeddings`. `input` is a text, a list of texts, or token ids. */
export interface EmbeddingRequest {
  model: string;
  input: string | (string | number | number[])[];
  encoding_format?: "base64" | "float" | null;
  dimensions?: number | null;
  user?: string | null;
  truncate_prompt_tokens?: number | null;
  prompt_name?: string | null;
  input_type?: "document" | "query" | null;
}

/** The vector of one text: a list of numbers, or the bytes of 32-bit floats in base64. */
export interface EmbeddingRow {
  index: number;
  object: "embedding";
  embedding: number[] | string;
}

/** Answer of requests that end logins. */
export interface EndedLogins {
  /** Number of sessions and other logins that were ended. */ ended: number;
}

/** A format of a model that an engine can run. Language models have `model_size_in_billions` and `quantizations`; encoders have one `quantization`. */
export interface EngineEntry {
  model_name: string;
  model_format: string;
  model_size_in_billions?: number | string | null;
  quantizations?: string[] | null;
  quantization?: string | null;
  support_draft_model?: boolean | null;
}

/** Estimated memory of one replica on one engine, in bytes. */
export interface EngineEstimate {
  /** Number of requests that are computed at the same time. */ n_parallel: number;
  weights: number;
  kv_cache: number;
  activations: number;
  overhead: number;
  /** Sum of the four figures above. */ total: number;
  /** Name of each device → whether the replica would fit into its free memory. */ fits: Record<string, boolean>;
}

/** One engine, as `GET /v1/engines` lists it. */
export interface EngineInfo {
  /** The name that a launch gives as `model_engine`. */ id: string;
  object: "engine";
  /** Name of the engine for people. */ title: string;
  /** Whether the engine can run on this machine now. */ installed: boolean;
  /** If it cannot: sentences that say why, and what to do. */ missing: string[];
  /** Whether the engine has a virtual environment of its own, which a job of the kind `engine_install` creates. */ installable: boolean;
  /** The engine's virtual environment; null if there is none, so that the engine runs with the server's own libraries. */ environment: OwnEnvironment | null;
  /** Id of the job that is installing the engine now; null if there is none. Reading the job needs the scope of its kind. */ install_job: string | null;
  /** Kinds of devices that the engine can compute on: `cpu`, `gpu`. */ devices: string[];
  /** Whether the engine, as it is installed, computes on the GPUs of this machine. */ uses_gpus: boolean;
  /** Formats of weights that the engine runs; `remote` and similar for models without files. */ formats: string[];
  /** Types of models that the engine runs: `LLM`, `embedding`, … */ model_types: string[];
  /** Other names of the engine. */ aliases: string[];
  /** Whether the engine is chosen only by launches that name it. */ only_by_name: boolean;
  /** JSON Schema of the engine's launch options. Each option has `default`, `description` and two keywords of ours: `group` and `advanced`. */
  options: Record<string, unknown>;
}

/** Answer of `GET /v1/engines`. */
export interface EngineList {
  object: "list";
  data: EngineInfo[];
  /** JSON Schema of the body of a launch, without the options of engines; fields have the keywords `group` and `advanced`, as options of engines do. */
  launch: Record<string, unknown>;
}

export interface Error {
  error: {
    message: string;
    type: string;
    code: string;
    param: string | null;
  };
  /** The message once more, where Xinference's clients look for it. */ detail: string;
  object: "error";
  /** The same, where ms-swift's client looks for it. */ message: string;
}

/** Last event of a stream that failed: the error, as in other answers. */
export interface ErrorEvent {
  error: Record<string, string | null>;
}

/** Body of `POST /v1/models/estimate`. Fields that are left out are chosen as in a launch. */
export interface EstimateRequest {
  /** A family of the catalog, a path, or the id of a repository on a hub. */ model_name: string;
  /** `LLM`, `embedding`, `rerank`, `image`, `audio` or `video`. */ model_type?: string | null;
  /** Size to choose if the family has several. */ model_size_in_billions?: number | string | null;
  /** Format to choose if the family has several. */ model_format?: string | null;
  /** Quantisation to choose if the format has several. */ quantization?: string | null;
  /** Path of files to estimate in place of the family's. */ model_path?: string | null;
  /** Tokens of prompt and answer of one request; if left out, the model's own context length, at most 8192, as in a launch. */ context_length?: number | null;
  /** Number of requests that are computed at the same time; if left out, the engine's default. */ n_parallel?: number | null;
  /** Type of the KV cache's values: `8`, `16` or `32` bits, or a name such as `f16`, `q8_0`, `fp8`. */ kv_cache_dtype?: string | number | null;
  /** Estimate for this engine only. */ model_engine?: string | null;
  /** Hub to query about files that are not on this machine. */ download_hub?: string | null;
}

/** Answer of `POST /v1/models/estimate`: the figures of the preferred engine, and under `engines` those of each engine. */
export interface EstimateResponse {
  /** Number of requests that are computed at the same time. */ n_parallel: number;
  weights: number;
  kv_cache: number;
  activations: number;
  overhead: number;
  /** Sum of the four figures above. */ total: number;
  /** Name of each device → whether the replica would fit into its free memory. */ fits: Record<string, boolean>;
  model_name: string;
  model_type: string;
  model_format: string;
  quantization: string | null;
  model_size_in_billions: number | null;
  context_length: number;
  kv_cache_dtype: string;
  /** Name of the engine whose figures stand at the top level. */ model_engine: string;
  /** Xinference's name of each engine that can run such models, installed here or not → its figures. */ engines: Record<string, EngineEstimate>;
}

/** An evaluation set. */
export interface EvaluationSetInfo {
  id: string;
  object: "knowledge_base.evaluation";
  name: string;
  /** Number of its questions. */ questions: number;
  /** Unix time. */ created_at: number;
}

/** Answer of `GET …/evaluations`, by name. */
export interface EvaluationSetList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: EvaluationSetInfo[];
}

/** When a file is deleted. */
export interface ExpiresAfter {
  anchor: "created_at";
  /** Seconds after the file's creation: from an hour to 30 days. */ seconds: number;
}

/** How one knowledge base was searched. */
export interface ExplainedBase {
  knowledge_base: string;
  /** Weight of the lexical search; 0 if it was not used. */ words: number;
  /** Weight of the vector search, which the base's probe determines for the query's script; 0 if it was not used. */ vectors: number;
  /** Number of chunks that matched by words or by vectors. */ candidates: number;
  /** Number of documents that are excluded from searches by hand. */ disabled_documents: number;
  /** Number of chunks of other documents that are excluded from searches by hand. */ disabled_chunks: number;
}

/** A chunk that matched by words or by vectors, and whether it became a hit. Ranks count from 1; null if the chunk is not in that list. */
export interface ExplainedCandidate {
  hit: Hit;
  /** Rank among the hits; null if the chunk was dropped. */ rank: number | null;
  /** Rank by the BM25 score. */ lexical_rank: number | null;
  /** Rank by the cosine similarity. */ vector_rank: number | null;
  /** Rank by the fused score; null if the filter excludes the chunk. */ fused_rank: number | null;
  /** Rank by the score of the rerank model. */ rerank_rank: number | null;
  /** Terms of the query that the chunk contains. */ terms: string[];
  /** Why the chunk is not a hit; null if it is one. `filter`: its document does not satisfy the filter; `phrase`: it lacks a quoted phrase or contains an excluded word; `min_score`; `top_k`. */
  dropped: string | null;
}

/** Why a search returned these hits. */
export interface Explanation {
  /** The query without its search syntax. */ text: string;
  /** Terms of the query as the index has them, without function words. */ terms: string[];
  /** Quoted phrases of the query. */ phrases: string[];
  /** Words that hits must not contain. */ excluded: string[];
  bases: ExplainedBase[];
  /** Candidates by descending fused score, then those that the filter excludes. */ candidates: ExplainedCandidate[];
  /** Stage → its duration in milliseconds: `embed` and `match` (of the slowest base), `read`, `filter`, `rerank`, `total`. */
  milliseconds: Record<string, number>;
}

/** Body of `POST /v1/chats/export`. */
export interface ExportChats {
  /** Ids of the chats to export; if left out, all chats of the caller. */ ids?: string[] | null;
  format?: "json" | "markdown";
}

/** The full record of a family. Further fields depend on its type; a registered family also has all fields that were sent. */
export interface FamilyRecord {
  version: number;
  model_name: string;
  model_lang: string[] | null;
  model_ability: string[] | null;
  model_description: string | null;
  model_family: string | null;
  context_length: number | null;
  is_builtin: boolean;
  model_specs: SpecRecord[];
}

/** Body of `POST /v1/chats/messages/{message}/feedback`. */
export interface FeedbackRequest {
  /** Rating of the message, 0 to 100. */ score: number;
  /** Why the user rates the message so. */ reason?: string;
}

/** A figure of one model, replica or device over time. */
export interface FigureSeries {
  /** What the series shows. Counts: `requests`, `errors`, `tokens_in`, `tokens_out`, `tokens_cached` (prompt tokens that the engine had computed before). Times: `ttft` (to the first token of a stream), `inter_token` (between two events of a stream), `duration` (of whole requests). Means: `in_flight`, `cpu`, `memory`, `gpu`, `gpu_memory`. If the engine reports them: `queued` (requests that wait in a replica), `kv_cache` (how full it is), `prefix_queries` and `prefix_hits` (prompt tokens that were looked up in the prefix cache, and those that were found). */
  name: "requests" | "errors" | "tokens_in" | "tokens_out" | "tokens_cached" | "ttft" | "inter_token" | "duration" | "in_flight" | "cpu" | "memory" | "gpu" | "gpu_memory" | "queued" | "kv_cache" | "prefix_queries" | "prefix_hits";
  /** The name that requests give as `model`; empty for requests that were refused before their model was known, null for all models together and for devices. */
  model: string | null;
  /** Name of the replica, such as `qwen-rep0`, if `by` is `replica`; else null. */ replica: string | null;
  /** `cpu` (the machine), `server` (the server's process), or a GPU such as `cuda:0`; null for figures of models. */ device: string | null;
  /** 0.5, 0.95 or 0.99 for times, which have one series for each; else null. */ quantile: number | null;
  /** Unit of the values. 100 `percent` is one core for replicas and for `server`, and the whole device for devices. */
  unit: "count" | "seconds" | "percent" | "bytes";
  /** One value for each step: a sum for counts, a quantile for times, a mean for others; null where nothing was measured. */ values: (number | null)[];
}

/** Files that one indexing job adds to a store. */
export interface FileBatchInfo {
  /** `vsfb_` followed by the id of the job. */ id: string;
  object: "vector_store.files_batch";
  /** Unix time in seconds. */ created_at: number;
  vector_store_id: string;
  status: "in_progress" | "completed" | "failed" | "cancelled";
  file_counts: FileCounts;
}

/** A content part that is a file. */
export interface FileContent {
  type: "file";
  file: FileReference;
}

/** Numbers of files, by status. */
export interface FileCounts {
  in_progress: number;
  completed: number;
  failed: number;
  cancelled: number;
  total: number;
}

/** Answer of `DELETE /v1/files/{file_id}`. */
export interface FileDeleted {
  id: string;
  object: "file";
  deleted: true;
}

/** A stored file. */
export interface FileInfo {
  id: string;
  object: "file";
  /** Size of the file in bytes. */ bytes: number;
  /** Unix time in seconds. */ created_at: number;
  filename: string;
  /** The purpose of the upload; `assistants_output`, `batch_output` or `fine-tune-results` for files that the server made. */ purpose: string;
  /** Always `processed`, because only complete files are listed. */ status: "uploaded" | "processed" | "error";
  /** Unix time in seconds; null if the file does not expire. */ expires_at: number | null;
  /** SHA-256 hash of the content, in hexadecimal. */ sha256: string;
  /** Owner id of the user or key that stored it; an administrator sees all files. */ owner: string;
}

/** Answer of `GET /v1/files`. */
export interface FilePage {
  object: "list";
  data: FileInfo[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/** A file: the id of a stored file, or the file's content. */
export interface FileReference {
  /** Id of a stored file (`/v1/files`). */ file_id?: string | null;
  filename?: string | null;
  /** The content in base64, or as a data URL. */ file_data?: string | null;
}

/** A result of `modelyard doctor`. */
export interface FindingInfo {
  /** `blocked` means that the server cannot start. */ state: "ok" | "warning" | "blocked";
  /** The subject of the check: `python`, `engine vllm`, `disk`, `base NAME`, … */ subject: string;
  /** A sentence that says what was found, and what to do. */ detail: string;
}

/** Answer of `GET /v1/server/doctor`. */
export interface FindingList {
  object: "list";
  data: FindingInfo[];
}

/** The size, format and quantisation of a family that a launch by the family's name would choose on this machine. */
export interface FittingVersion {
  model_engine: string;
  model_format: string;
  /** Number of parameters in billions. */ model_size_in_billions: number | null;
  quantization: string | null;
  /** Whether the files of this version are on this machine. */ cached: boolean;
  /** Whether this version needs at most half of the memory, answers at reading speed, and is not a long download. */ comfortable: boolean;
  /** Estimated bytes of memory of one replica, from the catalog's figures; `POST /v1/models/plan` reads the files and is more precise. */ memory: number;
  /** Bytes of memory, used or free, of the devices that would run it. */ memory_total: number;
  /** Number of GPUs that one replica would use. */ n_gpu: number;
  /** Size of the weights in bytes; null if unknown. */ weights: number | null;
}

/** A multipart form with a `model`, usually a file, and further fields that pass to the engine. */
export interface FormRequest {
  model: string;
}

/** Present activity of the machine and the models. */
export interface Gauges {
  /** Number of requests that replicas have not finished. */ in_flight: number;
  /** Use of all cores of the machine since the previous measurement, 0 to 100. */ cpu_percent: number;
  /** Processor time of the server's process, in percent of one core. */ server_cpu_percent: number;
  /** Memory of the server's process in bytes. */ server_memory: number;
  /** Main memory first, then each GPU. */ devices: DeviceGauge[];
  /** Uid of each model → its activity. */ models: Record<string, ModelGauge>;
  /** Number of open streams of events. */ readers: number;
}

/** New measurements, every two seconds. */
export interface GaugesMeasured {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "gauges";
  type: "gauges";
  data: Gauges;
}

/** Answer of `DELETE /v1/generations/{generation_id}`. */
export interface GenerationDeleted {
  id: string;
  object: "generation";
  deleted: true;
}

/** An event of a generation. */
export interface GenerationEventInfo {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** `chunk`: a chunk of the streamed answer; `end`: the last event. */ type: string;
  /** Unix time in seconds. */ at: number;
  /** For `chunk`, the chunk in OpenAI's form; for `end`, `state` and `error`. */ data: Record<string, unknown>;
}

/** An answer that the server completes, whether or not the client stays connected. */
export interface GenerationInfo {
  object: "generation";
  id: string;
  /** `request` for generations of `POST /v1/generations`. */ kind: string;
  /** `stopped`: the owner stopped it; `interrupted`: the server ended while it ran. Both keep the events that they have. */
  state: "running" | "completed" | "failed" | "stopped" | "interrupted";
  /** For a `request`: its `url` and `model`. */ details: Record<string, unknown>;
  /** Unix time in seconds. */ created_at: number;
  /** Unix time in seconds; null while it runs. */ ended_at: number | null;
  /** Number of the newest event. */ events: number;
  /** Size of all events in bytes. */ bytes: number;
  error: GenerationProblem | null;
  /** Owner id of the user or key that created it; an administrator sees all generations. */ owner: string;
}

/** Answer of `GET /v1/generations`, newest first. */
export interface GenerationList {
  object: "list";
  data: GenerationInfo[];
}

/** Why a generation failed. */
export interface GenerationProblem {
  /** Stable code of the error, as in the errors of all routes. */ code: string;
  message: string;
}

/** Answer of `GET /health`. */
export interface HealthInfo {
  status: string;
  version: string;
  /** Uid of each model → its state, such as `READY`. */ models: Record<string, string>;
}

/** A chunk that a search found. */
export interface Hit {
  chunk_id: number;
  knowledge_base: string;
  document_id: number;
  /** Name of the document. */ document: string;
  /** Page, slide or sheet of the matching text, from 1; null where the format has none. */ page: number | null;
  /** Where further pages begin: pairs of an offset in `text` and a page number. */ page_breaks: [number, number][];
  /** Index of the chunk's first character in the document's text; null for a chunk that was written by hand. */ start: number | null;
  /** Index after the chunk's last character. */ end: number | null;
  /** Headings above the chunk. */ heading: string;
  text: string;
  /** 0 to 1, higher is better: the score of the rerank model if there is one, otherwise the fused score, whose middle is 0.5. */ score: number;
  scores: Scores;
  /** Spans of `text` that match the query: pairs of start and end offsets. */ highlights: [number, number][];
}

/** Why a hub could not be searched, when another hub could. */
export interface HubFailure {
  hub: string;
  code: string;
  message: string;
}

/** A repository on a hub. Facts that the hub does not report are null. */
export interface HubModel {
  /** `owner/name`, which a launch accepts as `model_name`. */ id: string;
  /** `huggingface` or `modelscope`, which a launch accepts as `download_hub`. */ hub: string;
  downloads: number | null;
  likes: number | null;
  /** Unix time in seconds. */ updated_at: number | null;
  /** Type of model by the repository's task, such as `LLM`. */ type: string | null;
  /** Formats by the repository's tags and name, such as `ggufv2`; its files are not examined. */ formats: string[];
  /** Whether users must be granted access by the repository's owner. */ gated: boolean | null;
  /** Whether a complete model of this repository is on this machine. */ cached: boolean;
  /** Name of the catalog's family that uses these files; null if none does. */ family: string | null;
}

/** Answer of `GET /v1/hubs/search`. Repositories are sorted by downloads within each hub, and the hubs alternate. */
export interface HubModelPage {
  object: "list";
  data: HubModel[];
  failures: HubFailure[];
  has_more: boolean;
  /** Value of `cursor` for the next page; null on the last page. */ next_cursor: string | null;
}

/** A content part that is a picture. */
export interface ImageContent {
  type: "image_url";
  image_url: ImageUrl;
}

/** Body of `POST /v1/images/generations`. */
export interface ImageRequest {
  model: string;
  prompt: string;
  n?: number | null;
  size?: string | null;
  response_format?: "b64_json" | "url" | null;
  user?: string | null;
}

/** The address of a picture, or the picture itself. */
export interface ImageUrl {
  /** A data URL such as `data:image/png;base64,…`, or an `http` or `https` URL. */ url: string;
  /** `low`, `high` or `auto`: the resolution at which the model should see the picture. */ detail?: string | null;
}

/** Body of `POST /v1/chats/import`. */
export interface ImportChats {
  /** Exported chats: of this server, of ChatGPT (the items of `conversations.json`) or of Open WebUI. */ chats?: Record<string, unknown>[];
  /** The `folders` of an export of this server. */ folders?: Record<string, unknown>[];
  /** Conversations of question-answer pairs, such as those of Langchain-Chatchat. */ conversations?: ImportedConversation[];
}

/** Body of `POST …/documents/from`: `urls`, `folder` or both. */
export interface ImportDocuments {
  /** URLs, which are fetched one after the other; `MODELYARD_FETCH_HOSTS` lists the allowed hosts. The metadata of each document gets the URL as `source`. */
  urls?: (string | UrlDocument)[];
  /** A folder on the server's machine, for the server's owner and for keys with the scope `admin`. Each document is named by its path within the folder. */
  folder?: string | null;
  /** Import only files of the folder that match one of these patterns, such as `*.md` or `rules/*`. */ include?: string[];
  /** Skip files of the folder that match one of these patterns. */ exclude?: string[];
  /** Metadata of every imported document. */ metadata?: Record<string, unknown>;
  /** How the documents are split, in place of the base's chunking. */ chunking?: ChunkingBody | null;
  /** Delete documents of the base whose files are no longer in the folder; documents from URLs are kept. */ delete?: boolean;
  /** Whether the documents are indexed at once. */ index?: boolean;
}

/** Body of `POST …/evaluations/{set}/import`. */
export interface ImportQuestions {
  /** The file. JSON lines have `question` and `relevant`; CSV has the columns `question`, `document`, `page`, `text`, `chunk_id` and `grade`, and rows with the same question belong together. */
  text: string;
  format?: "jsonl" | "csv";
}

/** Answer of `POST …/documents/from`. */
export interface ImportStarted {
  /** Id of the job. `/v1/jobs/{job}` has its progress, failures and result; `result.jobs` lists the jobs that index the documents. */ job: string;
}

/** Numbers of chats and messages that were imported. */
export interface Imported {
  /** Number of new chats. */ conversations: number;
  /** Number of new messages; a question-answer pair of `conversations` counts as one. */ messages: number;
  /** Number of chats that had nothing new, or whose id belongs to another owner. */ skipped: number;
}

/** A conversation of questions and answers, from another system. */
export interface ImportedConversation {
  id: string;
  title?: string;
  /** Type of the conversation in the other system, such as `kb_chat`. */ kind?: string;
  /** Unix time in seconds. */ created_at: number;
  messages?: ImportedMessage[];
}

/** A question with its answer, from another system. */
export interface ImportedMessage {
  id: string;
  question: string;
  answer?: string;
  /** The user's rating of the answer, 0 to 100; null for none. */ score?: number | null;
  /** Why the user rated the answer so. */ reason?: string;
  metadata?: Record<string, unknown>;
  /** Unix time in seconds. */ created_at: number;
}

/** A sound recording. */
export interface InputAudio {
  /** The recording in base64. */ data: string;
  /** Format of the recording, such as `wav` or `mp3`. */ format: string;
}

/** Body of `POST /v1/engines/{engine}/install`. */
export interface InstallRequest {
  /** Create the environment anew, even if it exists, from the lock file of this version of Modelyard. */ upgrade?: boolean;
}

/** A package in an engine's virtual environment. */
export interface InstalledPackage {
  model_engine: string;
  name: string;
  version: string;
}

/** Answer of `GET /v1/virtualenvs/packages`. */
export interface InstalledPackageList {
  list: InstalledPackage[];
}

/** A launched model, as `GET /v1/models/instances` lists it. */
export interface Instance {
  model_name: string;
  model_uid: string;
  /** `<name>--<size>B--<format>--<quantization>`, with which `POST /v1/models/instance` launches the model again. */ model_version: string | null;
  model_ability: string[];
  /** Number of replicas that should run. */ replica: number;
  status: string;
  /** Unix time in seconds. */ instance_created_ts: number;
  /** Number of machines. */ n_worker: number;
  replica_statuses: ReplicaStatus[];
}

/** A page of the items of a response's input, or of a conversation. */
export interface ItemList {
  object: "list";
  data: Record<string, unknown>[];
  first_id: string | null;
  /** Id of the last item, which is `after` in the request for the next page. */ last_id: string | null;
  has_more: boolean;
}

/** A job is new or has changed. */
export interface JobChanged {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "jobs";
  type: "job";
  data: JobInfo;
}

/** Answer of `DELETE /v1/jobs/{id}`. */
export interface JobDeleted {
  id: string;
  deleted: true;
}

/** One event of `GET /v1/jobs/{id}/events`. */
export interface JobEventInfo {
  /** Number of the event, which is also the `id` of the server-sent event; null for `progress`, which is a snapshot. */ seq: number | null;
  /** `state`, `progress`, or a type that the job reports, such as `metrics`. */ type: string;
  /** Unix time in seconds. */ at: number;
  data: Record<string, unknown>;
}

/** One job. */
export interface JobInfo {
  object: "job";
  id: string;
  kind: string;
  /** `waiting`: the job has started and cannot continue until something else happens, which `progress.message` names. */
  state: "queued" | "running" | "waiting" | "paused" | "done" | "failed" | "cancelled";
  progress: JobProgressInfo;
  /** Owner id of the user or key that created the job. */ owner: string;
  parameters: Record<string, unknown>;
  result: Record<string, unknown> | null;
  /** Why the job failed; for a job that is repeated, why its last attempt failed. */ error: JobProblem | null;
  /** Number of attempts that have failed. */ attempts: number;
  /** Whether the job can be paused, and resumed after a pause or a failure. */ pausable: boolean;
  /** Whether `POST /v1/jobs` with the job's kind and parameters creates another such job. */ repeatable: boolean;
  /** Unix time in seconds. */ created_at: number;
  /** Unix time in seconds of the latest start. */ started_at: number | null;
  /** Unix time in seconds. */ finished_at: number | null;
}

/** Answer of `GET /v1/jobs`, newest first. */
export interface JobList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: JobInfo[];
}

/** Answer of `GET /v1/jobs/{id}/logs`: the last lines that the job's process printed. */
export interface JobLogs {
  object: "list";
  data: string[];
}

/** Why a job failed. */
export interface JobProblem {
  /** Stable code of the error, as in the errors of all routes. */ code: string;
  message: string;
}

/** How far a job is. */
export interface JobProgressInfo {
  /** Amount of work that is done, in `unit`. */ done: number;
  /** Amount of all work, in `unit`; null while it is unknown. */ total: number | null;
  /** What `done` and `total` count: `bytes`, `documents`, `steps`. */ unit: string;
  /** A sentence for people: the present step, or what the job waits for. */ message: string;
}

/** A job was deleted. */
export interface JobRemoved {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "jobs";
  type: "job_removed";
  data: RemovedName;
}

/** A job that was started. */
export interface JobStarted {
  job: string;
}

/** An item of a conversation. Further fields depend on `type`. */
export interface KeptItem {
  id: string;
  type: string;
}

/** An API key as it is listed, without its secret. */
export interface KeyInfo {
  id: string;
  name: string;
  /** The first characters of the secret. */ prefix: string;
  /** Owner id of private data made with the key, such as conversations; a rotated key keeps it. */ owner: string;
  scopes: string[];
  /** The only models that the key may use; null for all. */ models: string[] | null;
  /** The only knowledge bases that the key may use: name → `read` or `write`; null for all that its scopes allow. */ bases: Record<string, string> | null;
  /** Maximum number of inference requests in a minute; null for no limit. */ requests_per_minute: number | null;
  /** Maximum number of tokens, of prompts and answers, in a minute; null for no limit. */ tokens_per_minute: number | null;
  /** Unix time in seconds. */ created_at: number;
  /** Unix time in seconds; null if the key does not expire. */ expires_at: number | null;
  /** Unix time in seconds; null if the key was not revoked. */ revoked_at: number | null;
  /** Unix time in seconds; null if the key was never used. */ last_used_at: number | null;
  /** Whether the key is neither revoked nor expired. */ usable: boolean;
}

/** Answer of `GET /v1/admin/keys`, oldest first. */
export interface KeyList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: KeyInfo[];
}

/** Body of `PATCH /v1/admin/keys/{name}`. Fields that are left out do not change; null removes a limit. */
export interface KeyPatch {
  name?: string;
  /** New scopes of the key. */ scopes?: string[];
  /** The only models that the key may use; null for all. */ models?: string[] | null;
  /** The only knowledge bases that the key may use: name → `read` or `write`; null for all that its scopes allow. */
  bases?: Record<string, "read" | "write"> | null;
  requests_per_minute?: number | null;
  tokens_per_minute?: number | null;
  /** Seconds from now for which the key is valid; null for ever. */ expires_in?: number | null;
}

/** Body of `POST /v1/admin/keys`. */
export interface KeyRequest {
  /** What the key is for, in words for people. */ name: string;
  /** Scopes of the key; if left out, `admin` for the first key and `models:list` and `models:read` for others. */ scopes?: string[] | null;
  /** The only models that the key may use; null for all. */ models?: string[] | null;
  /** The only knowledge bases that the key may use: name → `read` or `write`; null for all that its scopes allow. */
  bases?: Record<string, "read" | "write"> | null;
  /** Maximum number of inference requests in a minute; null for no limit. */ requests_per_minute?: number | null;
  /** Maximum number of tokens, of prompts and answers, in a minute; null for no limit. */ tokens_per_minute?: number | null;
  /** Seconds for which the key is valid; null for ever. */ expires_in?: number | null;
  /** Owner id of another key or user, with whom the key shares conversations and files; null for a new owner id. */ owner?: string | null;
}

/** The field `knowledge` of a chat request: the answer is taken from these knowledge bases and cites them. */
export interface Knowledge {
  bases: string[];
  top_k?: number;
  mode?: "hybrid" | "lexical" | "vector";
  filter?: Record<string, unknown>;
  rerank?: boolean | null;
  min_score?: number;
}

/** A job that indexes documents, with its progress. */
export interface KnowledgeJobInfo {
  id: string;
  /** Name of the knowledge base. */ base: string;
  kind: string;
  state: string;
  /** Why the job failed; empty if it did not. */ error: string;
  /** Number of documents in the job, unchanged ones included. */ total: number;
  /** Number of documents that are finished. */ done: number;
  /** Number of documents that were indexed already. */ unchanged: number;
  failed: number;
  cancelled: number;
  /** Number of chunks that were made. */ chunks: number;
  /** Number of chunks for which a vector was computed; vectors of known texts are reused. */ embedded: number;
  /** Unix time in seconds. */ created_at: number;
  /** Unix time in seconds; null while the job runs. */ finished_at: number | null;
  /** Documents that could not be indexed. */ problems: DocumentProblem[];
  /** Notes about documents that were indexed. */ remarks: DocumentRemark[];
  /** Name of each document in progress → its present step. */ working: Record<string, string>;
  /** Why the job is waiting: a model that does not answer, with the command that launches it. Empty if it is not waiting. */ waiting: string;
}

/** Answer of `GET /v1/knowledge_bases/{base}/jobs`, newest first. */
export interface KnowledgeJobList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: KnowledgeJobInfo[];
}

/** A knowledge base in the list of models. It answers chats, and cannot be launched or terminated. */
export interface KnowledgeModel {
  /** `kb:` followed by the name of the base. */ id: string;
  object: string;
  /** Unix time in seconds. */ created: number;
  owned_by: string;
  /** Name of the base. Other models do not have this field. */ knowledge_base: string;
  model_type: string;
  model_ability: string[];
  model_description: string;
}

/** Answer of `POST /v1/models/plan`. If the launch would be refused, fields that the refusal left undecided are null. */
export interface LaunchPlanInfo {
  /** Why the launch would be refused; null if it would be accepted now. */ refusal: LaunchRefusal | null;
  /** The name under which the model would answer. */ model_uid: string | null;
  model_name: string | null;
  model_type: string | null;
  /** Name of the engine, which a launch accepts as `model_engine`. */ model_engine: string | null;
  model_format: string | null;
  model_size_in_billions: number | string | null;
  quantization: string | null;
  /** Tokens of prompt and answer for which the model was trained; null if unknown. */ context_length: number | null;
  /** Path at which the weights are or would be. */ root: string | null;
  multimodal_projector: string | null;
  aliases: string[];
  /** Number of replicas that would be started. */ replica: number;
  /** Number of GPUs of each replica. */ n_gpu: number | null;
  /** Expected memory of one replica in bytes: `weights`, `kv_cache`, `overhead`, `activations`, `total`. */ memory: Record<string, number> | null;
  /** For each replica, the names of the devices that it would use. */ placements: string[][];
  /** Every device of the machine. */ devices: PlannedDevice[];
  /** What would be downloaded; null if all files are on this machine. */ download: PlannedDownload | null;
  /** Sentences about fields that are accepted and have no effect. */ warnings: string[];
  /** The command line of this launch; null if it has fields without a command-line option. */ command: string | null;
}

/** Answer of `GET /v1/models/{uid}/progress`. An unknown uid has the stage `pending` and progress 0.0, as in Xinference. */
export interface LaunchProgress {
  /** 0 to 1. */ progress: number;
  /** `pending`, `downloading`, `loading`, `completed`, `failed` or `cancelled`. */ stage: string;
  /** A sentence for people: the error of a failed launch, or the present step. */ info: string;
  /** Each file that is downloaded, with its progress. */ download_files: Record<string, unknown>[];
  replicas: ReplicaProgress[];
}

/** Answer of `GET /v1/launches/{uid}`. */
export interface LaunchRecord {
  /** The body of `POST /v1/models` that launches the model again with its present number of replicas, without secrets. */ launch: Record<string, unknown>;
  /** Names of fields that are left out of `launch` because they hold secrets, such as `envs`. */ hidden: string[];
  /** The command line of this launch; null if it has fields without a command-line option, or if fields are hidden. */ command: string | null;
}

/** The error with which `POST /v1/models` would refuse a launch. */
export interface LaunchRefusal {
  /** Stable code of the error. */ code: string;
  /** A sentence that says what is wrong and what to do. */ message: string;
  /** The field of the request that is wrong; null if no single field is. */ param: string | null;
  /** Figures in bytes, if the model does not fit into memory. */ memory: Record<string, number | string> | null;
}

/** Body of `POST /v1/models`. Keys that are not listed here are options of the engine. */
export interface LaunchRequest {
  /** Name of a family in the catalog, the id of a repository on a hub, or a path to a `.gguf` file or a Hugging Face folder. */ model_name?: string | null;
  /** Name under which the model will answer; if left out, `model_name`. */ model_uid?: string | null;
  /** `LLM`, `embedding`, `rerank`, `image`, `audio` or `video`; if left out, it is read from the files. */ model_type?: string | null;
  /** `llama_cpp`, `external`, `fake`, …; if left out, the best engine that can run the model. `engine` is an alias. */ model_engine?: string | null;
  /** Format to choose if the family has several: `ggufv2`, `pytorch`, … */ model_format?: string | null;
  /** Size to choose if the family has several, in billions of parameters; `1.8` and `"1_8"` are equal. */ model_size_in_billions?: number | string | null;
  /** Quantisation to choose if the format has several. */ quantization?: string | null;
  /** Path of files to use in place of the family's. */ model_path?: string | null;
  /** Other names under which the model will answer, such as `gpt-4o` for programs that request that model. */ aliases?: string[] | null;
  /** Number of replicas. */ replica?: number;
  /** Number of machines per replica; only 1 is possible on a single machine. */ n_worker?: number | null;
  /** GPUs per replica: a number, `auto`, or null for none. */ n_gpu?: number | string | null;
  /** Indexes of the GPUs to use. */ gpu_idx?: number | string | number[] | null;
  /** Environment variables to add to the replica's process. */ envs?: Record<string, string> | null;
  /** LoRA adapters: `{"lora_list": [{"lora_name", "local_path", "lora_scale"}]}`. `lora_modules`, a list of `name=path`, is another form of this field. */
  peft_model_config?: Record<string, unknown> | null;
  /** Maximum number of requests in progress on one replica; further requests get status 429. */ request_limits?: number | null;
  /** Address of the machine that runs the replicas. */ worker_ip?: string | null;
  /** Settings for each replica. */ replica_config?: Record<string, unknown>[] | null;
  /** Whether the model thinks before its answer, if a request does not say so; for chat templates that can switch thinking. */ enable_thinking?: boolean | null;
  enable_virtual_env?: boolean | null;
  virtual_env_packages?: string[] | null;
  virtual_env_find_links?: string[] | null;
}

/** Answer of `POST /v1/models`. */
export interface LaunchResponse {
  model_uid: string;
}

/** Body of `POST /v1/load_lora_adapter`. */
export interface LoadAdapterRequest {
  /** The name that requests give as `model` to use the adapter. */ lora_name: string;
  /** The folder that PEFT saved the adapter to, or a GGUF file, on the server's machine. */ lora_path: string;
  /** Uid of the running model to load the adapter into; may be left out if only one running model fits. */ model?: string | null;
  /** Factor by which the adapter's own scaling is multiplied. */ lora_scale?: number;
  /** Whether an adapter that has this name already is replaced; otherwise the request is refused. */ load_inplace?: boolean;
}

/** A line that a replica or a job's process printed, or a record of the server's log. */
export interface LogEntry {
  source: "model" | "job" | "server";
  /** Uid of the model for lines of replicas; else null. */ model: string | null;
  /** Name of the replica for lines of replicas; else null. */ replica: string | null;
  /** Id of the job for lines of jobs; else null. */ job: string | null;
  /** Unix time in seconds that the line states; null if it states none, like lines of many engines. */ at: number | null;
  /** The level that the line states, or the line that it continues; null if none is stated. */ level: "debug" | "info" | "warning" | "error" | "critical" | null;
  /** The line; for a record of the server, with its traceback. Secrets are masked, and long lines are cut. */ text: string;
}

/** Answer of `GET /v1/logs`, oldest first. */
export interface LogList {
  object: "list";
  data: LogEntry[];
  /** Whether there are older lines that match or were not examined. */ has_more: boolean;
  /** The place behind these lines: `GET /v1/logs?follow=true` with this value as `after` continues without a gap or a repetition. */ next: string;
}

/** An event of `GET /v1/logs?follow=true`. */
export interface LogNews {
  /** The place behind these lines in all logs, which is also the `id` of the server-sent event. */ id: string;
  data: LogEntry[];
}

/** An event of `GET /v1/models/{uid}/logs?follow=true`. */
export interface LogPortion {
  /** `OFFSET@REPLICA`: the place behind these lines, which is also the `id` of the server-sent event. */ id: string;
  uid: string;
  /** The replica that printed the lines. */ replica: string | null;
  /** Position in bytes behind these lines in the replica's log. */ offset: number;
  lines: string[];
  /** True if the model is gone and no event follows. */ ended: boolean;
}

/** A configured MCP server. */
export interface McpServerInfo {
  name: string;
  transport: "stdio" | "http" | "sse";
  /** Tools of the MCP server; null if they were not requested or could not be listed. */ tools: ToolInfo[] | null;
  /** Why the tools could not be listed; null if they could. */ error: string | null;
}

/** Answer of `GET /v1/server/mcp_servers`. */
export interface McpServerList {
  object: "list";
  data: McpServerInfo[];
}

/** Answer of `GET /v1/auth/me`: the caller's identity and rights. */
export interface Me {
  id: string;
  name: string;
  /** Name of the user; null for an API key. */ username: string | null;
  /** Owner id of private data that the caller creates. */ owner: string;
  scopes: string[];
  /** The scopes once more, under a name that older programs read. */ permissions: string[];
  /** The only models that the caller may use; null for all. */ models: string[] | null;
  /** Unix time in seconds at which the caller's key or login expires; null if it does not. */ expires_at: number | null;
  /** Id of the browser session whose cookie was sent; null without one. */ session: string | null;
}

/** The difference of one measure between two runs, over the questions that both have. */
export interface MeasureDifference {
  /** Mean of this run's values minus those of the other run. */ mean: number;
  /** Lower end of the 95 % confidence interval (bootstrap over questions). */ low: number;
  /** Upper end of the 95 % confidence interval. */ high: number;
  /** Two-sided p-value of the paired randomization test. */ p: number;
  /** Number of questions for which this run's value is better. */ better: number;
  /** Number of questions for which it is worse. */ worse: number;
  /** Number of questions for which it is equal. */ equal: number;
}

/** Event of a streamed picture or of streamed speech. */
export interface MediaEvent {
  type: string;
  b64_json?: string | null;
  audio?: string | null;
  usage?: Record<string, unknown> | null;
}

/** A picture or a video: its address, or its bytes in base64. */
export interface MediaFile {
  url?: string | null;
  b64_json?: string | null;
}

/** Answer of the routes that generate pictures and videos. */
export interface MediaList {
  created: number;
  data: MediaFile[];
}

/** A message of a chat. */
export interface MessageInfo {
  id: string;
  object: "chat.message";
  /** Id of the chat; null for a message that is in no chat. */ chat: string | null;
  /** Id of the message that this one follows; null for a root. Messages that have the same parent are alternatives of each other. */ parent: string | null;
  role: "system" | "user" | "assistant" | "tool";
  /** Parts in OpenAI's form: `text`, `image_url`, `input_audio`, `file`. */ content: Record<string, unknown>[];
  /** The model's reasoning before its answer. */ reasoning: string;
  /** Calls of tools: `id`, `name`, `arguments`, `output`, `ok`, `ms`, `error`. */ tool_calls: Record<string, unknown>[];
  citations: Record<string, unknown>[];
  model: string;
  parameters: Record<string, unknown>;
  /** Numbers of tokens, as in a chat completion. */ usage: Record<string, unknown>;
  /** Durations in milliseconds, by name. */ timings: Record<string, unknown>;
  state: "running" | "complete" | "stopped" | "failed";
  finish_reason: string;
  /** `code` and `message` of the failure; null unless `state` is `failed`. */ error: Record<string, unknown> | null;
  metadata: Record<string, unknown>;
  /** The user's rating, 0 to 100; null for none. */ score: number | null;
  /** Why the user rated the message so. */ reason: string;
  /** Unix time in seconds. */ created_at: number;
  /** Unix time in seconds. */ updated_at: number;
}

/** Answer of `GET /v1/chats/{chat}/messages`. */
export interface MessageList {
  object: "list";
  chat: ChatInfo;
  /** Messages of the shown branch, from the root towards the leaf. */ data: MessageInfo[];
  /** For each message in `data` that has alternatives: its id → the ids of all messages with the same parent, oldest first. */ siblings: Record<string, string[]>;
  /** Number of messages in the branch. */ total: number;
  /** Number of messages of the branch that come before those in `data`; to read them, send the id of the first message as `before`. */ earlier: number;
}

/** A model or an adapter is new or has changed. */
export interface ModelChanged {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "models";
  type: "model";
  data: ModelInfo;
}

/** An event in the history of a model, as `GET /v1/models/{uid}/events` lists it. */
export interface ModelEvent {
  /** `INFO`, `WARNING` or `ERROR`. */ event_type: string;
  /** Unix time in seconds. */ event_ts: number;
  /** A sentence for people. */ event_content: string;
}

/** Present activity of a model. */
export interface ModelGauge {
  /** Number of requests that the model has not finished. */ in_flight: number;
  /** Number of these requests that wait to be computed; null if no replica reports it. */ queued: number | null;
  /** Tokens of answers per second, a mean over the last three seconds. */ tokens_per_second: number;
  /** Number of a replica → its requests in progress. */ replicas: Record<string, number>;
  /** Number of a replica → its activity. */ figures: Record<string, ReplicaGauge>;
}

/** An event was added to the history of a model. */
export interface ModelHappened {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "model_events";
  type: "model_event";
  data: ModelHappening;
}

/** A new event in the history of a model. */
export interface ModelHappening {
  model_uid: string;
  event: ModelEvent;
}

/** A model as `GET /v1/models/{uid}` describes it and `GET /v1/models` lists it. */
export interface ModelInfo {
  id: string;
  object: string;
  /** Unix time in seconds. */ created: number;
  /** Always `modelyard`. */ owned_by: string;
  model_uid: string;
  model_type: string;
  model_name: string;
  model_engine: string | null;
  model_format: string | null;
  model_size_in_billions: number | string | null;
  model_family: string | null;
  quantization: string | null;
  /** Maximum number of tokens of prompt and answer; null if unknown. */ context_length: number | null;
  model_ability: string[];
  model_lang: string[];
  model_description: string;
  model_hub: string | null;
  model_revision: string | null;
  revision: string | null;
  /** Length of the vectors of an embedding model. */ dimensions: number | null;
  /** The value of `context_length`, in the field that Xinference's clients read for encoders. */ max_tokens: number | null;
  /** The value of `context_length`, in the field that vLLM's clients read. */ max_model_len: number | null;
  /** Path of the weights. */ root: string | null;
  /** For a language model: whether it answers messages rather than only continuing text. */ is_chat: boolean | null;
  /** For a language model: whether it accepts pictures. */ is_multimodal: boolean | null;
  /** For a LoRA adapter: the uid of its base model. */ parent: string | null;
  /** For an alias: the uid of its model, which answers name and which management routes require. */ alias_of: string | null;
  /** Other names of the model; those with `*` are patterns from the server's settings. */ aliases: string[];
  multimodal_projector: string | null;
  address: string | null;
  accelerators: string[];
  /** Number of replicas that should run. */ replica: number;
  /** Number of replicas that accept requests. */ replica_ready: number;
  n_worker: number;
  /** `CREATING`, `LOADING`, `READY`, `TERMINATING` or `ERROR`. */ status: string;
  /** Why the model has the status `ERROR`, or is not ready yet. */ error: string | null;
  /** Expected memory of one replica in bytes: `weights`, `kv_cache`, `overhead`, `total`. */ memory: Record<string, number> | null;
}

/** Answer of `GET /v1/models`. */
export interface ModelListInfo {
  object: string;
  data: (ModelInfo | KnowledgeModel)[];
}

/** Answer of `GET /v1/models/{uid}/logs`. */
export interface ModelLogs {
  uid: string;
  /** Name of the replica whose log was read. */ replica: string | null;
  lines: string[];
}

/** Progress of a model's launch; `pending` with 0.0 if the model is gone. */
export interface ModelProgress {
  model_uid: string;
  progress: LaunchProgress;
}

/** The prompt format of a model: the seven fields of its prompt style, and the texts and tokens that end its answers. */
export interface ModelPrompt {
  style_name: string;
  system_prompt: string;
  roles: string[];
  intra_message_sep: string;
  inter_message_sep: string;
  stop: string[] | null;
  stop_token_ids: number[] | null;
  /** Jinja text of the chat template; null if the model's own template is used. */ chat_template: string | null;
  reasoning_start_tag: string | null;
  reasoning_end_tag: string | null;
  tool_parser: string | null;
}

/** A model or an adapter is gone. */
export interface ModelRemoved {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "models";
  type: "model_removed";
  data: RemovedName;
}

/** All replicas of a model; empty if the model is gone. */
export interface ModelReplicas {
  model_uid: string;
  replicas: ReplicaInfo[];
}

/** One size, format and quantisation of a family, as `GET /v1/models/{type}/{name}/versions` lists it. */
export interface ModelVersionInfo {
  model_version: string;
  /** Address of a machine → path of the files on it; null if the files are on no machine. */ model_file_location: Record<string, string> | null;
  /** Whether the files are on this machine. */ cache_status: boolean;
  quantization: string;
  multimodal_projector: string | null;
  model_format: string;
  model_size_in_billions: number | string | null;
  model_type: string;
}

/** The result of a classifier for one input. The categories are the model's labels. */
export interface Moderation {
  flagged: boolean;
  categories: Record<string, boolean>;
  category_scores: Record<string, number>;
  category_applied_input_types: Record<string, string[]>;
}

/** Answer of `POST /v1/moderations`. */
export interface ModerationReply {
  id: string;
  model: string;
  results: Moderation[];
}

/** Body of `POST /v1/moderations`. `input` is a text, a list of texts, or the parts of one input, which must be texts. */
export interface ModerationRequest {
  input: string | (string | Record<string, unknown>)[];
  model?: string | null;
}

/** Body of `POST /v1/batches`. */
export interface NewBatch {
  /** Id of a stored file with purpose `batch`, in which each line is a JSON object with `custom_id`, `method`, `url` and `body`. */ input_file_id: string;
  /** The path that all requests of the batch have, such as `/v1/chat/completions`. */ endpoint: string;
  /** How long the batch may take: a number with `s`, `m`, `h` or `d`, at most 30 days. Requests that are unanswered after it expire. */
  completion_window?: string;
  /** The caller's own notes, which are returned with the batch. */ metadata?: Record<string, string> | null;
  /** When the output files are deleted; if left out, they are kept. */ output_expires_after?: ExpiresAfter | null;
}

/** Body of `POST /v1/chats`. */
export interface NewChat {
  /** If left out, the chat is named by the beginning of its first question. */ title?: string;
  /** Id of the folder in which the chat is listed; null for none. */ folder?: string | null;
  settings?: ChatSettingsBody;
}

/** Body of `POST /v1/chats/{chat}/answers`. Fields that are left out take the values of the chat's settings. */
export interface NewChatAnswer {
  /** A new question, which is added first. If left out, the message `parent` is answered, once more if it has an answer. */
  content?: string | (TextContent | ImageContent | AudioContent | FileContent)[] | null;
  /** With `content`, the message that it follows (null for a first one); else the user's message that is answered. If left out, the active leaf. */
  parent?: string | null;
  /** `chat`: the model alone; `knowledge`: from knowledge bases; `files`: from stored files; `web`: from a web search; `agent`: with tools. If left out: `files` if the branch has files, `knowledge` with bases, `agent` with tools, else `chat`. */
  mode?: "chat" | "knowledge" | "files" | "web" | "agent" | null;
  /** Uid of the model that answers; if left out, the chat's model. */ model?: string | null;
  /** System message of this answer, in place of the chat's. */ system?: string | null;
  /** Parameters of the request to the model, in addition to those of the chat. */ parameters?: Record<string, unknown>;
  /** Names of the knowledge bases to search; if left out, those of the chat. */ bases?: string[] | null;
  /** Ids of stored files (`/v1/files`); if left out, those of the `file` parts of the branch. */ files?: string[] | null;
  /** Names of the server's tools; an empty list means all that the key may use. */ tools?: string[] | null;
  /** Name of the web search engine; if left out, the one of the server's settings. */ search_engine?: string | null;
  /** Maximum number of sources that the model reads. */ top_k?: number;
}

/** Body of `POST /v1/chats/{chat}/messages`: stores a message as it is, such as an answer that the client obtained itself. */
export interface NewChatMessage {
  role?: "system" | "user" | "assistant" | "tool";
  content?: string | (TextContent | ImageContent | AudioContent | FileContent)[];
  /** Id of the message that this one follows; null makes it a root. If left out, the chat's active leaf. */ parent?: string | null;
  /** The model's reasoning before its answer. */ reasoning?: string;
  tool_calls?: Record<string, unknown>[];
  citations?: Record<string, unknown>[];
  model?: string;
  parameters?: Record<string, unknown>;
  /** Numbers of tokens, as in a chat completion. */ usage?: Record<string, unknown>;
  /** Durations in milliseconds, by name. */ timings?: Record<string, unknown>;
  finish_reason?: string;
  metadata?: Record<string, unknown>;
}

/** Body of `POST …/documents/{document}/chunks`. */
export interface NewChunk {
  text: string;
  /** Position in the document at which the chunk is inserted; at the end if left out. */ position?: number | null;
}

/** Body of `POST /v1/conversations`. */
export interface NewConversation {
  /** First items of the conversation, at most 20, in the form of `input` of `/v1/responses`. */ items?: Record<string, unknown>[] | null;
  /** Up to 16 pairs of strings, the caller's own notes. */ metadata?: Record<string, string> | null;
}

/** Body of `POST /v1/vector_stores/{vector_store_id}/file_batches`: `file_ids`, or `files` with their own attributes. */
export interface NewFileBatch {
  file_ids?: string[] | null;
  files?: NewStoreFile[] | null;
  /** Attributes of all files in `file_ids`. */ attributes?: Record<string, string | boolean | number> | null;
  /** How the files in `file_ids` are split. */ chunking_strategy?: AutoChunking | StaticChunking | null;
}

/** Body of `POST /v1/generations`. */
export interface NewGeneration {
  /** The inference path that would answer `body` directly, as in a line of a batch. */ url?: "/v1/chat/completions" | "/v1/completions";
  /** The request. Its answer is always streamed, and ends with `usage`. */ body: Record<string, unknown>;
}

/** Body of `POST /v1/conversations/{conversation_id}/items`. */
export interface NewItems {
  /** Items to add, at most 20, in the form of `input` of `/v1/responses`. */ items: Record<string, unknown>[];
}

/** Answer of `POST /v1/admin/keys` and of `…/rotate`, the only answers that contain the secret. */
export interface NewKeyInfo {
  id: string;
  name: string;
  /** The first characters of the secret. */ prefix: string;
  /** Owner id of private data made with the key, such as conversations; a rotated key keeps it. */ owner: string;
  scopes: string[];
  /** The only models that the key may use; null for all. */ models: string[] | null;
  /** The only knowledge bases that the key may use: name → `read` or `write`; null for all that its scopes allow. */ bases: Record<string, string> | null;
  /** Maximum number of inference requests in a minute; null for no limit. */ requests_per_minute: number | null;
  /** Maximum number of tokens, of prompts and answers, in a minute; null for no limit. */ tokens_per_minute: number | null;
  /** Unix time in seconds. */ created_at: number;
  /** Unix time in seconds; null if the key does not expire. */ expires_at: number | null;
  /** Unix time in seconds; null if the key was not revoked. */ revoked_at: number | null;
  /** Unix time in seconds; null if the key was never used. */ last_used_at: number | null;
  /** Whether the key is neither revoked nor expired. */ usable: boolean;
  /** The secret, which requests send as `Authorization: Bearer …`. */ key: string;
}

/** Body of `POST /v1/admin/users/{name}/password`. */
export interface NewPasswordRequest {
  password: string;
}

/** Body of `POST …/evaluations/{set}/questions`. */
export interface NewQuestions {
  questions: QuestionBody[];
}

/** Body of `POST /v1/vector_stores/{vector_store_id}/files`, and an item of `files` when a batch of files is added. */
export interface NewStoreFile {
  /** Id of a stored file (`/v1/files`). */ file_id: string;
  attributes?: Record<string, string | boolean | number> | null;
  chunking_strategy?: AutoChunking | StaticChunking | null;
}

/** Body of `POST /v1/uploads`. */
export interface NewUpload {
  /** Size in bytes that the complete file will have. */ bytes: number;
  filename: string;
  /** Ignored: the server does not trust a file's stated type. */ mime_type: string;
  purpose: "assistants" | "batch" | "fine-tune" | "vision" | "user_data" | "evals";
  expires_after?: ExpiresAfter | null;
}

/** Body of `POST /v1/vector_stores`. */
export interface NewVectorStore {
  /** Name of the knowledge base; a number is appended if a base has this name. */ name?: string | null;
  description?: string | null;
  /** Ids of stored files (`/v1/files`) to add. */ file_ids?: string[];
  /** How the files in `file_ids` are split. */ chunking_strategy?: AutoChunking | StaticChunking | null;
  expires_after?: StoreExpiry | null;
  metadata?: Record<string, string> | null;
  /** Uid of an embedding model; a field that OpenAI's API lacks. If left out, one that runs; if empty, the store is searched by words alone. */
  embedding_model?: string | null;
}

/** One machine, as `GET /v1/cluster/info?detailed=true` lists it. Without `detailed` only the first four fields are sent. */
export interface NodeInfo {
  /** `Supervisor` or `Worker`; one machine is both and is listed twice, as Xinference's clients expect. */ node_type: string;
  ip_address: string;
  gpu_count: number;
  /** Bytes of GPU memory. */ gpu_vram_total: number;
  /** Free bytes of GPU memory. */ gpu_vram_available?: number | null;
  /** Use of the GPUs in percent. */ gpu_utilization?: number | null;
  cpu_available?: number | null;
  cpu_count?: number | null;
  /** Bytes of main memory in use. */ mem_used?: number | null;
  /** Bytes of main memory that programs may take. */ mem_available?: number | null;
  /** Bytes of main memory. */ mem_total?: number | null;
  software_version?: string | null;
  devices?: (Record<string, string | number>)[] | null;
}

/** The virtual environment of one engine. */
export interface OwnEnvironment {
  /** Unix time in seconds. */ installed_at: number;
  /** Package → version, for the most important packages. */ versions: Record<string, string>;
}

/** Where the text of a chunk is on one page. */
export interface PageBoxesInfo {
  /** From 1. */ page: number;
  /** Width in points of the page as it is displayed, rotation included. In an image of the page that is `w` pixels wide, a point is `w / width` pixels. */
  width: number;
  /** Height of the page in points. */ height: number;
  /** One for each line, or part of a line; the whole page if the text was not found on it. */ rectangles: RectangleInfo[];
  /** Whether the text was found on the page. It is not found on scanned pages, and if the file has changed since it was indexed. */ exact: boolean;
}

/** The score of one pair of texts. */
export interface PairScore {
  index: number;
  score: number;
  object?: "score";
}

/** Body of `POST /v1/auth/password`. */
export interface PasswordRequest {
  old_password: string;
  new_password: string;
}

/** An event in the history of a model, which may be gone. */
export interface PastEvent {
  /** Later events have greater ids. */ id: number;
  model_uid: string;
  type: "INFO" | "WARNING" | "ERROR";
  /** Unix time in seconds. */ at: number;
  /** A sentence for people. */ text: string;
}

/** Answer of `GET /v1/events/models`, newest first. */
export interface PastEventList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: PastEvent[];
}

/** A chunk in a preview. */
export interface PieceInfo {
  text: string;
  /** Index of the first character in the document's text. */ start: number;
  end: number;
  page: number | null;
  heading: string;
}

/** A device of the machine, and the memory that a launch would take from it. */
export interface PlannedDevice {
  /** `cpu`, `cuda:0`, … */ name: string;
  /** Name of the device for people. */ title: string;
  /** Total memory in bytes. */ memory_total: number;
  /** Memory in bytes that the device reports as free. */ memory_free: number;
  /** Bytes that a launch may take: the free memory, less the memory that starting replicas will take, less the server's reserve. */ usable: number;
  /** Bytes that all replicas of this launch would take from this device. */ needed: number;
}

/** What a launch would download. */
export interface PlannedDownload {
  model_hub: string;
  model_id: string;
  revision: string;
  /** Number of files, including those that are on this machine. */ files: number;
  total_bytes: number;
  /** Bytes that are not yet on this machine. */ missing_bytes: number;
  /** Free bytes of the disk to which the files would be downloaded. */ disk_free: number;
}

/** The result for one text: numbers, or the bytes of a vector in base64. */
export interface PooledText {
  index: number;
  data: number[] | string;
  object?: "pooling";
}

/** Answer of `POST /pooling`. */
export interface PoolingReply {
  id: string;
  created: number;
  model: string;
  data: PooledText[];
  usage: Record<string, unknown> | null;
  object?: "list";
}

/** Body of `POST /pooling`: texts whose vectors are returned, or with a classifier the probabilities of its labels. */
export interface PoolingRequest {
  model: string;
  input: string | (string | number | number[])[];
  task?: string | null;
  encoding_format?: "base64" | "float" | null;
  dimensions?: number | null;
  truncate_prompt_tokens?: number | null;
}

/** The chunks into which a document would be split. */
export interface Preview {
  object: string;
  data: PieceInfo[];
}

/** Body of `POST …/documents/{document}/preview`. */
export interface PreviewRequest {
  chunking?: ChunkingBody | null;
}

/** How well searches find the contents of a base with its embedding model. Measured when documents are indexed. */
export interface ProbeInfo {
  model: string;
  generation: number;
  /** Number of chunks in the base when it was measured. */ chunks: number;
  /** Script (`latin`, `han`, `kana`, `hangul`, `cyrillic`, `arabic` or `other`) → how well its texts are found. */ scripts: Record<string, ScriptProbeInfo>;
}

/** The progress of a launch has changed. */
export interface ProgressChanged {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "progress";
  type: "progress";
  data: ModelProgress;
}

/** A prompt template of the server. */
export interface PromptTemplate {
  /** `knowledge_base` for answers of knowledge bases, which may override it; other kinds are used by Chatchat's routes. */ kind: string;
  name: string;
  /** Jinja text. */ template: string;
}

/** Answer of `GET /v1/server/prompts`. */
export interface PromptTemplateList {
  object: "list";
  data: PromptTemplate[];
}

/** A question, and which chunks answer it. */
export interface QuestionBody {
  question: string;
  /** Empty for a question that nothing in the base answers. */ relevant: Relevant[];
}

/** A question of an evaluation set. */
export interface QuestionInfo {
  id: number;
  object: "knowledge_base.evaluation.question";
  question: string;
  relevant: Required<Relevant>[];
  /** Unix time. */ created_at: number;
}

/** Answer of `GET …/evaluations/{set}/questions`, in the order in which they were added. */
export interface QuestionList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: QuestionInfo[];
}

/** Body of `POST …/evaluations/{set}/questions/delete`. */
export interface QuestionNumbers {
  ids: number[];
}

/** Answer of `POST …/evaluations/{set}/import`. */
export interface QuestionsImported {
  /** Number of questions that were added. */ added: number;
  /** Number of a line, or of a row below the header → what is wrong with it. If there is any, nothing is added. */ wrong: Record<string, string>;
}

/** The index of a document in the request, and its score. `document` is included with `return_documents`. */
export interface RankedDocument {
  index: number;
  relevance_score: number;
  document?: RankedText | null;
}

/** The text of a ranked document. */
export interface RankedText {
  text?: string | null;
}

/** Settings for the ranking of hits. */
export interface RankingOptions {
  /** `auto`: the base's rerank model, else one that runs; `none`: words and vectors only; else the uid of a rerank model. */ ranker?: string | null;
  /** Hits with a lower score are left out. */ score_threshold?: number;
}

/** Breakdown of the answers' tokens. */
export interface ReasoningTokens {
  reasoning_tokens: number;
}

/** A rectangle on a page as it is displayed, in points (1/72 inch) from its top left corner. */
export interface RectangleInfo {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Body of `POST /v1/auth/refresh`. */
export interface RefreshRequest {
  refresh_token: string;
}

/** Answer of a registration with `dry_run`. */
export interface RegistrationCheck {
  /** The record as the server would list it. */ record: FamilyRecord;
  /** The family as the catalog would list it: whether it fits this machine, and which version a launch would choose, or why none. */ entry: CatalogEntry;
}

/** Answer of `POST /v1/model_registrations/drafts`: a record made from the files, to be edited and registered. */
export interface RegistrationDraft {
  model_type: string;
  /** The record, which a registration accepts as `model`. */ model: Record<string, unknown>;
}

/** Body of `POST /v1/model_registrations/{model_type}`. */
export interface RegistrationRequest {
  /** The record of the family, as JSON text or as an object; version 1 or 2 of Xinference's format. */ model: string | Record<string, unknown>;
  /** Whether the registration survives a restart of the server, as a file in the folder `registrations`. The record's local files must then exist. */
  persist?: boolean;
  /** Accepted without effect: the server has one machine. */ worker_ip?: string | null;
  /** Only check the record. The answer says what it would register and what a launch would choose; nothing is stored. */ dry_run?: boolean;
}

/** A family in the short list. */
export interface RegistrationSummary {
  model_name: string;
  /** Whether the family comes with Modelyard; otherwise a user registered it. */ is_builtin: boolean;
}

/** Body of `POST /v1/knowledge_bases/{base}/reindex`. */
export interface ReindexRequest {
  /** Uid of the new embedding model; empty for none. If left out, it does not change. */ embedding_model?: string | null;
  chunking?: ChunkingBody | null;
  /** Whether chunks that were edited by hand are replaced too. */ force?: boolean;
}

/** A relaunch of a part of Xinference. This server has no such parts, so lists of relaunches are empty. */
export interface Relaunch {
  operation_id: string;
}

/** A description of chunks that answer a question. A hit must satisfy every field that is set. */
export interface Relevant {
  /** Name of a document. */ document?: string | null;
  /** Page of the document, from 1. */ page?: number | null;
  /** Text that the chunk must contain; white space, letter case and character width are ignored. */ text?: string | null;
  /** Id of a chunk; re-indexing gives chunks new ids. */ chunk_id?: number | null;
  /** Degree of relevance; higher is better. */ grade?: number;
}

/** Body of `POST /v1/models/{uid}/reload`. */
export interface ReloadRequest {
  /** Parameters of the model to change. */ model_config?: Record<string, unknown>;
}

/** Answer of `DELETE /v1/models/{uid}/replicas/{replica_id}`. */
export interface RemainingReplicas {
  /** Number of replicas that are left. */ remaining_replicas: number;
}

/** Answer of `DELETE /v1/cache/models`. */
export interface Removed {
  result: boolean;
}

/** The id of something that is no longer in its list. */
export interface RemovedName {
  id: string;
}

/** Body of `PATCH …/evaluations/{set}`. */
export interface RenameEvaluationSet {
  name: string;
}

/** Present activity of a replica. Values that are not known are null. */
export interface ReplicaGauge {
  /** Number of requests that the replica has not finished. */ in_flight: number;
  /** Number of these requests that wait to be computed. */ queued: number | null;
  /** Use of processor time in percent of one core, a mean over some seconds. */ cpu_percent: number | null;
  /** Main memory of its processes in bytes. */ memory: number | null;
  /** GPU memory of its processes in bytes. */ gpu_memory: number | null;
  /** Used part of the KV cache in percent. */ kv_cache_percent: number | null;
  /** Prompt tokens that were looked up in the prefix cache since the replica started. */ prefix_queries: number | null;
  /** Prompt tokens that were found in the prefix cache since the replica started. */ prefix_hits: number | null;
}

/** One replica, as `GET /v1/models/{uid}/replicas` lists it. */
export interface ReplicaInfo {
  replica_id: number;
  replica_model_uid: string;
  worker_address: string;
  /** Address at which the replica listens. */ model_address: string | null;
  /** Indexes of its GPUs, as strings. */ accelerators: string[];
  /** `CREATING`, `LOADING`, `READY`, `TERMINATING`, `TERMINATED` or `ERROR`. */ status: string;
  /** Unix time in seconds. */ created_ts: number;
  /** Why the replica failed; null if it did not. */ error_message: string | null;
  replica_uid: string | null;
  gpu_idx: number[] | null;
  /** Id of its process. */ pid: number | null;
  /** Number of requests that it is answering. */ in_flight: number;
  /** Number of times that the replica was restarted. */ restarts: number;
}

/** Progress of one replica of a launch. */
export interface ReplicaProgress {
  replica_id: number;
  replica_model_uid: string;
  /** 0 to 1. */ progress: number;
  /** As in the progress of the launch. */ stage: string;
  info: string;
  /** Unix time in seconds. */ updated_at: number;
}

/** One replica, as `GET /v1/models/instances` lists it. */
export interface ReplicaStatus {
  replica_id: number;
  replica_model_uid: string;
  worker_address: string;
  /** `CREATING`, `LOADING`, `READY`, `TERMINATING`, `TERMINATED` or `ERROR`. */ status: string;
  /** The value of `status` once more, in the field that Xinference's clients read. */ model_state: string | null;
  /** Unix time in seconds. */ created_ts: number;
  /** Why the replica failed; null if it did not. */ error_message: string | null;
  replica_uid: string | null;
  /** Indexes of its GPUs. */ gpu_idx: number[] | null;
}

/** The replicas of a model have changed. */
export interface ReplicasChanged {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "replicas";
  type: "replicas";
  data: ModelReplicas;
}

/** A message that a model generates: whole, or the part of it in one chunk of a stream. */
export interface ReplyMessage {
  role?: string | null;
  content?: string | null;
  reasoning_content?: string | null;
  tool_calls?: ReplyToolCall[] | null;
}

/** A tool call. */
export interface ReplyToolCall {
  function: CalledFunction;
  index?: number | null;
  id?: string | null;
  type?: string | null;
}

/** An inference request that has ended. */
export interface RequestInfo {
  /** Number of the request since the server started; `before` accepts it. */ number: number;
  /** The request id, as in the header `x-request-id`. Requests that a knowledge base sends to models have the id of the caller's request. */ id: string;
  /** Unix time in seconds of its arrival. */ at: number;
  /** Path of the request; empty for a path that the server does not know. */ path: string;
  /** Name of the model; empty for a request that was refused before its model was known. */ model: string;
  /** Name of the replica that answered; null if none did. */ replica: string | null;
  /** Id of the API key; null for users and where no key is required. */ key: string | null;
  key_name: string | null;
  /** Name of the user; null for API keys. */ user: string | null;
  /** Whether the server sent the request on behalf of a caller, such as a knowledge base's request to its chat model. */ inside: boolean;
  /** HTTP status; 499 if the client disconnected before the answer began. */ status: number;
  /** `complete`, `broken` (the replica failed), `left` (the client disconnected) or `aborted`. */ outcome: string;
  /** Seconds from arrival to the first token; null unless the answer was streamed. */ ttft: number | null;
  /** Seconds from arrival to the end of the answer. */ seconds: number;
  /** Tokens of the prompt. */ tokens_in: number;
  /** Tokens of the answer. */ tokens_out: number;
  /** Tokens of the prompt that the engine had computed before. */ tokens_cached: number;
  /** Whether the numbers of tokens are estimated from bytes and events, because the engine reported no usage. */ estimated: boolean;
}

/** Answer of `GET /v1/requests`, newest first. */
export interface RequestList {
  object: "list";
  data: RequestInfo[];
  /** Whether there are older requests; to read them, send the last `number` as `before`. */ has_more: boolean;
}

/** One message of a conversation; `protocol/messages.py` checks its content. */
export interface RequestMessage {
  role: "assistant" | "developer" | "function" | "system" | "tool" | "user";
  content?: string | Record<string, unknown>[] | null;
  name?: string | null;
  tool_calls?: Record<string, unknown>[] | null;
  tool_call_id?: string | null;
  reasoning_content?: string | null;
  reasoning?: string | null;
  function_call?: Record<string, unknown> | null;
}

/** Answer of `POST /v1/rerank`, best first. */
export interface RerankReply {
  results: RankedDocument[];
  id?: string | null;
  model?: string | null;
  meta?: Record<string, unknown> | null;
  usage?: Record<string, unknown> | null;
}

/** Body of `POST /v1/rerank`. */
export interface RerankRequest {
  model: string;
  query: string;
  documents: (string | Record<string, unknown>)[];
  top_n?: number | null;
  max_chunks_per_doc?: number | null;
  return_documents?: boolean | null;
  return_len?: boolean | null;
  truncate_prompt_tokens?: number | null;
}

/** A run with its results for each question. */
export interface RunDetail {
  /** Id of the run, and of the job that carried it out. */ id: string;
  object: "knowledge_base.evaluation.run";
  /** Number of questions in the run. */ questions: number;
  settings: SettingResult[];
  /** Unix time in seconds at which the run started. */ created_at: number;
  /** Unix time in seconds. */ finished_at: number;
  results: RunResult[];
  /** If the request has `against`: name of each measure → its difference between this run and the other one. */
  differences: Record<string, MeasureDifference> | null;
}

/** A finished run. */
export interface RunInfo {
  /** Id of the run, and of the job that carried it out. */ id: string;
  object: "knowledge_base.evaluation.run";
  /** Number of questions in the run. */ questions: number;
  settings: SettingResult[];
  /** Unix time in seconds at which the run started. */ created_at: number;
  /** Unix time in seconds. */ finished_at: number;
}

/** Answer of `GET …/evaluations/{set}/runs`, newest first. */
export interface RunList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: RunInfo[];
}

/** Measures of the first ten hits, each from 0 to 1; means over the questions that have an answer in the base. Null if there are no such questions. */
export interface RunMeasures {
  /** Fraction of the questions whose first hit is relevant. */ hit_1: number | null;
  /** Fraction of the questions with a relevant hit among the first five. */ hit_5: number | null;
  /** Fraction of the relevant chunks that are among the first five hits. */ recall_5: number | null;
  /** Mean reciprocal rank: 1 divided by the rank of the first relevant hit, 0 if none of the ten is relevant. */ mrr: number | null;
  /** Normalised discounted cumulative gain of the ten hits, with grades as gains. */ ndcg_10: number | null;
}

/** One question of a run, and its search with each setting. */
export interface RunResult {
  id: number;
  question: string;
  /** Whether the question has an answer in the base. */ answerable: boolean;
  /** One search for each setting of the run, in the run's order. */ outcomes: SearchOutcome[];
}

/** Search settings to measure. */
export interface RunSettingBody {
  mode?: "hybrid" | "lexical" | "vector";
  /** Whether the rerank model ranks the hits. */ rerank?: boolean;
  /** Uid of the rerank model, in place of the base's. */ rerank_model?: string | null;
  /** Hits with a lower score are left out. */ min_score?: number;
}

/** Body of `POST /v1/models/{uid}/replicas`. Fields other than `replica` must agree with the running replicas. */
export interface ScaleRequest {
  /** Number of replicas to add. */ replica?: number;
  /** Placement of each replica. */ replica_config?: Record<string, unknown> | Record<string, unknown>[] | null;
  /** The engine of the new replicas. */ model_engine?: string | null;
  /** Number of GPUs of each new replica. */ n_gpu?: number | string | null;
}

/** Answer of `POST /v1/models/{uid}/replicas`. It repeats the fields of the first new replica at the top, as in Xinference. */
export interface ScaleResponse {
  replica: number;
  replicas: ReplicaInfo[];
  replica_id: number;
  replica_model_uid: string;
  worker_address: string;
}

/** Answer of `POST /v1/score`. */
export interface ScoreReply {
  id: string;
  created: number;
  model: string;
  data: PairScore[];
  usage: Record<string, number>;
  object?: "list";
}

/** Body of `POST /v1/score`: one text and some others, or two lists of equal length. vLLM's newer names are accepted too. */
export interface ScoreRequest {
  model: string;
  text_1?: string | string[];
  text_2?: string | string[];
  queries?: string | string[];
  documents?: string | string[];
  items?: string | string[];
  truncate_prompt_tokens?: number | null;
}

/** The scores that decide a hit's rank. Higher is better in each; null where the score does not apply. */
export interface Scores {
  /** BM25 score. */ lexical: number | null;
  /** Cosine similarity of the query's and the chunk's vectors, -1 to 1. */ similarity: number | null;
  /** Combined score of words and vectors: the estimated probability that the chunk is about the query, 0 to 1. */ fused: number;
  /** Score of the rerank model, 0 to 1. */ rerank: number | null;
}

/** How well searches find texts of one script. */
export interface ScriptProbeInfo {
  /** Weight of vectors in a hybrid search, relative to a weight of 1 for words; 0 if vectors are not used. */ weight: number;
  /** Fraction of a reading test in this script that the embedding model passed, 0 to 1; null if there is no such test. */ reads: number | null;
  /** Number of the base's sentences that were searched for. */ sentences: number;
  /** Fraction of these sentences whose chunk was found by vectors, 0 to 1. */ by_vectors: number | null;
  /** Fraction of these sentences whose chunk was found by words, 0 to 1. */ by_words: number | null;
}

/** Answer of a search. */
export interface SearchAnswer {
  object: string;
  data: Hit[];
  /** Sentences for people, such as that a base is searched by words alone. */ notes: string[];
  /** Uid of the rerank model that ranked the hits; null if none did. */ rerank_model: string | null;
  /** Why the search returned these hits; only if the request has `explain`. */ explanation: Explanation | null;
}

/** Body of `POST …/search`. */
export interface SearchBaseRequest {
  top_k?: number;
  mode?: "hybrid" | "lexical" | "vector";
  /** Conditions on documents, such as `{"year": {"gte": 2024}, "document": {"prefix": "hr/"}}`. */ filter?: Record<string, unknown>;
  /** Whether the rerank model ranks the hits; null to use the base's rerank model if it runs. */ rerank?: boolean | null;
  /** Hits with a lower score are left out. */ min_score?: number;
  query: string;
  /** Uid of the rerank model, in place of the base's. */ rerank_model?: string | null;
  /** Whether the answer explains its hits: ranks in each list, dropped candidates, durations. */ explain?: boolean;
}

/** The search of one question with one setting. */
export interface SearchOutcome {
  /** Rank of the first relevant hit, from 1; null if none of the first ten is relevant. */ rank: number | null;
  /** Number of hits. */ hits: number;
  measures: RunMeasures;
  /** Duration of the search in milliseconds. */ milliseconds: number;
  /** Why the search failed; empty if it did not. */ error: string;
}

/** Body of `POST /v1/knowledge_bases/search`. */
export interface SearchSeveralRequest {
  top_k?: number;
  mode?: "hybrid" | "lexical" | "vector";
  /** Conditions on documents, such as `{"year": {"gte": 2024}, "document": {"prefix": "hr/"}}`. */ filter?: Record<string, unknown>;
  /** Whether the rerank model ranks the hits; null to use the base's rerank model if it runs. */ rerank?: boolean | null;
  /** Hits with a lower score are left out. */ min_score?: number;
  query: string;
  /** Uid of the rerank model, in place of the base's. */ rerank_model?: string | null;
  /** Whether the answer explains its hits: ranks in each list, dropped candidates, durations. */ explain?: boolean;
  knowledge_bases: string[];
}

/** Answer of `GET /v1/metrics/series`. */
export interface SeriesList {
  object: "list";
  /** Unix time in seconds at which the first step begins. */ since: number;
  /** Length of a step in seconds. */ step: number;
  /** Number of steps, also if there are no series. */ steps: number;
  /** The series that have at least one value. */ data: FigureSeries[];
}

/** An event of `GET /v1/metrics/series?follow=true`: complete steps, in order of time, without gaps between events. */
export interface SeriesNews {
  /** Unix time at the end of these steps, which is also the `id` of the server-sent event. */ id: string;
  /** Unix time in seconds at which the first step begins; the next event begins where this one ends. */ since: number;
  /** Length of a step in seconds; it does not change within a stream. */ step: number;
  /** Number of steps. */ steps: number;
  /** The series that have at least one value in these steps. */ data: FigureSeries[];
}

/** Answer of `GET /` to programs. */
export interface ServerName {
  name: string;
  version: string;
  documentation: string;
}

/** The present state of every topic that the reader follows; other topics are null. */
export interface ServerSnapshot {
  /** As `GET /v1/models` lists them. */ models: ModelInfo[] | null;
  replicas: ModelReplicas[] | null;
  progress: ModelProgress[] | null;
  downloads: DownloadInfo[] | null;
  /** The newest hundred jobs that the caller may see, as `GET /v1/jobs` lists them. */ jobs: JobInfo[] | null;
  gauges: Gauges | null;
}

/** Answer of `GET /status`. */
export interface ServerStatus {
  /** Seconds since the server started. */ uptime: number;
  /** Address of each machine → its state. */ workers: Record<string, WorkerStatus>;
}

/** Answer of `GET /v1/cluster/version` and `GET /version`. */
export interface ServerVersion {
  version: string;
}

/** A browser session. Its token is only in the browser's cookie. */
export interface SessionInfo {
  id: string;
  /** Whose rights the session has: those of a `user`, of an API `key`, or of any `local` caller on a server that requires no key. */
  kind: "user" | "key" | "local";
  /** Whether this request was sent in the session. */ current: boolean;
  /** Unix time in seconds. */ created_at: number;
  /** Unix time in seconds. */ last_used_at: number;
  /** Unix time in seconds at which the session ends, even if it is in use. */ expires_at: number;
  /** The browser's `User-Agent` header. */ user_agent: string;
  /** IP address from which the session was created. */ address: string;
}

/** Answer of `GET /v1/auth/sessions`: the caller's own sessions, the most recently used first. */
export interface SessionList {
  object: "list";
  data: SessionInfo[];
}

/** Body of `POST /v1/auth/sessions`: a username with password, or an API key, or nothing where no key is required. */
export interface SessionRequest {
  username?: string | null;
  /** Password of `username`. */ password?: string | null;
  /** An API key, whose rights the session gets. */ api_key?: string | null;
}

/** A setting of the server. */
export interface SettingInfo {
  name: string;
  /** The environment variable that sets it when the server starts. */ variable: string;
  description: string;
  /** The present value; null for secrets. */ value: unknown;
  default: unknown;
  /** Whether the value was set, by the environment variable, a file or the command line. */ is_set: boolean;
  /** Whether the value is never shown. */ secret: boolean;
  /** JSON Schema of the value. */ value_schema: Record<string, unknown>;
}

/** Answer of `GET /v1/server/settings`, in the order of the manual. */
export interface SettingList {
  object: "list";
  data: SettingInfo[];
}

/** The measures of one search setting. */
export interface SettingResult {
  mode: "hybrid" | "lexical" | "vector";
  /** Whether the rerank model ranks the hits. */ rerank: boolean;
  /** Uid of the rerank model, in place of the base's. */ rerank_model: string | null;
  /** Hits with a lower score are left out. */ min_score: number;
  measures: RunMeasures;
  /** Median duration of a search in milliseconds. */ milliseconds: number;
  /** Number of questions for which the search failed; they count in no measure. */ failed: number;
}

/** The first event for a new reader, and for one that has missed more events than the server keeps. */
export interface SnapshotEvent {
  /** `EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch. */ id: string;
  /** Unix time in seconds. */ at: number;
  topic: "snapshot";
  type: "snapshot";
  data: ServerSnapshot;
}

/** First event of a streamed answer. */
export interface SourcesEvent {
  type: "sources";
  sources: Citation[];
  notes: string[];
  /** Uid of the model that ranked the sources; null if none did. */ rerank_model: string | null;
}

/** One size and format of a family. A registered one also has all fields that were sent. */
export interface SpecRecord {
  model_format: string | null;
  model_size_in_billions: number | string | null;
  quantizations: string[] | null;
  model_id: string | null;
  model_hub: string | null;
  model_uri: string | null;
  model_revision: string | null;
  /** For each quantisation, whether its files are on this machine. */ cache_status: boolean[] | boolean | null;
}

/** Body of `POST /v1/audio/speech`. */
export interface SpeechRequest {
  model: string;
  input: string;
  voice?: string | Record<string, unknown> | null;
  response_format?: string | null;
  speed?: number | null;
  stream?: boolean | null;
}

/** Body of `POST …/evaluations/{set}/runs`. */
export interface StartRun {
  /** Search settings to measure; if empty, each search mode of the base, and its rerank model. */ settings?: RunSettingBody[];
}

/** Split a file into chunks of these sizes. */
export interface StaticChunking {
  type: "static";
  static: StaticSizes;
}

/** Sizes of chunks in tokens; a token counts as four characters. */
export interface StaticSizes {
  max_chunk_size_tokens: number;
  /** At most half of `max_chunk_size_tokens`. */ chunk_overlap_tokens: number;
}

/** Sizes of chunks in tokens; a token counts as four characters. */
export interface StaticSizesInfo {
  max_chunk_size_tokens: number;
  chunk_overlap_tokens: number;
}

/** When a vector store expires. */
export interface StoreExpiry {
  anchor: "last_active_at";
  /** Days after the store was last used. */ days: number;
}

/** Answer of `GET …/files/{file_id}/content`: the text of the file; empty until it is indexed. */
export interface StoreFileContent {
  object: "vector_store.file_content.page";
  data: StoreText[];
  has_more: boolean;
  next_page: string | null;
}

/** Answer of `DELETE /v1/vector_stores/{vector_store_id}/files/{file_id}`. */
export interface StoreFileDeleted {
  id: string;
  object: "vector_store.file.deleted";
  deleted: true;
}

/** Why a file could not be indexed. */
export interface StoreFileError {
  code: "server_error" | "unsupported_file" | "invalid_file";
  message: string;
}

/** A document of a knowledge base, described as a file of a vector store. */
export interface StoreFileInfo {
  /** Id of the stored file; a document that was not made from one has an id of its own. */ id: string;
  object: "vector_store.file";
  /** Unix time in seconds. */ created_at: number;
  /** Size of the file in bytes. */ usage_bytes: number;
  vector_store_id: string;
  status: "in_progress" | "completed" | "failed" | "cancelled";
  last_error: StoreFileError | null;
  attributes: Record<string, string | boolean | number>;
  chunking_strategy: ChunkingInfo;
}

/** A page of the files of a store, or of a batch. */
export interface StoreFilePage {
  object: "list";
  data: StoreFileInfo[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/** A chunk that a search found. */
export interface StoreHit {
  file_id: string;
  filename: string;
  /** 0 to 1, higher is better. */ score: number;
  attributes: Record<string, string | boolean | number>;
  content: StoreText[];
}

/** Body of `POST /v1/vector_stores/{vector_store_id}/search`. */
export interface StoreSearch {
  /** A question or key words. Several are searched one by one, and their hits are ranked together. */ query: string | string[];
  filters?: ComparisonFilter | CompoundFilter | null;
  max_num_results?: number;
  ranking_options?: RankingOptions | null;
  /** Accepted without effect: questions are searched as they are, by words and by meaning. */ rewrite_query?: boolean;
}

/** Answer of a search of a vector store. */
export interface StoreSearchAnswer {
  object: "vector_store.search_results.page";
  /** The queries that were searched. */ search_query: string[];
  data: StoreHit[];
  has_more: boolean;
  next_page: string | null;
}

/** A piece of text. */
export interface StoreText {
  type: "text";
  text: string;
}

/** Options of a streamed answer. */
export interface StreamOptions {
  include_usage?: boolean | null;
  continuous_usage_stats?: boolean | null;
  include_obfuscation?: boolean | null;
}

/** Answer of routes that return no data. */
export interface SuccessResult {
  result: boolean;
}

/** Answer of `GET /v1/supervisor`. */
export interface Supervisor {
  supervisor_ip: string;
}

/** Answer of `GET /v1/models/vllm-supported`. */
export interface SupportedArchitectures {
  chat: string[];
  generate: string[];
}

/** Answer of `GET /v1/cluster/system_settings`: present values. They are set by variables `MODELYARD_*`, not over HTTP. */
export interface SystemSettings {
  download_source: string;
  hf_endpoint: string;
  /** Always empty, because secrets are not shown. */ hf_token: string;
  pip_index_url: string;
  download_max_attempts: number;
  hub_detect_timeout: number;
  model_download_workers: number;
}

/** The classes of one text. */
export interface TextClass {
  index: number;
  label: string | null;
  probs: number[];
  num_classes: number;
  scores?: Record<string, number>;
  multi_label?: boolean;
  safe_labels?: string[] | null;
}

/** A content part that is text. */
export interface TextContent {
  type: "text";
  text: string;
}

/** One of the alternative texts that continue a prompt. */
export interface TextReplyChoice {
  index: number;
  text: string;
  finish_reason?: string | null;
  logprobs?: Record<string, unknown> | null;
}

/** A piece of a streamed answer. */
export interface TokenEvent {
  type: "token";
  text: string;
}

/** Body of `POST /v1/convert_ids_to_tokens`. `input` is a token id or lists of them; ids may be written as strings. */
export interface TokenIdsRequest {
  model: string;
  input: number | string | (number | string | (number | string)[])[];
}

/** Numbers of tokens of a request and its answer. */
export interface TokenUsage {
  prompt_tokens: number;
  total_tokens: number;
  completion_tokens?: number | null;
  prompt_tokens_details?: Record<string, unknown> | null;
  completion_tokens_details?: Record<string, unknown> | null;
}

/** Answer of `POST /tokenize`. */
export interface TokenizeReply {
  count: number;
  max_model_len: number | null;
  tokens: number[];
  token_strs?: string[] | null;
}

/** Body of `POST /tokenize`: a text, or a conversation, to which the model's chat template is applied. */
export interface TokenizeRequest {
  model: string;
  prompt?: string;
  messages?: RequestMessage[];
  add_special_tokens?: boolean | null;
  return_token_strs?: boolean | null;
  add_generation_prompt?: boolean | null;
  continue_final_message?: boolean | null;
  tools?: Record<string, unknown>[] | null;
  enable_thinking?: boolean | null;
  chat_template?: string | null;
  chat_template_kwargs?: Record<string, unknown> | null;
}

/** Answer of `POST /token`: an access token for requests, and a refresh token that obtains the next one. */
export interface Tokens {
  access_token: string;
  refresh_token: string;
  token_type: string;
  /** Seconds for which the access token is valid. */ expires_in: number;
}

/** A tool that a model can call. */
export interface ToolInfo {
  /** Name of the tool, by which models call it. */ name: string;
  description: string;
  /** JSON Schema of the arguments. */ parameters: Record<string, unknown>;
}

/** Answer of `GET /v1/server/tools`. */
export interface ToolList {
  object: "list";
  data: ToolInfo[];
  /** Names of the web search engines that are configured and that the key may use. */ search_engines: string[];
}

/** Answer of `POST /v1/audio/transcriptions` and `/v1/audio/translations` as JSON. */
export interface Transcription {
  text: string;
  task?: string | null;
  language?: string | null;
  duration?: number | null;
  segments?: Record<string, unknown>[] | null;
  words?: Record<string, unknown>[] | null;
}

/** Answer of `GET /v1/cluster/ui_config`: which of Xinference's optional components exist. */
export interface UiConfig {
  cluster_name: string;
  grafana_url: string;
  grafana_dashboards: Record<string, unknown>[];
  es_enabled: boolean;
  auth_advanced: boolean;
  oidc_enabled: boolean;
  token_router_enabled: boolean;
}

/** Answer of `POST …/documents/unindex`. */
export interface Unindexed {
  unindexed: string[];
  /** Names that no document of the base has. */ missing: string[];
}

/** Body of `POST /v1/unload_lora_adapter`. */
export interface UnloadAdapterRequest {
  /** Name of the adapter to unload. */ lora_name: string;
}

/** A file that is uploaded in parts. */
export interface UploadInfo {
  id: string;
  object: "upload";
  /** Size in bytes that the complete file will have. */ bytes: number;
  /** Unix time in seconds. */ created_at: number;
  /** Unix time in seconds until which parts are accepted. */ expires_at: number;
  filename: string;
  purpose: string;
  status: "pending" | "completed" | "cancelled" | "expired";
  /** The complete file; null until the upload is completed. */ file: FileInfo | null;
}

/** A part of an upload. */
export interface UploadPartInfo {
  id: string;
  object: "upload.part";
  created_at: number;
  upload_id: string;
}

/** Answer of `POST /v1/knowledge_bases/{base}/documents`. */
export interface Uploaded {
  object: string;
  data: DocumentInfo[];
  /** Id of the job that indexes the documents; null if there is nothing to index. */ job: string | null;
  /** Name of each refused file → why it was refused. */ failed: Record<string, string>;
}

/** A document to fetch from a URL. */
export interface UrlDocument {
  url: string;
  /** Name of the document; if left out, it is made from the URL, such as `example.com/docs/guide.html`. */ name?: string | null;
  metadata?: Record<string, unknown>;
}

/** Requests and tokens of one day, one key or user, and one model; dimensions that `by` does not name are summed. */
export interface UsageEntry {
  /** Day in UTC, such as `2026-11-29`; null unless `by` names `day`. */ day: string | null;
  /** Id of the API key; null for users, where no key is required, and unless `by` names `key`. */ key: string | null;
  key_name: string | null;
  /** Name of the user; null for API keys, where no key is required, and unless `by` names `user`. */ user: string | null;
  /** Name of the model; empty for requests that were refused before their model was known, and unless `by` names `model`. */ model: string;
  /** Number of requests. */ requests: number;
  /** Number of requests that ended with an error; a client that disconnects does not count as one. */ errors: number;
  /** Tokens of prompts. */ tokens_in: number;
  /** Tokens of answers. */ tokens_out: number;
  /** Tokens of prompts that an engine had computed before; they are included in `tokens_in`. */ tokens_cached: number;
}

/** Answer of `GET /v1/usage`, newest day first. */
export interface UsageList {
  object: "list";
  data: UsageEntry[];
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. */ next: string | null;
}

/** A user, who logs in with a name and a password. */
export interface UserInfo {
  id: number;
  username: string;
  /** Owner id of private data that the user creates. */ owner: string;
  scopes: string[];
  /** Unix time in seconds. */ created_at: number;
}

/** Answer of `GET /v1/admin/users`, oldest first. */
export interface UserList {
  object: "list";
  /** Whether there is a further page. */ has_more: boolean;
  /** Value of `after` for the next page; null on the last page. It stays valid if rows are deleted. */ next: string | null;
  data: UserInfo[];
}

/** Body of `PATCH /v1/admin/users/{name}`. */
export interface UserPatch {
  /** New scopes of the user, which hold from the next request on, also for sessions that exist. */ scopes: string[];
}

/** Body of `POST /v1/admin/users`. */
export interface UserRequest {
  username: string;
  password: string;
  /** Scopes of the user; if left out, `admin` for the first user and `models:list` and `models:read` for others. */ scopes?: string[] | null;
}

/** Answer of `DELETE /v1/vector_stores/{vector_store_id}`. */
export interface VectorStoreDeleted {
  id: string;
  object: "vector_store.deleted";
  deleted: true;
}

/** A knowledge base, described as a vector store. */
export interface VectorStoreInfo {
  /** Id of the store, which does not change when its base is renamed. */ id: string;
  object: "vector_store";
  /** Unix time in seconds. */ created_at: number;
  /** Name of the knowledge base. */ name: string;
  description: string;
  /** Size of its files in bytes. */ usage_bytes: number;
  file_counts: FileCounts;
  status: "expired" | "in_progress" | "completed";
  expires_after: Required<StoreExpiry> | null;
  /** Unix time in seconds; null if the store does not expire. */ expires_at: number | null;
  /** Unix time in seconds at which the store was last used. */ last_active_at: number;
  metadata: Record<string, string>;
}

/** Answer of `GET /v1/vector_stores`. */
export interface VectorStorePage {
  object: "list";
  data: VectorStoreInfo[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/** Body of `POST /v1/models/instance`. Further keys are those of `POST /v1/models`. */
export interface VersionLaunchRequest {
  /** `<name>--<size>B--<format>--<quantization>`, as `GET /v1/models/{type}/{name}/versions` lists it. */ model_version: string;
  /** Name under which the model will answer; the model's name if left out. */ model_uid?: string | null;
  /** `LLM`, `embedding`, `rerank`, `image`, `audio` or `video`. */ model_type?: string | null;
  /** Name of the engine; if left out, the best one that can run the model. */ model_engine?: string | null;
  /** Number of replicas. */ replica?: number;
  /** GPUs per replica: a number, `auto`, or null for none. */ n_gpu?: number | string | null;
  /** Settings per replica. */ replica_config?: Record<string, unknown>[] | null;
}

/** Body of `POST /v1/video/generations`. */
export interface VideoRequest {
  model: string;
  prompt: string;
  n?: number | null;
}

/** An engine's virtual environment in `GET /v1/virtualenvs`. */
export interface VirtualEnvironment {
  /** The `model_name` of the request, if it has one; an environment serves every model of its engine. */ model_name: string | null;
  model_engine: string;
  python_version: string;
  path: string;
  real_path: string;
  actor_ip_address: string;
  /** Package → version, for the most important packages. */ versions: Record<string, string>;
  /** Unix time in seconds. */ installed_at: number;
}

/** Answer of `GET /v1/virtualenvs`. */
export interface VirtualEnvironmentList {
  list: VirtualEnvironment[];
}

/** Answer of `POST /v1/audio/embeddings`, Xinference's route: the vector of a voice. */
export interface VoiceEmbedding {
  embedding: number[];
  object?: string | null;
  model?: string | null;
  dimensions?: number | null;
}

/** A machine and its models in `GET /v1/workers`. */
export interface WorkerModels {
  /** Address of the machine, in Xinference's spelling of the field. */ "work-ip": string;
  /** Name of each replica → its model. */ models: Record<string, ModelInfo>;
}

/** A machine in `GET /status`. */
export interface WorkerStatus {
  /** Unix time in seconds. */ update_time: number;
  /** A constant, because there are no other machines that could fail. */ failure_remaining_count: number;
  /** `cpu`, and `gpu-<n>` for each GPU. */ status: Record<string, Record<string, unknown>>;
}
