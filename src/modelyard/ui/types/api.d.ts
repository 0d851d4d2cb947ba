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
  block_duration?: number;
}

/** Answer of an abort: `DONE`, or `NOT_FOUND` when no such request is being answered. */
export interface Aborted {
  msg: string;
}

/** One adapter, as `GET /v1/adapters` lists it. */
export interface AdapterInfo {
  id: string;
  object: string;
  parent: string;
  root: string;
  status: string;
  error: string | null;
  rank: number;
  target_modules: string[];
  scale: number;
  size_bytes: number;
  replica_ready: number;
}

/** Answer of `GET /v1/adapters`. */
export interface AdapterList {
  object: string;
  data: AdapterInfo[];
}

/** A piece of text. */
export interface AnswerDelta {
  text: string;
}

/** How an answer ended. */
export interface AnswerEnd {
  state: "completed" | "failed" | "stopped" | "interrupted";
  error: Record<string, string> | null;
}

/** The last event. */
export interface AnswerEnded {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time. */ at: number;
  type: "end";
  data: AnswerEnd;
}

/** Last event of a streamed answer: the answer as a whole. */
export interface AnswerEvent {
  answer: string;
  citations: Citation[];
  sources: Citation[];
  evidence: boolean;
  model: string | null;
  rerank_model: string | null;
  usage: Record<string, unknown>;
  notes: string[];
  conversation: string | null;
  message: string | null;
  type: "answer";
}

/** An answer from documents. */
export interface AnswerInfo {
  answer: string;
  citations: Citation[];
  sources: Citation[];
  evidence: boolean;
  model: string | null;
  rerank_model: string | null;
  usage: Record<string, unknown>;
  notes: string[];
  conversation: string | null;
  message: string | null;
}

/** A message for people. */
export interface AnswerNote {
  code: string;
  text: string;
}

/** A message for people, such as that the model cannot call tools. */
export interface AnswerNotice {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time. */ at: number;
  type: "notice";
  data: AnswerNote;
}

/** A piece of the model's thinking. */
export interface AnswerReasoning {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time. */ at: number;
  type: "reasoning";
  data: AnswerDelta;
}

/** Body of `POST …/answer`. */
export interface AnswerRequest {
  top_k?: number;
  mode?: "hybrid" | "lexical" | "vector";
  /** Conditions on documents: `{"year": {"gte": 2024}, "document": {"prefix": "hr/"}}`. */ filter?: Record<string, unknown>;
  /** Null to use the ranking model of the base if it answers. */ rerank?: boolean | null;
  min_score?: number;
  question: string;
  model?: string | null;
  /** Id of the conversation to continue; `new` begins one. */ conversation?: string | null;
  stream?: boolean;
  temperature?: number | null;
  max_tokens?: number | null;
}

/** The event before the last one of an answer that is whole. */
export interface AnswerResult {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time. */ at: number;
  type: "result";
  data: AnswerSummary;
}

/** Body of `POST /v1/knowledge_bases/answer`. */
export interface AnswerSeveralRequest {
  top_k?: number;
  mode?: "hybrid" | "lexical" | "vector";
  /** Conditions on documents: `{"year": {"gte": 2024}, "document": {"prefix": "hr/"}}`. */ filter?: Record<string, unknown>;
  /** Null to use the ranking model of the base if it answers. */ rerank?: boolean | null;
  min_score?: number;
  question: string;
  model?: string | null;
  /** Id of the conversation to continue; `new` begins one. */ conversation?: string | null;
  stream?: boolean;
  temperature?: number | null;
  max_tokens?: number | null;
  knowledge_bases: string[];
}

/** A source. Those of the web have `url`, others the fields of a citation. */
export interface AnswerSource {
  /** What stands in brackets in the answer. */ number: number;
  title: string;
  /** Address of the page; of a document, the path of its content on this server. */ url: string | null;
  text: string;
  document: string | null;
  document_id: number | null;
  knowledge_base: string | null;
  chunk_id: number | null;
  page: number | null;
}

/** The sources from which is answered. */
export interface AnswerSourceList {
  sources: AnswerSource[];
  /** Sentences for people, such as that a base is searched by words alone. */ notes: string[];
}

/** The sources, before the first text. */
export interface AnswerSourcesFound {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time. */ at: number;
  type: "sources";
  data: AnswerSourceList;
}

/** What is known before the answer. */
export interface AnswerStart {
  chat: string;
  /** Id of the message that the answer becomes. */ message: string;
  mode: "chat" | "knowledge" | "files" | "web" | "agent";
  /** null for an answer that is put together from sources without a model. */ model: string | null;
}

/** The first event. */
export interface AnswerStarted {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time. */ at: number;
  type: "start";
  data: AnswerStart;
}

/** What is known of a whole answer. */
export interface AnswerSummary {
  model: string | null;
  finish_reason: string;
  usage: Record<string, unknown>;
  /** Milliseconds until the `sources`, the `first_token`, the `first_text` after the model's thinking, and in `total`. */ timings: Record<string, number>;
  /** The sources that the answer cites. */ citations: AnswerSource[];
  /** Whether the sources have the answer; null without sources. */ evidence: boolean | null;
  notes: string[];
}

/** A piece of the answer. */
export interface AnswerText {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time. */ at: number;
  type: "text";
  data: AnswerDelta;
}

/** A call of a tool. */
export interface AnswerToolCall {
  id: string;
  name: string;
  arguments: Record<string, unknown> | string;
}

/** A call of a tool has ended. Calls may end in any order. */
export interface AnswerToolEnded {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time. */ at: number;
  type: "tool_ended";
  data: AnswerToolResult;
}

/** A call of a tool that has ended. */
export interface AnswerToolResult {
  id: string;
  name: string;
  arguments: Record<string, unknown> | string;
  output: string;
  ok: boolean;
  /** Milliseconds. */ ms: number;
  error: string | null;
}

/** A call of a tool begins. */
export interface AnswerToolStarted {
  /** From 1, without gaps; also the `id` of the server-sent event. */ number: number;
  /** Unix time. */ at: number;
  type: "tool_started";
  data: AnswerToolCall;
}

/** A recording. */
export interface AudioContent {
  type: "input_audio";
  input_audio: InputAudio;
}

/** A change that a caller made, or tried to make and was refused. */
export interface AuditEntry {
  /** Later changes have greater ids; `before` takes it. */ id: number;
  /** Unix time of the request's arrival. */ at: number;
  /** What was done, such as `models.launch`, `models.terminate` or `keys.create_key`. */ action: string;
  /** What it was done to, such as the uid of a model or the name of a key; null if the request named nothing, or was refused unread. */ target: string | null;
  /** Owner id of the caller. */ owner: string;
  /** Id of the API key; null without keys and for users who logged in. */ key: string | null;
  /** Name of the key or of the user; null without keys. */ name: string | null;
  /** IP address of the client. */ address: string;
  /** Status of the answer: less than 400 if it was done. */ status: number;
  request_id: string;
}

/** Answer of `GET /v1/audit`, newest first. */
export interface AuditList {
  object: "list";
  data: AuditEntry[];
  /** Whether there are older ones: ask again with `before` set to the last `id`. */ has_more: boolean;
}

/** Answer of `GET /v1/cluster/auth`: whether requests need a key. */
export interface Auth {
  auth: boolean;
}

/** Split a file as its knowledge base splits documents. */
export interface AutoChunking {
  type: "auto";
}

/** One model that the server launches when it starts. */
export interface AutostartEntry {
  /** False keeps the model from being restored when the server starts. */ enabled?: boolean;
  /** Lower numbers start first; the next number begins when these are ready or have failed. */ priority?: number;
  /** Further launches after one that failed. */ max_retries?: number;
  /** Seconds between two of them. */ retry_interval_seconds?: number;
  /** The body of `POST /v1/models`. */ launch: Record<string, unknown>;
  /** Set by the server; what is sent here is ignored. */ state?: AutostartState;
  /** Set by the server: `model_uid` of the launch, else its `model_name`. */ model_uid?: string;
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

/** The state of an autostart entry since the server started. */
export interface AutostartState {
  status?: string;
  attempts?: number;
  error?: string | null;
  updated_at?: number;
}

/** Answer of `GET /v1/autostart/models/summary`. */
export interface AutostartSummary {
  total: number;
  enabled: number;
  models: AutostartSummaryItem[];
}

/** An entry without its launch. */
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
  mode: "hybrid" | "lexical" | "vector";
  dimension: number | null;
  chunking: Required<ChunkingBody>;
  prompts: Record<string, string>;
  generation: number;
  documents: number;
  chunks: number;
  bytes: number;
  states: Record<string, number>;
  jobs: string[];
  probe: ProbeInfo | null;
  warnings: string[];
  created_at: number;
}

/** Answer of `GET /v1/knowledge_bases`. */
export interface BaseList {
  object: "list";
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: BaseInfo[];
}

/** How many requests of a batch are answered. */
export interface BatchCounts {
  /** 0 until the input is checked. */ total: number;
  completed: number;
  /** Requests that were answered with an error. */ failed: number;
}

/** A batch. */
export interface BatchInfo {
  id: string;
  object: "batch";
  endpoint: string;
  /** The model of its requests; null if they name several, and until the input is checked. */ model: string | null;
  input_file_id: string;
  completion_window: string;
  status: "validating" | "failed" | "in_progress" | "finalizing" | "completed" | "expired" | "cancelling" | "cancelled";
  errors: BatchProblems | null;
  /** The answers, in the order of the input; null until the batch has ended, and if there are none. */ output_file_id: string | null;
  /** The requests that were answered with an error or not answered; null until it has ended, and if there are none. */ error_file_id: string | null;
  request_counts: BatchCounts;
  /** null until the batch has ended. */ usage: BatchUsage | null;
  metadata: Record<string, string> | null;
  /** Unix time, like all that follow. */ created_at: number;
  in_progress_at: number | null;
  expires_at: number;
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
  code: string;
  /** Number of the wrong line, from 1; null for a problem of the whole batch. */ line: number | null;
  message: string;
  /** The field that is wrong. */ param: string | null;
}

/** Everything that is wrong with a batch. */
export interface BatchProblems {
  object: "list";
  /** The first 1,000; if there are more, the last entry says so, and all are in the batch's `error_file_id`. */ data: BatchProblem[];
}

/** The tokens of a batch, as its models counted them. */
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

/** Body of `POST /v1/cache/models`: the keys of a launch that say which weights; others are ignored. */
export interface CacheRequest {
  /** A family of the catalog, or the id of a repository on a hub. */ model_name: string;
  model_type?: string | null;
  model_format?: string | null;
  model_size_in_billions?: number | string | null;
  quantization?: string | null;
  /** `huggingface`, `modelscope` or `auto`. */ download_hub?: string | null;
  /** Name of the download; generated if left out. */ cache_uid?: string | null;
}

/** Answer of `POST /v1/cache/models`: the download runs, or the files are complete already. */
export interface CacheResponse {
  cache_uid: string;
}

/** Answer of `GET /v1/cache/models/files`. */
export interface CachedFiles {
  model_version: string;
  worker_ip: string;
  paths: string[];
}

/** One model whose files are complete on this machine. */
export interface CachedModel {
  /** Its family in the catalog, or its id on the hub. */ model_name: string;
  /** None if the files cannot be read as a model. */ model_type: string | null;
  model_engine: string[] | null;
  model_size_in_billions: number | null;
  model_format: string;
  quantization: string;
  /** `<name>--<size>B--<format>--<quantization>`, by which it is removed. */ model_version: string;
  model_hub: string;
  model_id: string;
  revision: string;
  path: string;
  /** `path` with links followed. */ real_path: string;
  actor_ip_address: string;
  size_bytes: number;
}

/** Answer of `GET /v1/cache/models`. */
export interface CachedModels {
  list: CachedModel[];
  /** Bytes of the disk that has the cache folder. */ disk_total: number;
  /** Bytes of it that are free. */ disk_free: number;
}

/** Details of the tokens of prompts. */
export interface CachedTokens {
  cached_tokens: number;
}

/** The function of a tool call; a chunk of a stream holds a part of its arguments. */
export interface CalledFunction {
  name?: string | null;
  arguments?: string | null;
}

/** A family, as `GET /v1/catalog` lists it. */
export interface CatalogEntry {
  model_name: string;
  model_type: string;
  model_description: string;
  /** The same in Chinese; null if there is none. */ model_description_zh: string | null;
  model_ability: string[];
  model_lang: string[];
  context_length: number | null;
  /** Width of its vectors; of embedding models only. */ dimensions: number | null;
  /** In billions of parameters, as its versions spell them. */ sizes: (number | string)[];
  formats: string[];
  /** Whether it comes with Modelyard; other families were registered. */ is_builtin: boolean;
  /** Whether files of any version are on this machine. */ cached: boolean;
  /** Whether a launch by its name would find an engine and memory now. */ fits: boolean;
  /** What that launch would choose; if none fits, the smallest version; null if no engine here can run it. */ best: FittingVersion | null;
  /** Why it would be refused. */ reason: string | null;
}

/** Answer of `GET /v1/catalog`, in the order of types and names. */
export interface CatalogPage {
  object: "list";
  data: CatalogEntry[];
  /** Number of families on all pages; null where `cached` or `fits` filters, because then not all are looked at. */ total: number | null;
  has_more: boolean;
  /** `cursor` of the next page; null on the last one. */ next_cursor: string | null;
}

/** Body of `PATCH /v1/knowledge_bases/{base}`. Embedding model and chunking change by indexing anew. */
export interface ChangeBaseRequest {
  description?: string | null;
  /** Language of its documents, such as `zh` or `en`. */ language?: string | null;
  /** Ranks the hits; empty for none. */ rerank_model?: string | null;
  /** Answers where a question names no model; empty for any that runs. */ chat_model?: string | null;
  /** Jinja templates in place of the usual ones: `answer` gets `question`, `sources` and `context`; `empty` gets `question`. */
  prompts?: Record<string, string> | null;
  name?: string | null;
}

/** Body of `PATCH /v1/chats/{chat}`. What is left out stays as it is. */
export interface ChangeChat {
  title?: string | null;
  pinned?: boolean | null;
  /** Id of a folder; null for none. */ folder?: string | null;
  /** Those of its fields that are given change. */ settings?: ChatSettingsBody | null;
  /** Id of a message whose branch is shown from now on, up to the newest message below it. */ active_leaf?: string | null;
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
  /** Whether searches see it. */ enabled?: boolean | null;
  metadata?: Record<string, unknown> | null;
}

/** Body of `PATCH …/documents`. */
export interface ChangeDocuments {
  names: string[];
  /** Whether searches see them. */ enabled?: boolean | null;
  /** Added to the metadata of each; a null removes a field. Other fields stay. */ metadata?: Record<string, unknown> | null;
  /** How they are split when they are indexed next, in place of the base's chunking. */ chunking?: ChunkingBody | null;
}

/** Body of `POST /v1/vector_stores/{vector_store_id}/files/{file_id}`. */
export interface ChangeStoreFile {
  /** In place of those before. */ attributes: Record<string, string | boolean | number> | null;
}

/** Body of `POST /v1/vector_stores/{vector_store_id}`. What is left out stays; null empties. */
export interface ChangeVectorStore {
  name?: string | null;
  expires_after?: StoreExpiry | null;
  metadata?: Record<string, string> | null;
}

/** Answer of `POST /v1/chats/{chat}/answers`, while the answer is made. */
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

/** A part of one of the answers to a conversation. */
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
  /** Owner id of the user or key that began it; an administrator sees all chats. */ owner: string;
  title: string;
  /** `chat`, `knowledge`, or the type that a client of another system gives it. */ kind: string;
  pinned: boolean;
  folder: string | null;
  settings: Required<ChatSettingsBody>;
  /** Id of the last message of the branch that is shown; null without messages. */ active_leaf: string | null;
  message_count: number;
  /** Unix time. */ created_at: number;
  /** Unix time of its newest message. */ updated_at: number;
  /** In a list with `q`: a message with the first word, if one has it. */ match: ChatMatch | null;
  messages: MessageInfo[];
}

/** An export in JSON, with all branches of each chat; `POST /v1/chats/import` reads `chats` and `folders`. */
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
  owner: string;
  name: string;
  /** Number of chats in it. */ chats: number;
  /** Unix time. */ created_at: number;
}

/** Answer of `GET /v1/chat_folders`. */
export interface ChatFolderList {
  object: "list";
  data: ChatFolderInfo[];
}

/** A chat without its messages. */
export interface ChatInfo {
  id: string;
  object: "chat";
  /** Owner id of the user or key that began it; an administrator sees all chats. */ owner: string;
  title: string;
  /** `chat`, `knowledge`, or the type that a client of another system gives it. */ kind: string;
  pinned: boolean;
  folder: string | null;
  settings: Required<ChatSettingsBody>;
  /** Id of the last message of the branch that is shown; null without messages. */ active_leaf: string | null;
  message_count: number;
  /** Unix time. */ created_at: number;
  /** Unix time of its newest message. */ updated_at: number;
  /** In a list with `q`: a message with the first word, if one has it. */ match: ChatMatch | null;
}

/** Where a search found its first word. */
export interface ChatMatch {
  /** Id of a message. */ message: string;
  /** The text around the word. */ text: string;
}

/** Answer of `GET /v1/chats`. */
export interface ChatPage {
  object: "list";
  data: ChatInfo[];
  /** `cursor` of the next page; null on the last one. */ next_cursor: string | null;
}

/** One of the answers to a conversation. */
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
  /** Uid of the model that answers; null for any. */ model?: string | null;
  /** Names of the knowledge bases that answers are from. */ bases?: string[];
  /** Names of the server's tools that the model may call. */ tools?: string[];
  /** The text that begins each request to the model. */ system?: string;
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

/** A chunk. */
export interface ChunkInfo {
  id: number;
  object: string;
  document_id: number;
  position: number;
  text: string;
  start: number | null;
  end: number | null;
  page: number | null;
  heading: string;
  enabled: boolean;
  edited: boolean;
}

/** Answer of `GET …/documents/{document}/chunks`. */
export interface ChunkList {
  object: "list";
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: ChunkInfo[];
  total: number;
}

/** How documents are split into chunks. */
export interface ChunkingBody {
  /** Characters that a chunk has at most. */ size?: number;
  /** Characters of whole sentences that a chunk repeats of the one before it. */ overlap?: number;
  /** Begin chunks below a Chinese title with it, as Langchain-Chatchat's `zh_title_enhance` does. */ title_enhance?: boolean;
}

/** How a file is split. */
export interface ChunkingInfo {
  type: "static";
  static: StaticSizesInfo;
}

/** A source of an answer. */
export interface Citation {
  /** What stands in brackets in the answer. */ number: number;
  chunk_id: number;
  knowledge_base: string;
  document_id: number;
  /** Its name. */ document: string;
  /** The page, slide or sheet of what it shares with the query, from 1; null where the format has none. */ page: number | null;
  /** Where other pages begin in `text`: the offset, and the page. */ page_breaks: [number, number][];
  /** First character in the document's text. */ start: number | null;
  end: number | null;
  heading: string;
  text: string;
  /** 0 to 1, higher is better: the ranking model's where there is one, else the fused one, of which 0.5 is the middle. */ score: number;
  scores: Scores;
  /** Spans in `text` of what it shares with the query. */ highlights: [number, number][];
  /** What the model read of the document directly before `text`. */ before: string;
  /** What it read directly behind `text`. */ after: string;
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

/** Body of `POST /classify`: texts for a classifier. */
export interface ClassifyRequest {
  model: string;
  input: string | string[];
  truncate_prompt_tokens?: number | null;
}

/** Answer of `GET /v1/models?client_version=...`, which Codex sends and which it cannot read without `models`. */
export interface CodexModelList {
  object: string;
  data: (ModelInfo | KnowledgeModel)[];
  /** Always empty: an entry would have to replace Codex's own instructions, which it uses for models that are not listed. */ models: Record<string, unknown>[];
}

/** A document's place in the request, and its score. */
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

/** Body of `POST /v2/rerank`, Cohere's: documents are texts, or objects of which `text` or the `rank_fields` are read. */
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
  /** The body of `POST /v1/models` that starts the same model; options of the engine may be texts. */ launch: Record<string, unknown>;
  /** Options of the command that say nothing about the model, such as `--port`. */ without_effect: string[];
}

/** Body of `POST /v1/launch_commands`. */
export interface CommandLine {
  /** `modelyard launch …`, `xinference launch …`, `vllm serve …` or `swift deploy …`, as in a shell. */ command: string;
}

/** A condition on an attribute. */
export interface ComparisonFilter {
  type: "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "in" | "nin";
  key: string;
  /** A text, a number or a boolean; for `in` and `nin` a list of them. */ value: unknown;
}

/** Body of `POST /v1/uploads/{upload_id}/complete`. */
export interface CompleteUpload {
  /** Ids of the parts in the order of the file. */ part_ids: string[];
  /** MD5 of the whole content in hexadecimal; a file with another one is refused. */ md5?: string | null;
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

/** Conditions of which all hold, or one. */
export interface CompoundFilter {
  type: "and" | "or";
  /** Each a condition, or a group of them. */ filters: Record<string, unknown>[];
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
  /** Language of its documents, such as `zh` or `en`. */ language?: string | null;
  /** Ranks the hits; empty for none. */ rerank_model?: string | null;
  /** Answers where a question names no model; empty for any that runs. */ chat_model?: string | null;
  /** Jinja templates in place of the usual ones: `answer` gets `question`, `sources` and `context`; `empty` gets `question`. */
  prompts?: Record<string, string> | null;
  /** Any text of one line, without `/`. */ name: string;
  /** Uid of a running embedding model; without one the base is searched by words alone. */ embedding_model?: string | null;
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
  /** What to do; each kind has its own. Those of `download` are the body of `POST /v1/cache/models`. */ parameters?: Record<string, unknown>;
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
  /** Ids of the message and of all below it. */ deleted: string[];
  /** The chat's present one. */ active_leaf: string | null;
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

/** A device with memory: `cpu`, or a GPU. */
export interface DeviceGauge {
  name: string;
  title: string;
  memory_total: number;
  memory_free: number;
}

/** A document of a base. */
export interface DocumentInfo {
  id: number;
  object: string;
  name: string;
  size: number;
  hash: string;
  state: string;
  error: string;
  notes: string[];
  enabled: boolean;
  edited: boolean;
  chunks: number;
  characters: number;
  version: number;
  metadata: Record<string, unknown>;
  chunking: Required<ChunkingBody> | null;
  modified_at: number | null;
  created_at: number;
  updated_at: number;
}

/** Answer of `GET /v1/knowledge_bases/{base}/documents`. */
export interface DocumentList {
  object: "list";
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: DocumentInfo[];
  /** How many there are, beyond this page too. */ total: number;
}

/** Body of `POST …/documents/delete` and `…/documents/index`. */
export interface DocumentNames {
  names: string[];
  /** Index them even where nothing has changed, over what was edited by hand. */ force?: boolean;
}

/** A document that a job could not index. */
export interface DocumentProblem {
  document: string;
  error: string;
}

/** What a job left out of a document that it indexed. */
export interface DocumentRemark {
  document: string;
  notes: string[];
}

/** Answer of `PATCH …/documents`. */
export interface DocumentsChanged {
  changed: number;
  missing: string[];
}

/** A download is new or at another point. */
export interface DownloadChanged {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
  topic: "downloads";
  type: "download";
  data: DownloadInfo;
}

/** One download. */
export interface DownloadInfo {
  uid: string;
  /** The names under which it was requested. */ names: string[];
  model_id: string;
  model_hub: string;
  revision: string;
  /** `waiting`, `running`, `paused`, `done` or `failed`. */ status: string;
  /** 0 to 1. */ progress: number;
  /** Bytes. */ downloaded: number;
  /** Bytes. */ total: number;
  /** For people: the progress, or why it failed. */ info: string;
  files: Record<string, unknown>[];
}

/** Answer of `GET /v1/downloads`. */
export interface DownloadList {
  list: DownloadInfo[];
}

/** A download is in the list no more. */
export interface DownloadRemoved {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
  topic: "downloads";
  type: "download_removed";
  data: RemovedName;
}

/** Body of `POST /v1/model_registrations/drafts`. */
export interface DraftRequest {
  /** The id of a repository on a hub, or a path of the server's machine: a `.gguf` file or a Hugging Face folder. */ source: string;
  /** Name of the family; that of the repository or the file if left out. */ model_name?: string | null;
  /** `LLM`, `embedding`, …; read from the files if left out. */ model_type?: string | null;
  /** Which file of a GGUF repository; the best if left out. */ quantization?: string | null;
  /** Hub to ask. */ download_hub?: string | null;
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

/** The vector of one text: numbers, or their bytes in base64. */
export interface EmbeddingRow {
  index: number;
  object: "embedding";
  embedding: number[] | string;
}

/** Answer of a request that ends logins. */
export interface EndedLogins {
  /** How many sessions and other logins have ended. */ ended: number;
}

/** A format of a model that an engine runs. Language models have sizes and quantisations, encoders one of these. */
export interface EngineEntry {
  model_name: string;
  model_format: string;
  model_size_in_billions?: number | string | null;
  quantizations?: string[] | null;
  quantization?: string | null;
  support_draft_model?: boolean | null;
}

/** Bytes of one replica on one engine. */
export interface EngineEstimate {
  n_parallel: number;
  weights: number;
  kv_cache: number;
  activations: number;
  overhead: number;
  total: number;
  fits: Record<string, boolean>;
}

/** One engine, as `GET /v1/engines` lists it. */
export interface EngineInfo {
  /** The name that a launch gives as `model_engine`. */ id: string;
  object: "engine";
  /** Its name for people. */ title: string;
  /** Whether it can run here. */ installed: boolean;
  /** Why it cannot, as sentences with the way out. */ missing: string[];
  /** Whether it has an environment of its own, which a job of the kind `engine_install` makes. */ installable: boolean;
  /** That environment, if it is there; without it the engine runs with the server's own libraries. */ environment: OwnEnvironment | null;
  /** Id of the job that installs it now; jobs are read with the scope of their kind. */ install_job: string | null;
  /** `cpu`, `gpu`: where it can compute. */ devices: string[];
  /** Whether it computes on the GPUs of this machine, as it is installed. */ uses_gpus: boolean;
  /** Formats of weights that it runs; `remote` and the like for models without files. */ formats: string[];
  /** Types of models that it runs: `LLM`, `embedding`, … */ model_types: string[];
  /** Other names for it. */ aliases: string[];
  /** Whether it is used only by launches that name it. */ only_by_name: boolean;
  /** JSON Schema of its launch options. Each has `default`, `description`, and two keywords of ours: `group`, and `advanced`. */ options: Record<string, unknown>;
}

/** Answer of `GET /v1/engines`. */
export interface EngineList {
  object: "list";
  data: EngineInfo[];
  /** JSON Schema of the body of a launch without the engine's options, with `group` and `advanced` as there. */ launch: Record<string, unknown>;
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
  /** Size to pick when a family has several. */ model_size_in_billions?: number | string | null;
  /** Format to pick. */ model_format?: string | null;
  /** Quantisation to pick. */ quantization?: string | null;
  /** Describe these files instead of the family's. */ model_path?: string | null;
  /** Tokens of one request; the model's own up to 8192 if left out, as in a launch. */ context_length?: number | null;
  /** Requests computed at once; the engine's own default if left out. */ n_parallel?: number | null;
  /** `8`, `16` or `32` bits, or a type such as `f16`, `q8_0`, `fp8`. */ kv_cache_dtype?: string | number | null;
  /** Estimate for this engine only. */ model_engine?: string | null;
  /** Hub to ask about files that are not here. */ download_hub?: string | null;
}

/** Answer of `POST /v1/models/estimate`: the figures of the first engine, and those of each. */
export interface EstimateResponse {
  n_parallel: number;
  weights: number;
  kv_cache: number;
  activations: number;
  overhead: number;
  total: number;
  fits: Record<string, boolean>;
  model_name: string;
  model_type: string;
  model_format: string;
  quantization: string | null;
  model_size_in_billions: number | null;
  context_length: number;
  kv_cache_dtype: string;
  /** The engine of these figures. */ model_engine: string;
  /** Xinference's name of each engine that runs such models, here or elsewhere. */ engines: Record<string, EngineEstimate>;
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
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: EvaluationSetInfo[];
}

/** When a file is deleted. */
export interface ExpiresAfter {
  anchor: "created_at";
  /** Seconds after it was created: an hour to 30 days. */ seconds: number;
}

/** How one base was searched. */
export interface ExplainedBase {
  knowledge_base: string;
  /** The weight of words; 0 leaves them out. */ words: number;
  /** The weight of vectors, as the base's probe says for the script of the query; 0 leaves them out. */ vectors: number;
  /** Chunks that words or vectors found. */ candidates: number;
  /** Documents that searches do not see, because somebody excluded them. */ disabled_documents: number;
  /** Such chunks of other documents. */ disabled_chunks: number;
}

/** A chunk that words or vectors found, and what became of it. Ranks are from 1; null where it is in no such list. */
export interface ExplainedCandidate {
  hit: Hit;
  /** Among the hits; null if it was dropped. */ rank: number | null;
  /** By BM25, among the candidates. */ lexical_rank: number | null;
  /** By the cosine, among the candidates. */ vector_rank: number | null;
  /** By the fused score; null for one that the filter excludes. */ fused_rank: number | null;
  rerank_rank: number | null;
  /** The terms of the query that it has. */ terms: string[];
  /** Why it is no hit: `filter` (its document does not pass it), `phrase` (it lacks a phrase, or has an excluded word), `min_score` or `top_k`. */
  dropped: string | null;
}

/** How the hits of a search came about. */
export interface Explanation {
  /** What was searched for: the query without its syntax. */ text: string;
  /** Its terms as the index has them, without function words. */ terms: string[];
  phrases: string[];
  excluded: string[];
  bases: ExplainedBase[];
  /** In the order of the fused scores; behind them those that the filter excludes. */ candidates: ExplainedCandidate[];
  /** Stage → its time: `embed` and `match` (of the slowest base), `read`, `filter`, `rerank`, `total`. */ milliseconds: Record<string, number>;
}

/** Body of `POST /v1/chats/export`. */
export interface ExportChats {
  /** If left out, all chats of the caller. */ ids?: string[] | null;
  format?: "json" | "markdown";
}

/** The full record of a family. Which further fields it has depends on its type; a registered one has what was sent. */
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
  score: number;
  reason?: string;
}

/** One figure of one model, replica or device over time. */
export interface FigureSeries {
  /** What it shows. Counts: `requests`, `errors`, `tokens_in`, `tokens_out`, `tokens_cached` (tokens of prompts that an engine had computed before). Times: `ttft` (to the first token of a stream), `inter_token` (between two events of a stream), `duration` (of whole requests). Means: `in_flight`, `cpu`, `memory`, `gpu`, `gpu_memory`. As far as engines tell: `queued` (requests that wait in a replica), `kv_cache` (how full it is), `prefix_queries` and `prefix_hits` (tokens of prompts that were looked up in the prefix cache, and those that were found). */
  name: "requests" | "errors" | "tokens_in" | "tokens_out" | "tokens_cached" | "ttft" | "inter_token" | "duration" | "in_flight" | "cpu" | "memory" | "gpu" | "gpu_memory" | "queued" | "kv_cache" | "prefix_queries" | "prefix_hits";
  /** The name that requests have as `model`; empty for requests refused before, null for all models and for devices. */ model: string | null;
  /** The replica, such as `qwen-rep0`, where `by` is `replica`. */ replica: string | null;
  /** `cpu` (the machine), `server` (this process), or a GPU such as `cuda:0`; null for figures of models. */ device: string | null;
  /** 0.5, 0.95 or 0.99 for times, which have a series for each; else null. */ quantile: number | null;
  /** `percent` is of one core for replicas and for `server`, and of the whole device for devices. */ unit: "count" | "seconds" | "percent" | "bytes";
  /** One for each step: the sum for counts, the quantile for times, the mean for the others; null where nothing is known. */ values: (number | null)[];
}

/** Files that are indexed together: an indexing job of the base. */
export interface FileBatchInfo {
  /** `vsfb_` and the id of the job. */ id: string;
  object: "vector_store.files_batch";
  /** Unix time. */ created_at: number;
  vector_store_id: string;
  status: "in_progress" | "completed" | "failed" | "cancelled";
  file_counts: FileCounts;
}

/** A file. */
export interface FileContent {
  type: "file";
  file: FileReference;
}

/** How many files are in which status. */
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
  bytes: number;
  /** Unix time. */ created_at: number;
  filename: string;
  /** One of those of an upload, or `assistants_output`, `batch_output` or `fine-tune-results` for files that the server made. */ purpose: string;
  /** Always `processed`: only complete files are seen. */ status: "uploaded" | "processed" | "error";
  /** Unix time; null if it stays. */ expires_at: number | null;
  /** Hash of its content. */ sha256: string;
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

/** A file: the id of a stored one, or its content. */
export interface FileReference {
  file_id?: string | null;
  filename?: string | null;
  /** In base64, or as a data URL. */ file_data?: string | null;
}

/** One finding of the doctor. */
export interface FindingInfo {
  /** `blocked` keeps a server from starting. */ state: "ok" | "warning" | "blocked";
  /** What was checked: `python`, `engine vllm`, `disk`, `base NAME`, … */ subject: string;
  detail: string;
}

/** Answer of `GET /v1/server/doctor`. */
export interface FindingList {
  object: "list";
  data: FindingInfo[];
}

/** The size, format and quantisation of a family that a launch by its name would choose here. */
export interface FittingVersion {
  model_engine: string;
  model_format: string;
  model_size_in_billions: number | null;
  quantization: string | null;
  /** Whether these files are on this machine. */ cached: boolean;
  /** Whether it takes at most half of the memory, answers at reading pace, and is no long download. */ comfortable: boolean;
  /** Bytes that a replica needs, by the catalog's figures; a plan knows them by the files. */ memory: number;
  /** Bytes of memory, free or not, of the devices where it would run. */ memory_total: number;
  /** GPUs that it would take. */ n_gpu: number;
  /** Bytes of its weights; null if unknown. */ weights: number | null;
}

/** A multipart form: a `model`, as a rule a file, and fields that pass to the engine. */
export interface FormRequest {
  model: string;
}

/** What the machine and the models do at this moment. */
export interface Gauges {
  /** Requests that replicas are answering. */ in_flight: number;
  /** Use of all cores of the machine since the gauges before, from 0 to 100. */ cpu_percent: number;
  /** Use of one core by the server's own process. */ server_cpu_percent: number;
  /** Bytes of the server's own process. */ server_memory: number;
  /** Main memory first, then each GPU. */ devices: DeviceGauge[];
  models: Record<string, ModelGauge>;
  /** Streams of events that are open at present. */ readers: number;
}

/** The gauges, every two seconds. */
export interface GaugesMeasured {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
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
  /** Unix time. */ at: number;
  /** The chunk in OpenAI's form; of the last event `state` and `error`. */ data: Record<string, unknown>;
}

/** An answer that the server makes to the end, whether or not its client stays. */
export interface GenerationInfo {
  object: "generation";
  id: string;
  /** `request` for those of `POST /v1/generations`. */ kind: string;
  /** `stopped`: by its owner; `interrupted`: the server ended while it ran. Both keep all events there were. */
  state: "running" | "completed" | "failed" | "stopped" | "interrupted";
  /** The `url` and the `model` of a request. */ details: Record<string, unknown>;
  /** Unix time. */ created_at: number;
  /** Unix time. */ ended_at: number | null;
  /** The number of its newest event. */ events: number;
  /** Size of its events. */ bytes: number;
  error: GenerationProblem | null;
  /** Owner id of the user or key that began it; an administrator sees all. */ owner: string;
}

/** Answer of `GET /v1/generations`, newest first. */
export interface GenerationList {
  object: "list";
  data: GenerationInfo[];
}

/** Why a generation failed. */
export interface GenerationProblem {
  code: string;
  message: string;
}

/** Answer of `GET /health`. */
export interface HealthInfo {
  status: string;
  version: string;
  models: Record<string, string>;
}

/** A chunk that was found, and where it stands. */
export interface Hit {
  chunk_id: number;
  knowledge_base: string;
  document_id: number;
  /** Its name. */ document: string;
  /** The page, slide or sheet of what it shares with the query, from 1; null where the format has none. */ page: number | null;
  /** Where other pages begin in `text`: the offset, and the page. */ page_breaks: [number, number][];
  /** First character in the document's text. */ start: number | null;
  end: number | null;
  heading: string;
  text: string;
  /** 0 to 1, higher is better: the ranking model's where there is one, else the fused one, of which 0.5 is the middle. */ score: number;
  scores: Scores;
  /** Spans in `text` of what it shares with the query. */ highlights: [number, number][];
}

/** A hub that did not answer, while another one did. */
export interface HubFailure {
  hub: string;
  code: string;
  message: string;
}

/** A repository on a hub. What the hub does not say is null. */
export interface HubModel {
  /** `owner/name`; a launch takes it as `model_name`. */ id: string;
  /** `huggingface` or `modelscope`; a launch takes it as `download_hub`. */ hub: string;
  downloads: number | null;
  likes: number | null;
  /** Unix time. */ updated_at: number | null;
  /** The type of model that its task belongs to, such as `LLM`. */ type: string | null;
  /** Formats by its tags and its name, such as `ggufv2`; its files were not looked at. */ formats: string[];
  /** Whether its owner must accept each user. */ gated: boolean | null;
  /** Whether a complete model of it is on this machine. */ cached: boolean;
  /** The family of the catalog whose files it has. */ family: string | null;
}

/** Answer of `GET /v1/hubs/search`: of each hub those with most downloads first, the hubs alternately. */
export interface HubModelPage {
  object: "list";
  data: HubModel[];
  failures: HubFailure[];
  has_more: boolean;
  /** `cursor` of the next page; null on the last one. */ next_cursor: string | null;
}

/** A picture. */
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

/** Where a picture is. */
export interface ImageUrl {
  /** `data:image/png;base64,…`, or a URL of http or https. */ url: string;
  detail?: string | null;
}

/** Body of `POST /v1/chats/import`. */
export interface ImportChats {
  /** Chats of an export: this server's own, ChatGPT's (the items of `conversations.json`), or Open WebUI's. */ chats?: Record<string, unknown>[];
  /** The `folders` of an export of this server. */ folders?: Record<string, unknown>[];
  /** Conversations that are questions with answers, such as Langchain-Chatchat's. */ conversations?: ImportedConversation[];
}

/** Body of `POST …/documents/from`: `urls`, `folder` or both. */
export interface ImportDocuments {
  /** Fetched one after the other; `MODELYARD_FETCH_HOSTS` says from which hosts. Documents have their URL as `source` in their metadata. */
  urls?: (string | UrlDocument)[];
  /** A folder of the server's machine, for its owner and keys with the scope `admin`. Documents are named by their path in it. */ folder?: string | null;
  /** Only files of the folder that match one of these, such as `*.md` or `rules/*`. */ include?: string[];
  /** Skip files of the folder that match one of these. */ exclude?: string[];
  /** Of all documents. */ metadata?: Record<string, unknown>;
  /** In place of the base's. */ chunking?: ChunkingBody | null;
  /** Delete documents of the base that are no files of the folder any more, but for those from URLs. */ delete?: boolean;
  index?: boolean;
}

/** Body of `POST …/evaluations/{set}/import`. */
export interface ImportQuestions {
  /** The file. JSON lines have `question` and `relevant`; CSV has the columns `question`, `document`, `page`, `text`, `chunk_id` and `grade`, and rows with the same question belong together. */
  text: string;
  format?: "jsonl" | "csv";
}

/** Answer of `POST …/documents/from`. */
export interface ImportStarted {
  job: string;
}

/** How much was imported. */
export interface Imported {
  /** New chats. */ conversations: number;
  /** New messages; of `conversations`, new questions with their answers. */ messages: number;
  /** Chats of which nothing was new, or whose id another owner has. */ skipped: number;
}

/** A conversation, as it was kept elsewhere. */
export interface ImportedConversation {
  id: string;
  title?: string;
  kind?: string;
  /** Unix time. */ created_at: number;
  messages?: ImportedMessage[];
}

/** A question and its answer, as they were kept elsewhere. */
export interface ImportedMessage {
  id: string;
  question: string;
  answer?: string;
  /** Feedback; null for none. */ score?: number | null;
  reason?: string;
  metadata?: Record<string, unknown>;
  /** Unix time. */ created_at: number;
}

/** A recording. */
export interface InputAudio {
  /** In base64. */ data: string;
  format: string;
}

/** Body of `POST /v1/engines/{engine}/install`. */
export interface InstallRequest {
  /** Make the environment anew although it is there, from the lock file of this Modelyard. */ upgrade?: boolean;
}

/** A package in an engine's environment. */
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
  model_version: string | null;
  model_ability: string[];
  replica: number;
  status: string;
  instance_created_ts: number;
  n_worker: number;
  replica_statuses: ReplicaStatus[];
}

/** Items of a response's input, or of a conversation. */
export interface ItemList {
  object: "list";
  data: Record<string, unknown>[];
  first_id: string | null;
  /** The `after` of the next page. */ last_id: string | null;
  has_more: boolean;
}

/** A job of any kind is new or at another point. */
export interface JobChanged {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
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
  /** Its number, which is the `id` of the event, too. null for progress, which is a snapshot. */ seq: number | null;
  /** `state`, `progress`, or what the job reports, such as `metrics`. */ type: string;
  /** Unix time. */ at: number;
  data: Record<string, unknown>;
}

/** One job. */
export interface JobInfo {
  object: "job";
  id: string;
  kind: string;
  /** `waiting`: it runs, and cannot go on until something else happens; `progress.message` says what. */
  state: "queued" | "running" | "waiting" | "paused" | "done" | "failed" | "cancelled";
  progress: JobProgressInfo;
  /** Owner id of who asked for it. */ owner: string;
  parameters: Record<string, unknown>;
  result: Record<string, unknown> | null;
  /** Why it failed, or why its last run did. */ error: JobProblem | null;
  /** Runs that have failed. */ attempts: number;
  /** Whether it can be paused, and resumed when it is paused or has failed. */ pausable: boolean;
  /** Whether `POST /v1/jobs` with its kind and parameters makes one like it. */ repeatable: boolean;
  /** Unix time. */ created_at: number;
  /** Unix time of the last start. */ started_at: number | null;
  /** Unix time. */ finished_at: number | null;
}

/** Answer of `GET /v1/jobs`, newest first. */
export interface JobList {
  object: "list";
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: JobInfo[];
}

/** Answer of `GET /v1/jobs/{id}/logs`: the last lines that the job's process printed. */
export interface JobLogs {
  object: "list";
  data: string[];
}

/** Why a job failed. */
export interface JobProblem {
  code: string;
  message: string;
}

/** How far a job is. */
export interface JobProgressInfo {
  done: number;
  /** null while nobody knows how much there is to do. */ total: number | null;
  /** What both count: `bytes`, `documents`, `steps`. */ unit: string;
  /** For people: what is done now, or what the job waits for. */ message: string;
}

/** A job was deleted. */
export interface JobRemoved {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
  topic: "jobs";
  type: "job_removed";
  data: RemovedName;
}

/** A job that was started. */
export interface JobStarted {
  job: string;
}

/** An item of a conversation; its other fields depend on `type`. */
export interface KeptItem {
  id: string;
  type: string;
}

/** A key as it is listed; the secret itself is known to its owner only. */
export interface KeyInfo {
  id: string;
  name: string;
  prefix: string;
  owner: string;
  scopes: string[];
  models: string[] | null;
  bases: Record<string, string> | null;
  requests_per_minute: number | null;
  tokens_per_minute: number | null;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
  usable: boolean;
}

/** Answer of `GET /v1/admin/keys`, oldest first. */
export interface KeyList {
  object: "list";
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: KeyInfo[];
}

/** Body of `PATCH /v1/admin/keys/{name}`: what is left out stays, and null takes a limit away. */
export interface KeyPatch {
  name?: string;
  /** What it may do from now on. */ scopes?: string[];
  /** The only models it may use; null for all. */ models?: string[] | null;
  /** The only knowledge bases it may use, each with what it may do there; null for all that its scopes allow. */ bases?: Record<string, "read" | "write"> | null;
  requests_per_minute?: number | null;
  tokens_per_minute?: number | null;
  /** Seconds from now on that it stays valid; null for ever. */ expires_in?: number | null;
}

/** Body of `POST /v1/admin/keys`. */
export interface KeyRequest {
  /** What the key is for; only people read it. */ name: string;
  /** What it may do; `admin` for the first key, else `models:list` and `models:read`. */ scopes?: string[] | null;
  /** The only models it may use; null for all. */ models?: string[] | null;
  /** The only knowledge bases it may use, each with what it may do there; null for all that its scopes allow. */ bases?: Record<string, "read" | "write"> | null;
  /** Inference requests it may make in a minute; null for any number. */ requests_per_minute?: number | null;
  /** Tokens, of prompts and answers, it may use in a minute; null for any number. */ tokens_per_minute?: number | null;
  /** Seconds it stays valid; null for ever. */ expires_in?: number | null;
  /** Owner id of another key or user, whose conversations and files it shares; null for an owner of its own. */ owner?: string | null;
}

/** Field `knowledge` of a chat request: answer from these knowledge bases, and cite them. */
export interface Knowledge {
  bases: string[];
  top_k?: number;
  mode?: "hybrid" | "lexical" | "vector";
  filter?: Record<string, unknown>;
  rerank?: boolean | null;
  min_score?: number;
}

/** How far a job is. */
export interface KnowledgeJobInfo {
  id: string;
  base: string;
  kind: string;
  state: string;
  error: string;
  total: number;
  done: number;
  unchanged: number;
  failed: number;
  cancelled: number;
  chunks: number;
  embedded: number;
  created_at: number;
  finished_at: number | null;
  problems: DocumentProblem[];
  remarks: DocumentRemark[];
  working: Record<string, string>;
  waiting: string;
}

/** Answer of `GET /v1/knowledge_bases/{base}/jobs`, newest first. */
export interface KnowledgeJobList {
  object: "list";
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: KnowledgeJobInfo[];
}

/** A knowledge base where models are listed: it answers chats, and cannot be launched or terminated. */
export interface KnowledgeModel {
  id: string;
  object: string;
  created: number;
  owned_by: string;
  knowledge_base: string;
  model_type: string;
  model_ability: string[];
  model_description: string;
}

/** Answer of `POST /v1/models/plan`. What a refusal leaves undecided is null. */
export interface LaunchPlanInfo {
  /** Null if the launch would be accepted now. */ refusal: LaunchRefusal | null;
  /** The name under which it would answer. */ model_uid: string | null;
  model_name: string | null;
  model_type: string | null;
  /** The name of the engine, as in a launch. */ model_engine: string | null;
  model_format: string | null;
  model_size_in_billions: number | string | null;
  quantization: string | null;
  /** Tokens that the model was trained for; null if unknown. */ context_length: number | null;
  /** Where the weights are, or would be. */ root: string | null;
  multimodal_projector: string | null;
  aliases: string[];
  /** Replicas that it would have. */ replica: number;
  /** GPUs of each replica. */ n_gpu: number | null;
  /** Expected bytes of one replica: `weights`, `kv_cache`, `overhead`, `activations`, `total`. */ memory: Record<string, number> | null;
  /** For each replica, the devices that it would get. */ placements: string[][];
  /** Every device of the machine. */ devices: PlannedDevice[];
  /** Null if the files are on this machine. */ download: PlannedDownload | null;
  /** Sentences about fields that are accepted and have no effect. */ warnings: string[];
  /** The same launch on the command line; null for fields that it has no option for. */ command: string | null;
}

/** Answer of `GET /v1/models/{uid}/progress`. An unknown uid is `pending` with 0.0, as in Xinference. */
export interface LaunchProgress {
  progress: number;
  stage: string;
  info: string;
  download_files: Record<string, unknown>[];
  replicas: ReplicaProgress[];
}

/** Answer of `GET /v1/launches/{uid}`. */
export interface LaunchRecord {
  /** The body of `POST /v1/models` that starts the same model with the replicas that it has now, without secrets. */ launch: Record<string, unknown>;
  /** Fields that are left out because they hold secrets, such as `envs`. */ hidden: string[];
  /** The same launch on the command line; null for fields that it has no option for, and where something is hidden. */ command: string | null;
}

/** Why a launch would be refused, as in the error of `POST /v1/models`. */
export interface LaunchRefusal {
  code: string;
  message: string;
  /** The field of the request that it is about. */ param: string | null;
  /** Figures of a launch that does not fit into memory. */ memory: Record<string, number | string> | null;
}

/** Body of `POST /v1/models`. Keys that are not listed here are options of the engine. */
export interface LaunchRequest {
  /** A family of the catalog, or a path: a `.gguf` file or a Hugging Face folder. */ model_name?: string | null;
  /** Name under which the model will answer; the model's name if left out. */ model_uid?: string | null;
  /** `LLM`, `embedding`, `rerank`, `image`, `audio` or `video`; read from the files if left out. */ model_type?: string | null;
  /** `llama_cpp`, `external`, `fake`, …; the best that fits if left out. `engine` is an alias. */ model_engine?: string | null;
  /** Format to pick when a family has several: `ggufv2`, `pytorch`, … */ model_format?: string | null;
  /** Size to pick when a family has several; `1.8` and `"1_8"` are the same. */ model_size_in_billions?: number | string | null;
  /** Quantisation to pick when a format has several. */ quantization?: string | null;
  /** Use these files instead of the family's. */ model_path?: string | null;
  /** Other names under which the model will answer, such as `gpt-4o` for programs that ask for that. */ aliases?: string[] | null;
  /** Number of replicas. */ replica?: number;
  /** Machines per replica; only 1 on a single machine. */ n_worker?: number | null;
  /** GPUs per replica: a number, `auto`, or null for none. */ n_gpu?: number | string | null;
  /** Indexes of the GPUs to use. */ gpu_idx?: number | string | number[] | null;
  /** Extra environment of the replica's process. */ envs?: Record<string, string> | null;
  /** Adapters, each under a name of its own: `{"lora_list": [{"lora_name", "local_path", "lora_scale"}]}`. The same as `lora_modules`, a list of `name=path`. */
  peft_model_config?: Record<string, unknown> | null;
  /** Requests one replica may have in flight; one more is a 429. */ request_limits?: number | null;
  /** Machine to place the replicas on. */ worker_ip?: string | null;
  /** Settings per replica. */ replica_config?: Record<string, unknown>[] | null;
  /** Default of the thinking switch for templates that have one. */ enable_thinking?: boolean | null;
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
  /** The name under which it will answer. */ lora_name: string;
  /** The folder that PEFT saved, on the server's machine. */ lora_path: string;
  /** Uid of its model; may be left out if only one running model fits. */ model?: string | null;
  /** Factor on top of the adapter's own scaling. */ lora_scale?: number;
  /** Replace an adapter of the same name, which is refused otherwise. */ load_inplace?: boolean;
}

/** One line of a replica or of a job's process, or one record of the server. */
export interface LogEntry {
  source: "model" | "job" | "server";
  /** Uid of the model, for lines of replicas. */ model: string | null;
  /** Name of the replica. */ replica: string | null;
  /** Id of the job. */ job: string | null;
  /** Unix time that the line names; null where it names none, as many engines' lines do. */ at: number | null;
  /** The level that the line names, or the line that it continues; null where there is none. */ level: "debug" | "info" | "warning" | "error" | "critical" | null;
  /** The line; of the server, a record with its traceback. Secrets are masked, and long lines are cut. */ text: string;
}

/** Answer of `GET /v1/logs`, oldest first. */
export interface LogList {
  object: "list";
  data: LogEntry[];
  /** Whether there are older lines that match, or that were not looked at. */ has_more: boolean;
  /** With `follow=true` and this as `after`, exactly what comes after these lines is sent. */ next: string;
}

/** One event of `GET /v1/logs?follow=true`. */
export interface LogNews {
  /** The place after these lines in all logs, which is the `id` of the server-sent event, too. */ id: string;
  data: LogEntry[];
}

/** One event of `GET /v1/models/{uid}/logs?follow=true`. */
export interface LogPortion {
  /** `OFFSET@REPLICA`: the place after these lines, which is the `id` of the server-sent event, too. */ id: string;
  uid: string;
  /** The replica that printed the lines. */ replica: string | null;
  /** Bytes of its log up to the end of these lines. */ offset: number;
  lines: string[];
  /** The model is gone; no event follows. */ ended: boolean;
}

/** One configured MCP server. */
export interface McpServerInfo {
  name: string;
  transport: "stdio" | "http" | "sse";
  /** Null if it was not asked, or could not be. */ tools: ToolInfo[] | null;
  /** Why its tools are missing. */ error: string | null;
}

/** Answer of `GET /v1/server/mcp_servers`. */
export interface McpServerList {
  object: "list";
  data: McpServerInfo[];
}

/** Answer of `GET /v1/auth/me`: who asks, and what they may do. */
export interface Me {
  id: string;
  name: string;
  username: string | null;
  owner: string;
  scopes: string[];
  permissions: string[];
  models: string[] | null;
  expires_at: number | null;
  session: string | null;
}

/** The difference of one measure, over the questions that both runs have. */
export interface MeasureDifference {
  mean: number;
  /** Lower end of the 95 % interval, by bootstrap over questions. */ low: number;
  high: number;
  /** Two-sided p-value of the paired randomization test. */ p: number;
  better: number;
  worse: number;
  equal: number;
}

/** Event of a streamed picture or of streamed speech. */
export interface MediaEvent {
  type: string;
  b64_json?: string | null;
  audio?: string | null;
  usage?: Record<string, unknown> | null;
}

/** A picture or video: where it is, or its bytes in base64. */
export interface MediaFile {
  url?: string | null;
  b64_json?: string | null;
}

/** Answer of the routes that make pictures and videos. */
export interface MediaList {
  created: number;
  data: MediaFile[];
}

/** A message of a chat. */
export interface MessageInfo {
  id: string;
  object: "chat.message";
  /** Null for a message outside of chats. */ chat: string | null;
  /** Id of the message that it follows; null for a first one. Messages with one parent are siblings. */ parent: string | null;
  role: "system" | "user" | "assistant" | "tool";
  /** Parts in OpenAI's form: `text`, `image_url`, `input_audio`, `file`. */ content: Record<string, unknown>[];
  reasoning: string;
  /** Calls of tools: `id`, `name`, `arguments`, `output`, `ok`, `ms`, `error`. */ tool_calls: Record<string, unknown>[];
  citations: Record<string, unknown>[];
  model: string;
  parameters: Record<string, unknown>;
  usage: Record<string, unknown>;
  /** Milliseconds by name. */ timings: Record<string, unknown>;
  state: "running" | "complete" | "stopped" | "failed";
  finish_reason: string;
  /** `code` and `message`, if it failed. */ error: Record<string, unknown> | null;
  metadata: Record<string, unknown>;
  /** Feedback from 0 to 100. */ score: number | null;
  /** The reason of the feedback. */ reason: string;
  /** Unix time. */ created_at: number;
  /** Unix time. */ updated_at: number;
}

/** Answer of `GET /v1/chats/{chat}/messages`. */
export interface MessageList {
  object: "list";
  chat: ChatInfo;
  data: MessageInfo[];
  /** Id of a message in `data` → ids of all messages with the same parent, the oldest first; only where there are several. */ siblings: Record<string, string[]>;
  /** Number of messages of the branch. */ total: number;
  /** Number of messages of the branch before those in `data`; the next request has the first one's id as `before`. */ earlier: number;
}

/** A model or an adapter, which is new or differs from before. */
export interface ModelChanged {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
  topic: "models";
  type: "model";
  data: ModelInfo;
}

/** One thing that happened to a model, as `GET /v1/models/{uid}/events` lists it. */
export interface ModelEvent {
  event_type: string;
  event_ts: number;
  event_content: string;
}

/** What a model does at this moment. */
export interface ModelGauge {
  /** Requests that a replica is answering. */ in_flight: number;
  /** Those of them that wait to be computed; null if no replica tells. */ queued: number | null;
  /** Tokens of its answers, a mean over the last three seconds. */ tokens_per_second: number;
  /** Requests in flight by the number of the replica. */ replicas: Record<string, number>;
  /** All figures by the number of the replica. */ figures: Record<string, ReplicaGauge>;
}

/** Something happened to a model. */
export interface ModelHappened {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
  topic: "model_events";
  type: "model_event";
  data: ModelHappening;
}

/** One more line of a model's history. */
export interface ModelHappening {
  model_uid: string;
  event: ModelEvent;
}

/** A model as `GET /v1/models/{uid}` describes it and `GET /v1/models` lists it. */
export interface ModelInfo {
  id: string;
  object: string;
  created: number;
  owned_by: string;
  model_uid: string;
  model_type: string;
  model_name: string;
  model_engine: string | null;
  model_format: string | null;
  model_size_in_billions: number | string | null;
  model_family: string | null;
  quantization: string | null;
  context_length: number | null;
  model_ability: string[];
  model_lang: string[];
  model_description: string;
  model_hub: string | null;
  model_revision: string | null;
  revision: string | null;
  dimensions: number | null;
  max_tokens: number | null;
  max_model_len: number | null;
  root: string | null;
  is_chat: boolean | null;
  is_multimodal: boolean | null;
  parent: string | null;
  alias_of: string | null;
  aliases: string[];
  multimodal_projector: string | null;
  address: string | null;
  accelerators: string[];
  replica: number;
  replica_ready: number;
  n_worker: number;
  status: string;
  error: string | null;
  memory: Record<string, number> | null;
}

/** Answer of `GET /v1/models`. */
export interface ModelListInfo {
  object: string;
  data: (ModelInfo | KnowledgeModel)[];
}

/** Answer of `GET /v1/models/{uid}/logs`. */
export interface ModelLogs {
  uid: string;
  replica: string | null;
  lines: string[];
}

/** How far the launch of a model is; `pending` with 0.0 once it is gone. */
export interface ModelProgress {
  model_uid: string;
  progress: LaunchProgress;
}

/** The prompt format of one model: the seven fields of its prompt style, and what ends its answers. */
export interface ModelPrompt {
  style_name: string;
  system_prompt: string;
  roles: string[];
  intra_message_sep: string;
  inter_message_sep: string;
  stop: string[] | null;
  stop_token_ids: number[] | null;
  chat_template: string | null;
  reasoning_start_tag: string | null;
  reasoning_end_tag: string | null;
  tool_parser: string | null;
}

/** A model or an adapter is gone. */
export interface ModelRemoved {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
  topic: "models";
  type: "model_removed";
  data: RemovedName;
}

/** All replicas of a model; none once it is gone. */
export interface ModelReplicas {
  model_uid: string;
  replicas: ReplicaInfo[];
}

/** One size, format and quantisation of a family, as `GET /v1/models/{type}/{name}/versions` lists it. */
export interface ModelVersionInfo {
  model_version: string;
  model_file_location: Record<string, string> | null;
  cache_status: boolean;
  quantization: string;
  multimodal_projector: string | null;
  model_format: string;
  model_size_in_billions: number | string | null;
  model_type: string;
}

/** What a classifier makes of one input. The categories are the labels of the model. */
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

/** Body of `POST /v1/moderations`. `input` is a text, texts, or the parts of one input, of which only texts are taken. */
export interface ModerationRequest {
  input: string | (string | Record<string, unknown>)[];
  model?: string | null;
}

/** Body of `POST /v1/batches`. */
export interface NewBatch {
  /** A file with purpose `batch`; each line is a JSON object with `custom_id`, `method`, `url` and `body`. */ input_file_id: string;
  /** The path of all its requests, such as `/v1/chat/completions`. */ endpoint: string;
  /** After which time it ends with what is answered by then: a number with `s`, `m`, `h` or `d`, 30 days at most. */ completion_window?: string;
  /** Notes, which the batch keeps. */ metadata?: Record<string, string> | null;
  /** When its output files are deleted; they stay if it is left out. */ output_expires_after?: ExpiresAfter | null;
}

/** Body of `POST /v1/chats`. */
export interface NewChat {
  /** If left out, the beginning of the first question. */ title?: string;
  /** Id of a folder. */ folder?: string | null;
  settings?: ChatSettingsBody;
}

/** Body of `POST /v1/chats/{chat}/answers`. What is left out is as the chat's settings say. */
export interface NewChatAnswer {
  /** A new question, which is added first. If left out, the message `parent` is answered, once more if it has an answer. */
  content?: string | (TextContent | ImageContent | AudioContent | FileContent)[] | null;
  /** With `content`, the message that it follows (null for a first one); else the user's message that is answered. If left out, the active leaf. */
  parent?: string | null;
  /** `chat`: the model alone; `knowledge`: from knowledge bases; `files`: from stored files; `web`: from a web search; `agent`: with tools. If left out: `files` if the branch has files, `knowledge` with bases, `agent` with tools, else `chat`. */
  mode?: "chat" | "knowledge" | "files" | "web" | "agent" | null;
  model?: string | null;
  system?: string | null;
  /** Parameters of the request to the model, in addition to those of the chat. */ parameters?: Record<string, unknown>;
  bases?: string[] | null;
  /** Ids of stored files (`/v1/files`); if left out, those of the `file` parts of the branch. */ files?: string[] | null;
  /** Names of the server's tools; an empty list means all that the key may use. */ tools?: string[] | null;
  /** If left out, the one of the server's settings. */ search_engine?: string | null;
  /** Number of sources. */ top_k?: number;
}

/** Body of `POST /v1/chats/{chat}/messages`: a message as it is, such as an answer that the client made itself. */
export interface NewChatMessage {
  role?: "system" | "user" | "assistant" | "tool";
  content?: string | (TextContent | ImageContent | AudioContent | FileContent)[];
  /** Id of the message that it follows; null for a first one. If left out, the active leaf. */ parent?: string | null;
  reasoning?: string;
  tool_calls?: Record<string, unknown>[];
  citations?: Record<string, unknown>[];
  model?: string;
  parameters?: Record<string, unknown>;
  usage?: Record<string, unknown>;
  /** Milliseconds by name. */ timings?: Record<string, unknown>;
  finish_reason?: string;
  metadata?: Record<string, unknown>;
}

/** Body of `POST …/documents/{document}/chunks`. */
export interface NewChunk {
  text: string;
  /** Before the chunk that stands there; at the end if left out. */ position?: number | null;
}

/** Body of `POST /v1/conversations`. */
export interface NewConversation {
  /** Its first items, up to 20, in the form of `input` of `/v1/responses`. */ items?: Record<string, unknown>[] | null;
  /** Up to 16 texts by name. */ metadata?: Record<string, string> | null;
}

/** Body of `POST /v1/vector_stores/{vector_store_id}/file_batches`: `file_ids`, or `files` with their own attributes. */
export interface NewFileBatch {
  file_ids?: string[] | null;
  files?: NewStoreFile[] | null;
  /** Of all files in `file_ids`. */ attributes?: Record<string, string | boolean | number> | null;
  /** Of all files in `file_ids`. */ chunking_strategy?: AutoChunking | StaticChunking | null;
}

/** Body of `POST /v1/generations`. */
export interface NewGeneration {
  /** The path to which `body` would be sent otherwise, as in a line of a batch. */ url?: "/v1/chat/completions" | "/v1/completions";
  /** The request. The answer is always streamed, with `usage` at its end. */ body: Record<string, unknown>;
}

/** Body of `POST /v1/conversations/{conversation_id}/items`. */
export interface NewItems {
  /** Up to 20, in the form of `input` of `/v1/responses`. */ items: Record<string, unknown>[];
}

/** Answer of `POST /v1/admin/keys` and of `…/rotate`: the only time that the secret is shown. */
export interface NewKeyInfo {
  id: string;
  name: string;
  prefix: string;
  owner: string;
  scopes: string[];
  models: string[] | null;
  bases: Record<string, string> | null;
  requests_per_minute: number | null;
  tokens_per_minute: number | null;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
  usable: boolean;
  key: string;
}

/** Body of `POST /v1/admin/users/{name}/password`. */
export interface NewPasswordRequest {
  password: string;
}

/** Body of `POST …/evaluations/{set}/questions`. */
export interface NewQuestions {
  questions: QuestionBody[];
}

/** Body of `POST /v1/vector_stores/{vector_store_id}/files`, and an item of `files` of a batch. */
export interface NewStoreFile {
  /** A stored file (`/v1/files`). */ file_id: string;
  attributes?: Record<string, string | boolean | number> | null;
  chunking_strategy?: AutoChunking | StaticChunking | null;
}

/** Body of `POST /v1/uploads`. */
export interface NewUpload {
  /** Size that the file will have. */ bytes: number;
  filename: string;
  /** Ignored: the type of a file is never trusted. */ mime_type: string;
  purpose: "assistants" | "batch" | "fine-tune" | "vision" | "user_data" | "evals";
  expires_after?: ExpiresAfter | null;
}

/** Body of `POST /v1/vector_stores`. */
export interface NewVectorStore {
  /** Of the knowledge base; a number is added if there is a base of this name. */ name?: string | null;
  description?: string | null;
  /** Stored files (`/v1/files`) that it begins with. */ file_ids?: string[];
  /** Of the files in `file_ids`. */ chunking_strategy?: AutoChunking | StaticChunking | null;
  expires_after?: StoreExpiry | null;
  metadata?: Record<string, string> | null;
  /** Uid of an embedding model, which OpenAI's API does not have. Left out: one that runs; empty: words alone are searched. */ embedding_model?: string | null;
}

/** One machine, as `GET /v1/cluster/info?detailed=true` lists it; without `detailed` the first four fields. */
export interface NodeInfo {
  node_type: string;
  ip_address: string;
  gpu_count: number;
  gpu_vram_total: number;
  gpu_vram_available?: number | null;
  gpu_utilization?: number | null;
  cpu_available?: number | null;
  cpu_count?: number | null;
  mem_used?: number | null;
  mem_available?: number | null;
  mem_total?: number | null;
  software_version?: string | null;
  devices?: (Record<string, string | number>)[] | null;
}

/** An engine's own virtual environment. */
export interface OwnEnvironment {
  /** Unix time. */ installed_at: number;
  /** Versions of its most important packages. */ versions: Record<string, string>;
}

/** Where a chunk stands on one page. */
export interface PageBoxesInfo {
  /** From 1. */ page: number;
  /** Points of the page as it is displayed, rotation included: an image of it that is `w` pixels wide has `w / width` pixels of a point. */ width: number;
  height: number;
  /** One for each line, or part of a line; the whole page if the text was not found on it. */ rectangles: RectangleInfo[];
  /** Whether the text was found. It is not on scanned pages, and in a file that has changed since it was indexed. */ exact: boolean;
}

/** How much two texts have to do with each other. */
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

/** Something that happened to a model, which may be gone. */
export interface PastEvent {
  /** Later events have greater ids. */ id: number;
  model_uid: string;
  type: "INFO" | "WARNING" | "ERROR";
  /** Unix time. */ at: number;
  /** A sentence for people. */ text: string;
}

/** Answer of `GET /v1/events/models`, newest first. */
export interface PastEventList {
  object: "list";
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: PastEvent[];
}

/** A chunk in a preview. */
export interface PieceInfo {
  text: string;
  start: number;
  end: number;
  page: number | null;
  heading: string;
}

/** A device of the machine, with the memory that a launch would take of it. */
export interface PlannedDevice {
  /** `cpu`, `cuda:0`, … */ name: string;
  title: string;
  /** Bytes. */ memory_total: number;
  /** Bytes that the device reports as free. */ memory_free: number;
  /** Bytes that a launch may take: what is free, less what starting replicas will take, and the server's headroom. */ usable: number;
  /** Bytes that all replicas of this launch would take of it. */ needed: number;
}

/** What a launch would download. */
export interface PlannedDownload {
  model_hub: string;
  model_id: string;
  revision: string;
  /** Number of files, also of those that are here. */ files: number;
  total_bytes: number;
  /** Bytes that are not on this machine yet. */ missing_bytes: number;
  /** Bytes that are free where they would be kept. */ disk_free: number;
}

/** What a model makes of one text: numbers, or the bytes of a vector in base64. */
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

/** Body of `POST /pooling`: the vectors of texts, or with a classifier the probabilities of its labels. */
export interface PoolingRequest {
  model: string;
  input: string | (string | number | number[])[];
  task?: string | null;
  encoding_format?: "base64" | "float" | null;
  dimensions?: number | null;
  truncate_prompt_tokens?: number | null;
}

/** The chunks that a document would have. */
export interface Preview {
  object: string;
  data: PieceInfo[];
}

/** Body of `POST …/documents/{document}/preview`. */
export interface PreviewRequest {
  chunking?: ChunkingBody | null;
}

/** How well the embedding model of a base finds what is in it. It is measured when documents are indexed. */
export interface ProbeInfo {
  model: string;
  generation: number;
  chunks: number;
  scripts: Record<string, ScriptProbeInfo>;
}

/** The launch of a model is at another point. */
export interface ProgressChanged {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
  topic: "progress";
  type: "progress";
  data: ModelProgress;
}

/** One prompt template of the server. */
export interface PromptTemplate {
  /** `knowledge_base` for answers of bases, which may have templates of their own; the others are of Chatchat's routes. */ kind: string;
  name: string;
  /** Jinja text. */ template: string;
}

/** Answer of `GET /v1/server/prompts`. */
export interface PromptTemplateList {
  object: "list";
  data: PromptTemplate[];
}

/** A question with what answers it. */
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
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: QuestionInfo[];
}

/** Body of `POST …/evaluations/{set}/questions/delete`. */
export interface QuestionNumbers {
  ids: number[];
}

/** Answer of `POST …/evaluations/{set}/import`. */
export interface QuestionsImported {
  added: number;
  /** Number of a line, or of a row without the header → what is wrong with it. Nothing is added if there is any. */ wrong: Record<string, string>;
}

/** A document's place in the request, and its score; the document itself with `return_documents`. */
export interface RankedDocument {
  index: number;
  relevance_score: number;
  document?: RankedText | null;
}

/** A document that was ranked. */
export interface RankedText {
  text?: string | null;
}

/** How hits are ranked. */
export interface RankingOptions {
  /** `auto`: by the base's rerank model, else one that runs; `none`: by words and vectors alone; else a rerank model's uid. */ ranker?: string | null;
  score_threshold?: number;
}

/** Details of the tokens of answers. */
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
  /** The record as it would be listed. */ record: FamilyRecord;
  /** The family as the catalog would list it: whether it fits here, and what a launch would choose, or why none. */ entry: CatalogEntry;
}

/** Answer of `POST /v1/model_registrations/drafts`: what files say of themselves, as a record to be edited and registered. */
export interface RegistrationDraft {
  model_type: string;
  /** The record, for the field `model` of a registration. */ model: Record<string, unknown>;
}

/** Body of `POST /v1/model_registrations/{model_type}`. */
export interface RegistrationRequest {
  /** The record of the family, as JSON text or as an object; of the first or the second generation. */ model: string | Record<string, unknown>;
  /** Whether it survives a restart, as a file in the folder `registrations`; its local files must then exist already. */ persist?: boolean;
  /** Accepted without effect: every worker knows every family. */ worker_ip?: string | null;
  /** Only check the record: the answer says what it would register and what a launch of it would choose, and nothing is kept. */ dry_run?: boolean;
}

/** One line of the plain list. */
export interface RegistrationSummary {
  model_name: string;
  /** Whether it comes with Modelyard. */ is_builtin: boolean;
}

/** Body of `POST /v1/knowledge_bases/{base}/reindex`. */
export interface ReindexRequest {
  /** Another one from now on; empty for none. */ embedding_model?: string | null;
  chunking?: ChunkingBody | null;
  /** Make chunks anew, too, that somebody edited. */ force?: boolean;
}

/** One relaunch of a part of Xinference. This server has none, so the lists of them are empty. */
export interface Relaunch {
  operation_id: string;
}

/** What answers a question. All that is set must hold of a hit. */
export interface Relevant {
  /** Name of a document. */ document?: string | null;
  page?: number | null;
  /** Text that a chunk must contain; blanks, case and width do not count. */ text?: string | null;
  /** Id of a chunk, which a new index changes. */ chunk_id?: number | null;
  /** Relevance; higher is better. */ grade?: number;
}

/** Body of `POST /v1/models/{uid}/reload`. */
export interface ReloadRequest {
  /** The parameters to change. */ model_config?: Record<string, unknown>;
}

/** Answer of `DELETE /v1/models/{uid}/replicas/{replica_id}`. */
export interface RemainingReplicas {
  remaining_replicas: number;
}

/** Answer of `DELETE /v1/cache/models`. */
export interface Removed {
  result: boolean;
}

/** The id of something that is in its list no more. */
export interface RemovedName {
  id: string;
}

/** Body of `PATCH …/evaluations/{set}`. */
export interface RenameEvaluationSet {
  name: string;
}

/** What a replica does at this moment. What is not known is null. */
export interface ReplicaGauge {
  /** Requests that it has and has not answered to their end. */ in_flight: number;
  /** Those of them that wait in it to be computed. */ queued: number | null;
  /** Use of one core by its processes, a mean over some seconds. */ cpu_percent: number | null;
  /** Bytes of main memory of its processes. */ memory: number | null;
  /** Bytes of GPU memory of its processes. */ gpu_memory: number | null;
  /** How full its KV cache is. */ kv_cache_percent: number | null;
  /** Tokens of prompts that were looked up in its prefix cache, since it started. */ prefix_queries: number | null;
  /** Tokens of these that were found there. */ prefix_hits: number | null;
}

/** One replica, as `GET /v1/models/{uid}/replicas` lists it. */
export interface ReplicaInfo {
  replica_id: number;
  replica_model_uid: string;
  worker_address: string;
  model_address: string | null;
  accelerators: string[];
  status: string;
  created_ts: number;
  error_message: string | null;
  replica_uid: string | null;
  gpu_idx: number[] | null;
  pid: number | null;
  in_flight: number;
  restarts: number;
}

/** Progress of one replica of a launch. */
export interface ReplicaProgress {
  replica_id: number;
  replica_model_uid: string;
  progress: number;
  stage: string;
  info: string;
  updated_at: number;
}

/** One replica, as `GET /v1/models/instances` lists it. */
export interface ReplicaStatus {
  replica_id: number;
  replica_model_uid: string;
  worker_address: string;
  status: string;
  model_state: string | null;
  created_ts: number;
  error_message: string | null;
  replica_uid: string | null;
  gpu_idx: number[] | null;
}

/** The replicas of a model differ from before. */
export interface ReplicasChanged {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
  topic: "replicas";
  type: "replicas";
  data: ModelReplicas;
}

/** What a model writes: whole, or the part of it in one chunk of a stream. */
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

/** One inference request that has ended. */
export interface RequestInfo {
  /** Counts the requests since the server started; `before` takes it. */ number: number;
  /** The request id, as in `x-request-id`. What an answer of a knowledge base asks of models has the id of its request. */ id: string;
  /** Unix time of its arrival. */ at: number;
  /** Empty for a path that the server does not know. */ path: string;
  /** Empty if it was refused before its model was found. */ model: string;
  replica: string | null;
  /** Id of the API key; null without keys and for users who logged in. */ key: string | null;
  key_name: string | null;
  /** Name of the user who logged in. */ user: string | null;
  /** Whether the server sent it itself for its caller, such as the question of a knowledge base to its chat model. */ inside: boolean;
  /** 499 if the client disconnected before the answer began. */ status: number;
  /** `complete`, `broken` (by the replica), `left` (the client disconnected), or `aborted`. */ outcome: string;
  /** Seconds to the first token; null unless the answer was streamed. */ ttft: number | null;
  /** From its arrival to the end of its answer. */ seconds: number;
  tokens_in: number;
  tokens_out: number;
  /** Tokens of the prompt that the engine had computed before. */ tokens_cached: number;
  /** Whether the engine reported no usage, so that tokens are counted by events of the answer and bytes of the request. */ estimated: boolean;
}

/** Answer of `GET /v1/requests`, newest first. */
export interface RequestList {
  object: "list";
  data: RequestInfo[];
  /** Whether there are older ones: ask again with `before` set to the last `number`. */ has_more: boolean;
}

/** One message of a conversation; `protocol/messages.py` checks what stands in it. */
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

/** A run with what it found for each question. */
export interface RunDetail {
  /** Also the id of its job. */ id: string;
  object: "knowledge_base.evaluation.run";
  questions: number;
  settings: SettingResult[];
  /** Unix time of its start. */ created_at: number;
  /** Unix time. */ finished_at: number;
  results: RunResult[];
  /** With `against`: name of a measure → this run minus that one. */ differences: Record<string, MeasureDifference> | null;
}

/** A finished run. */
export interface RunInfo {
  /** Also the id of its job. */ id: string;
  object: "knowledge_base.evaluation.run";
  questions: number;
  settings: SettingResult[];
  /** Unix time of its start. */ created_at: number;
  /** Unix time. */ finished_at: number;
}

/** Answer of `GET …/evaluations/{set}/runs`, newest first. */
export interface RunList {
  object: "list";
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: RunInfo[];
}

/** Measures of the first ten hits, 0 to 1; means over questions that something answers. Null without such questions. */
export interface RunMeasures {
  /** Part of the questions whose first hit is relevant. */ hit_1: number | null;
  /** Part of the questions with a relevant hit among the first five. */ hit_5: number | null;
  /** Part of what is relevant that is among the first five. */ recall_5: number | null;
  /** 1 divided by the place of the first relevant hit; 0 where none is among the ten. */ mrr: number | null;
  /** Discounted gain of the ten against that of the best order, grades as gains. */ ndcg_10: number | null;
}

/** What a run found for one question. */
export interface RunResult {
  id: number;
  question: string;
  /** Whether anything is relevant to it. */ answerable: boolean;
  /** One for each setting of the run, in its order. */ outcomes: SearchOutcome[];
}

/** A search setting to measure. */
export interface RunSettingBody {
  mode?: "hybrid" | "lexical" | "vector";
  /** Whether the rerank model ranks the hits. */ rerank?: boolean;
  /** In place of the base's. */ rerank_model?: string | null;
  min_score?: number;
}

/** Body of `POST /v1/models/{uid}/replicas`: how many replicas to add. Other fields must agree with those that run. */
export interface ScaleRequest {
  /** Number of replicas to add. */ replica?: number;
  /** Where each replica is placed. */ replica_config?: Record<string, unknown> | Record<string, unknown>[] | null;
  /** The engine of the new replicas. */ model_engine?: string | null;
  /** GPUs per new replica. */ n_gpu?: number | string | null;
}

/** Answer of `POST /v1/models/{uid}/replicas`; the first added replica is repeated at the top, as in Xinference. */
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

/** Body of `POST /v1/score`: a text and one or more texts, or as many of both; vLLM's newer names are taken too. */
export interface ScoreRequest {
  model: string;
  text_1?: string | string[];
  text_2?: string | string[];
  queries?: string | string[];
  documents?: string | string[];
  items?: string | string[];
  truncate_prompt_tokens?: number | null;
}

/** Why a hit stands where it stands. Higher is better in each; null where it does not apply. */
export interface Scores {
  /** BM25. */ lexical: number | null;
  /** Cosine, -1 to 1. */ similarity: number | null;
  /** What words and vectors say together, beside the best hit: how likely it is about the query, 0 to 1. */ fused: number;
  /** Of the ranking model: 0 to 1. */ rerank: number | null;
}

/** How well the texts of one script are found. */
export interface ScriptProbeInfo {
  weight: number;
  reads: number | null;
  sentences: number;
  by_vectors: number | null;
  by_words: number | null;
}

/** Answer of a search. */
export interface SearchAnswer {
  object: string;
  data: Hit[];
  /** For people: that a base is searched by words alone, say. */ notes: string[];
  /** The model that ranked the hits. */ rerank_model: string | null;
  /** How the hits came about, if the request asks for it (`explain`). */ explanation: Explanation | null;
}

/** Body of `POST …/search`. */
export interface SearchBaseRequest {
  top_k?: number;
  mode?: "hybrid" | "lexical" | "vector";
  /** Conditions on documents: `{"year": {"gte": 2024}, "document": {"prefix": "hr/"}}`. */ filter?: Record<string, unknown>;
  /** Null to use the ranking model of the base if it answers. */ rerank?: boolean | null;
  min_score?: number;
  query: string;
  rerank_model?: string | null;
  /** Whether the answer says how its hits came about: ranks in each list, what was dropped, times. */ explain?: boolean;
}

/** What one setting found for one question. */
export interface SearchOutcome {
  /** Of the first relevant hit; null if none is among the first ten. */ rank: number | null;
  hits: number;
  measures: RunMeasures;
  milliseconds: number;
  /** Why the search failed; empty if it did not. */ error: string;
}

/** Body of `POST /v1/knowledge_bases/search`. */
export interface SearchSeveralRequest {
  top_k?: number;
  mode?: "hybrid" | "lexical" | "vector";
  /** Conditions on documents: `{"year": {"gte": 2024}, "document": {"prefix": "hr/"}}`. */ filter?: Record<string, unknown>;
  /** Null to use the ranking model of the base if it answers. */ rerank?: boolean | null;
  min_score?: number;
  query: string;
  rerank_model?: string | null;
  /** Whether the answer says how its hits came about: ranks in each list, what was dropped, times. */ explain?: boolean;
  knowledge_bases: string[];
}

/** Answer of `GET /v1/metrics/series`. */
export interface SeriesList {
  object: "list";
  /** Unix time at which the first step begins. */ since: number;
  /** Seconds of a step. */ step: number;
  /** How many steps there are, also without any series. */ steps: number;
  /** The series that have a value; others are left out. */ data: FigureSeries[];
}

/** One event of `GET /v1/metrics/series?follow=true`: steps that are complete, in the order of time without a gap. */
export interface SeriesNews {
  /** The Unix time after these steps, which is the `id` of the server-sent event, too. */ id: string;
  /** Unix time at which the first step begins; that of the next event is the end of the last one. */ since: number;
  /** Seconds of a step; the same in all events of a stream. */ step: number;
  /** How many steps there are. */ steps: number;
  /** The series that have a value in these steps; others are left out. */ data: FigureSeries[];
}

/** Answer of `GET /` to programs. */
export interface ServerName {
  name: string;
  version: string;
  documentation: string;
}

/** Everything of the reader's topics as it is now; a topic that the reader did not ask for is null. */
export interface ServerSnapshot {
  /** As `GET /v1/models` lists them. */ models: ModelInfo[] | null;
  replicas: ModelReplicas[] | null;
  progress: ModelProgress[] | null;
  downloads: DownloadInfo[] | null;
  /** The newest hundred that the caller sees, as `GET /v1/jobs` lists them. */ jobs: JobInfo[] | null;
  gauges: Gauges | null;
}

/** Answer of `GET /status`. */
export interface ServerStatus {
  uptime: number;
  workers: Record<string, WorkerStatus>;
}

/** Answer of `GET /v1/cluster/version` and `GET /version`. */
export interface ServerVersion {
  version: string;
}

/** A session of a browser. Its token is in the browser's cookie only. */
export interface SessionInfo {
  id: string;
  /** With whose rights it was begun: those of a user, of an API key, or of anybody, on a server that requires no key. */ kind: "user" | "key" | "local";
  /** Whether it is the session of this request. */ current: boolean;
  /** Unix time. */ created_at: number;
  /** Unix time. */ last_used_at: number;
  /** Unix time at which it ends, however much it is used. */ expires_at: number;
  /** The browser, by its own words. */ user_agent: string;
  /** IP address from which it was begun. */ address: string;
}

/** Answer of `GET /v1/auth/sessions`: the caller's own sessions, the most recently used first. */
export interface SessionList {
  object: "list";
  data: SessionInfo[];
}

/** Body of `POST /v1/auth/sessions`: a name and password, or an API key, or nothing where no key is required. */
export interface SessionRequest {
  username?: string | null;
  /** Sent with `username`. */ password?: string | null;
  /** An API key, whose rights the session has. */ api_key?: string | null;
}

/** One setting of the server. */
export interface SettingInfo {
  name: string;
  /** The environment variable that sets it, when the server starts. */ variable: string;
  description: string;
  /** What is in force; null for secrets. */ value: unknown;
  default: unknown;
  /** Whether it was given, by its variable or on the command line. */ is_set: boolean;
  /** Whether its value is never shown. */ secret: boolean;
  /** JSON Schema of its values. */ value_schema: Record<string, unknown>;
}

/** Answer of `GET /v1/server/settings`, in the order of the manual. */
export interface SettingList {
  object: "list";
  data: SettingInfo[];
}

/** What one setting reached. */
export interface SettingResult {
  mode: "hybrid" | "lexical" | "vector";
  /** Whether the rerank model ranks the hits. */ rerank: boolean;
  /** In place of the base's. */ rerank_model: string | null;
  min_score: number;
  measures: RunMeasures;
  /** Median time of a search. */ milliseconds: number;
  /** Questions for which the search failed; they count in no measure. */ failed: number;
}

/** The first event of a reader that has seen nothing, or that has missed more than the server keeps. */
export interface SnapshotEvent {
  /** `EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server. */ id: string;
  /** Unix time. */ at: number;
  topic: "snapshot";
  type: "snapshot";
  data: ServerSnapshot;
}

/** First event of a streamed answer. */
export interface SourcesEvent {
  type: "sources";
  sources: Citation[];
  notes: string[];
  rerank_model: string | null;
}

/** One size and format of a family. A registered one has the fields that were sent, too. */
export interface SpecRecord {
  model_format: string | null;
  model_size_in_billions: number | string | null;
  quantizations: string[] | null;
  model_id: string | null;
  model_hub: string | null;
  model_uri: string | null;
  model_revision: string | null;
  cache_status: boolean[] | boolean | null;
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
  /** What to measure; if empty, every mode that the base has, and its rerank model. */ settings?: RunSettingBody[];
}

/** Split a file into chunks of these sizes. */
export interface StaticChunking {
  type: "static";
  static: StaticSizes;
}

/** Sizes in tokens, of which each counts as four characters. */
export interface StaticSizes {
  max_chunk_size_tokens: number;
  /** At most half of `max_chunk_size_tokens`. */ chunk_overlap_tokens: number;
}

/** Sizes in tokens, of which each counts as four characters. */
export interface StaticSizesInfo {
  max_chunk_size_tokens: number;
  chunk_overlap_tokens: number;
}

/** When the files of a store are deleted. */
export interface StoreExpiry {
  anchor: "last_active_at";
  /** Days after its last use. */ days: number;
}

/** Answer of `GET …/files/{file_id}/content`: the text that was read from the file; no item before it is indexed. */
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

/** A document of a knowledge base as a file of a vector store. */
export interface StoreFileInfo {
  /** Of the stored file; of a document that was not made of one, an id of its own. */ id: string;
  object: "vector_store.file";
  /** Unix time. */ created_at: number;
  usage_bytes: number;
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

/** A chunk that was found. */
export interface StoreHit {
  file_id: string;
  filename: string;
  /** 0 to 1, higher is better. */ score: number;
  attributes: Record<string, string | boolean | number>;
  content: StoreText[];
}

/** Body of `POST /v1/vector_stores/{vector_store_id}/search`. */
export interface StoreSearch {
  /** A question or key words; several are searched each, and their hits are ranked together. */ query: string | string[];
  filters?: ComparisonFilter | CompoundFilter | null;
  max_num_results?: number;
  ranking_options?: RankingOptions | null;
  /** Accepted and not needed: a question is searched as it is, by words and by meaning. */ rewrite_query?: boolean;
}

/** Answer of a search of a vector store. */
export interface StoreSearchAnswer {
  object: "vector_store.search_results.page";
  /** What was searched for. */ search_query: string[];
  data: StoreHit[];
  has_more: boolean;
  next_page: string | null;
}

/** A text. */
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

/** Answer of routes that do something and return nothing else. */
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

/** Answer of `GET /v1/cluster/system_settings`: what is in force. It is set by `MODELYARD_*` and not over HTTP. */
export interface SystemSettings {
  download_source: string;
  hf_endpoint: string;
  hf_token: string;
  pip_index_url: string;
  download_max_attempts: number;
  hub_detect_timeout: number;
  model_download_workers: number;
}

/** What a classifier makes of one text. */
export interface TextClass {
  index: number;
  label: string | null;
  probs: number[];
  num_classes: number;
  scores?: Record<string, number>;
  multi_label?: boolean;
  safe_labels?: string[] | null;
}

/** A text. */
export interface TextContent {
  type: "text";
  text: string;
}

/** One of the texts that continue a prompt. */
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

/** Body of `POST /v1/convert_ids_to_tokens`. `input` is token ids, or lists of them; ids may be spelled as text. */
export interface TokenIdsRequest {
  model: string;
  input: number | string | (number | string | (number | string)[])[];
}

/** Tokens that a request took. */
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

/** Body of `POST /tokenize`: a text, or a conversation, which goes through the model's chat template. */
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

/** Answer of `POST /token`: a token to work with, and one to get the next with. */
export interface Tokens {
  access_token: string;
  refresh_token: string;
  token_type: string;
  expires_in: number;
}

/** A tool that a model can call. */
export interface ToolInfo {
  /** Its name for models. */ name: string;
  description: string;
  /** JSON Schema of its arguments. */ parameters: Record<string, unknown>;
}

/** Answer of `GET /v1/server/tools`. */
export interface ToolList {
  object: "list";
  data: ToolInfo[];
  /** Names of the search engines that are configured and that the key may use, for answers from the web. */ search_engines: string[];
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

/** Answer of `GET /v1/cluster/ui_config`: which of Xinference's companions there are. */
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
  missing: string[];
}

/** Body of `POST /v1/unload_lora_adapter`. */
export interface UnloadAdapterRequest {
  /** The adapter's name. */ lora_name: string;
}

/** A file that arrives in parts. */
export interface UploadInfo {
  id: string;
  object: "upload";
  bytes: number;
  /** Unix time. */ created_at: number;
  /** Unix time until which parts are accepted. */ expires_at: number;
  filename: string;
  purpose: string;
  status: "pending" | "completed" | "cancelled" | "expired";
  /** The file that was made of its parts. */ file: FileInfo | null;
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
  job: string | null;
  failed: Record<string, string>;
}

/** A document at a URL. */
export interface UrlDocument {
  url: string;
  /** The document's name; made of the URL if left out, such as `example.com/docs/guide.html`. */ name?: string | null;
  metadata?: Record<string, unknown>;
}

/** Requests and tokens of one day, key or user, and model, or the sum of those that `by` does not name. */
export interface UsageEntry {
  /** Such as `2026-11-29`, in UTC; null unless `by` has `day`. */ day: string | null;
  /** Id of the API key; null without keys, for users who logged in, and unless `by` has `key`. */ key: string | null;
  key_name: string | null;
  /** Name of the user who logged in; null for API keys, without keys, and unless `by` has `user`. */ user: string | null;
  /** Empty for requests that were refused before their model was found, and unless `by` has `model`. */ model: string;
  requests: number;
  /** Requests that ended with an error; a client that disconnects is none. */ errors: number;
  tokens_in: number;
  tokens_out: number;
  /** Tokens of prompts that an engine had computed before; they are part of `tokens_in`. */ tokens_cached: number;
}

/** Answer of `GET /v1/usage`, newest day first. */
export interface UsageList {
  object: "list";
  data: UsageEntry[];
  /** Whether there are more rows than `limit`. */ has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. */ next: string | null;
}

/** A person who may log in. */
export interface UserInfo {
  id: number;
  username: string;
  owner: string;
  scopes: string[];
  created_at: number;
}

/** Answer of `GET /v1/admin/users`, oldest first. */
export interface UserList {
  object: "list";
  has_more: boolean;
  /** What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted. */ next: string | null;
  data: UserInfo[];
}

/** Body of `PATCH /v1/admin/users/{name}`. */
export interface UserPatch {
  /** What this person may do from the next request on, in present logins, too. */ scopes: string[];
}

/** Body of `POST /v1/admin/users`. */
export interface UserRequest {
  username: string;
  password: string;
  scopes?: string[] | null;
}

/** Answer of `DELETE /v1/vector_stores/{vector_store_id}`. */
export interface VectorStoreDeleted {
  id: string;
  object: "vector_store.deleted";
  deleted: true;
}

/** A knowledge base as a vector store. */
export interface VectorStoreInfo {
  /** Stays when the base is renamed. */ id: string;
  object: "vector_store";
  /** Unix time. */ created_at: number;
  /** Of the knowledge base. */ name: string;
  description: string;
  /** Size of its files. */ usage_bytes: number;
  file_counts: FileCounts;
  status: "expired" | "in_progress" | "completed";
  expires_after: Required<StoreExpiry> | null;
  /** Unix time. */ expires_at: number | null;
  /** Unix time. */ last_active_at: number;
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

/** Body of `POST /v1/models/instance`. Keys that are not listed here are those of `POST /v1/models`. */
export interface VersionLaunchRequest {
  /** `<name>--<size>B--<format>--<quantization>`, as the listing of versions has it. */ model_version: string;
  /** Name under which the model will answer; the model's name if left out. */ model_uid?: string | null;
  /** `LLM`, `embedding`, `rerank`, `image`, `audio` or `video`. */ model_type?: string | null;
  /** The best that fits if left out. */ model_engine?: string | null;
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

/** One engine's environment in `GET /v1/virtualenvs`. */
export interface VirtualEnvironment {
  model_name: string | null;
  model_engine: string;
  python_version: string;
  path: string;
  real_path: string;
  actor_ip_address: string;
  versions: Record<string, string>;
  installed_at: number;
}

/** Answer of `GET /v1/virtualenvs`. */
export interface VirtualEnvironmentList {
  list: VirtualEnvironment[];
}

/** Answer of `POST /v1/audio/embeddings`, a path of Xinference: the vector of a voice. */
export interface VoiceEmbedding {
  embedding: number[];
  object?: string | null;
  model?: string | null;
  dimensions?: number | null;
}

/** One machine in `GET /v1/workers`. */
export interface WorkerModels {
  "work-ip": string;
  models: Record<string, ModelInfo>;
}

/** One machine in `GET /status`. */
export interface WorkerStatus {
  update_time: number;
  failure_remaining_count: number;
  status: Record<string, Record<string, unknown>>;
}
