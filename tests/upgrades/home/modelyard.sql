BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE autostart (
	uid VARCHAR(100) NOT NULL, 
	entry JSON NOT NULL, 
	PRIMARY KEY (uid)
);
INSERT INTO "autostart" VALUES('later','{"launch": {"model_name": "later", "model_engine": "fake"}, "enabled": true, "priority": 100, "max_retries": 3, "retry_interval_seconds": 30}');
CREATE TABLE conversations (
	id VARCHAR(32) NOT NULL, 
	owner VARCHAR(32) NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	kind VARCHAR(50) NOT NULL, 
	created_at FLOAT NOT NULL, 
	updated_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "conversations" VALUES('4ade890a19b90e32520a124994117a2a','','What does the MX-2140 deliver?','knowledge',1796026307.85857,1.79602630786134791372e+09);
CREATE TABLE deployments (
	uid VARCHAR(100) NOT NULL, 
	launch JSON NOT NULL, 
	request JSON NOT NULL, 
	ordinals JSON NOT NULL, 
	generation INTEGER NOT NULL, 
	terminating BOOLEAN NOT NULL, 
	was_ready BOOLEAN NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (uid)
);
INSERT INTO "deployments" VALUES('echo','{"uid": "echo", "model": {"name": "echo", "type": "LLM", "format": "fake", "path": null, "download": null, "projector": null, "size_in_billions": null, "quantization": null, "architecture": null, "context_length": 0, "abilities": [], "languages": [], "description": "", "family": null, "hub": null, "model_id": null, "revision": null, "dimensions": null, "weights_bytes": 0, "shape": null, "thinking_key": null, "chat_template": null, "stop": [], "stop_token_ids": []}, "engine": "fake", "options": {}, "env": {}, "gpus": 0, "gpu_idx": [], "request_limit": null, "adapters": []}','{"model_name": "echo", "model_uid": "echo", "model_type": null, "model_engine": "fake", "model_format": null, "model_size_in_billions": null, "quantization": null, "model_path": null, "replica": 2, "n_worker": null, "n_gpu": "auto", "gpu_idx": null, "envs": null, "peft_model_config": null, "request_limits": null, "worker_ip": null, "replica_config": null, "enable_thinking": null, "enable_virtual_env": null, "virtual_env_packages": null, "virtual_env_find_links": null}','[0, 1]',1,0,1,1.79602630600194287293e+09);
INSERT INTO "deployments" VALUES('vectors','{"uid": "vectors", "model": {"name": "vectors", "type": "embedding", "format": "fake", "path": null, "download": null, "projector": null, "size_in_billions": null, "quantization": null, "architecture": null, "context_length": 0, "abilities": [], "languages": [], "description": "", "family": null, "hub": null, "model_id": null, "revision": null, "dimensions": null, "weights_bytes": 0, "shape": null, "thinking_key": null, "chat_template": null, "stop": [], "stop_token_ids": []}, "engine": "fake", "options": {}, "env": {}, "gpus": 0, "gpu_idx": [], "request_limit": null, "adapters": []}','{"model_name": "vectors", "model_uid": "vectors", "model_type": "embedding", "model_engine": "fake", "model_format": null, "model_size_in_billions": null, "quantization": null, "model_path": null, "replica": 1, "n_worker": null, "n_gpu": "auto", "gpu_idx": null, "envs": null, "peft_model_config": null, "request_limits": null, "worker_ip": null, "replica_config": null, "enable_thinking": null, "enable_virtual_env": null, "virtual_env_packages": null, "virtual_env_find_links": null}','[0]',1,0,1,1.79602630643915343279e+09);
INSERT INTO "deployments" VALUES('modelyard-demo','{"uid": "modelyard-demo", "model": {"name": "modelyard-demo", "type": "LLM", "format": "ggufv2", "path": "@SITE@/modelyard/catalog/demo/modelyard-demo.gguf", "download": null, "projector": null, "size_in_billions": 0.005, "quantization": "Q8_0", "architecture": "llama", "context_length": 2048, "abilities": ["generate", "chat"], "languages": ["en", "zh"], "description": "A tiny chat model that comes with Modelyard, so that a machine without a network has something to talk to. It was trained by tools/demo_model in this repository; it answers simple questions in English and Chinese, and from a passage.", "family": "modelyard-demo", "hub": "package", "model_id": null, "revision": null, "dimensions": null, "weights_bytes": 5014016, "shape": {"layers": 5, "hidden": 256, "heads": 8, "kv_heads": 4, "head_dim": 32, "vocab": 6144, "parameters": 4524800, "value_dim": 32, "kv_lora_rank": 0, "qk_rope_head_dim": 0, "cached_layers": 0, "sliding_window": 0, "sliding_layers": 0}, "thinking_key": null, "chat_template": null, "stop": [], "stop_token_ids": []}, "engine": "llama_cpp", "options": {}, "env": {}, "gpus": 0, "gpu_idx": [], "request_limit": null, "adapters": [{"name": "tuner", "path": "@HOME@/adapters/tuner.gguf", "format": "gguf", "rank": 1, "targets": ["attn_q"], "traits": [], "base": "", "size": 2368, "scale": 1.0}]}','{"model_name": "modelyard-demo", "model_uid": null, "model_type": null, "model_engine": null, "model_format": null, "model_size_in_billions": null, "quantization": null, "model_path": null, "replica": 1, "n_worker": null, "n_gpu": "auto", "gpu_idx": null, "envs": null, "peft_model_config": null, "request_limits": null, "worker_ip": null, "replica_config": null, "enable_thinking": null, "enable_virtual_env": null, "virtual_env_packages": null, "virtual_env_find_links": null, "lora_modules": ["tuner=@HOME@/adapters/tuner.gguf"]}','[0]',1,0,1,1.79602630670977902408e+09);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	uid VARCHAR(100) NOT NULL, 
	at FLOAT NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	content TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "events" VALUES(1,'echo',1.79602630600209832193e+09,'INFO','Launch model');
INSERT INTO "events" VALUES(2,'echo',1.79602630601024937633e+09,'INFO','Replica 0 is starting on fake');
INSERT INTO "events" VALUES(3,'echo',1.79602630602581882475e+09,'INFO','Replica 1 is starting on fake');
INSERT INTO "events" VALUES(4,'echo',1.79602630631801486009e+09,'INFO','Replica 0 is ready after 0.3 s');
INSERT INTO "events" VALUES(5,'echo',1.79602630642417716985e+09,'INFO','Replica 1 is ready after 0.4 s');
INSERT INTO "events" VALUES(6,'vectors',1.79602630643931102756e+09,'INFO','Launch model');
INSERT INTO "events" VALUES(7,'vectors',1.79602630644460082055e+09,'INFO','Replica 0 is starting on fake');
INSERT INTO "events" VALUES(8,'vectors',1.79602630664753961558e+09,'INFO','Replica 0 is ready after 0.2 s');
INSERT INTO "events" VALUES(9,'modelyard-demo',1.79602630670994710924e+09,'INFO','Launch model');
INSERT INTO "events" VALUES(10,'modelyard-demo',1.79602630671467185024e+09,'INFO','Replica 0 is starting on llama_cpp');
INSERT INTO "events" VALUES(11,'modelyard-demo',1.79602630699558687204e+09,'INFO','Replica 0 is ready after 0.3 s');
CREATE TABLE keys (
	id VARCHAR(32) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	prefix VARCHAR(16) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	user_id INTEGER, 
	scopes JSON NOT NULL, 
	models JSON, 
	bases JSON, 
	requests_per_minute INTEGER, 
	tokens_per_minute INTEGER, 
	created_at FLOAT NOT NULL, 
	expires_at FLOAT, 
	revoked_at FLOAT, 
	PRIMARY KEY (id), 
	UNIQUE (hash)
);
INSERT INTO "keys" VALUES('4d1a22cb8478f66fa','ann','my-HEii0','c7d391bcbdb2ac2cf818fd3f3e84c64ad122dbf9aff383ce12b6ba9011c69f16',1,'["admin"]',NULL,NULL,NULL,NULL,1.79602630803973770147e+09,1.7961127080397377014e+09,NULL);
INSERT INTO "keys" VALUES('4d1a22cb8478f66fr','ann','my-zNh3o','418e6d510a047184f57ea820b97cff9b1e473c5aadf3b93b34175236d81a8179',1,'["refresh"]',NULL,NULL,NULL,NULL,1.79602630803973770147e+09,1.79861830803973770146e+09,NULL);
INSERT INTO "keys" VALUES('89e7ec14e6da','owner','my-BrUGs','7f1ebce745e77d93537c2e5f51487358db330ed5dd711fb38ad37fbf808b6049',NULL,'["admin"]','null','null',NULL,NULL,1.79602630805205273631e+09,NULL,NULL);
INSERT INTO "keys" VALUES('484d29817a61','app','my-1oTMa','f47ef1c1bac007271b6b5b52793b83b98888ef8712dcbcb72be76a50a4467957',NULL,'["models:list", "models:read"]','["echo"]','null',NULL,NULL,1.79602630806143569947e+09,NULL,NULL);
INSERT INTO "keys" VALUES('5bf246f8a0d0','reader','my-IqSVe','0d9a93b729543487659cae2f12c62015d263b77085863e98893212ee3b692237',NULL,'["models:list", "models:read"]','null','{"words": "read"}',NULL,NULL,1.79602630806902313232e+09,NULL,NULL);
CREATE TABLE knowledge_bases (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(200) NOT NULL, 
	description TEXT NOT NULL, 
	language VARCHAR(20) NOT NULL, 
	embedding_model VARCHAR(200), 
	rerank_model VARCHAR(200), 
	chat_model VARCHAR(200), 
	chunking JSON NOT NULL, 
	prompts JSON NOT NULL, 
	generation INTEGER NOT NULL, 
	dimension INTEGER, 
	"temporary" BOOLEAN NOT NULL, 
	extra JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	used_at FLOAT NOT NULL, 
	UNIQUE (name)
);
INSERT INTO "knowledge_bases" VALUES(1,'words','','',NULL,NULL,NULL,'{}','{}',1,NULL,0,'{}',1.79602630705568408961e+09,1.79602630705568408961e+09);
INSERT INTO "knowledge_bases" VALUES(2,'vectors','','','vectors',NULL,NULL,'{}','{}',1,32,0,'{}',1.79602630760445451741e+09,1.79602630760445451741e+09);
CREATE TABLE knowledge_chunks (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	base_id INTEGER NOT NULL, 
	document_id INTEGER NOT NULL, 
	generation INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	start INTEGER, 
	"end" INTEGER, 
	page INTEGER, 
	heading TEXT NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	edited BOOLEAN NOT NULL, 
	extra JSON NOT NULL, 
	FOREIGN KEY(base_id) REFERENCES knowledge_bases (id) ON DELETE CASCADE, 
	FOREIGN KEY(document_id) REFERENCES knowledge_documents (id) ON DELETE CASCADE
);
INSERT INTO "knowledge_chunks" VALUES(1,1,1,1,0,'Pumps

The MX-2140 delivers 12 litres a minute.','ab4001c80969b98b9625e6beb86a64f0fd936fc8a5107b096acb5e288abc9d0a',0,47,NULL,'Pumps',1,0,'{}');
INSERT INTO "knowledge_chunks" VALUES(2,1,1,1,1,'Valves

The V-7 valve opens at 3 bar.','9b530ed80848979007349df3d612b3e64812f710dd2d698a929758a7cae29e7c',49,86,NULL,'Valves',1,0,'{}');
INSERT INTO "knowledge_chunks" VALUES(3,1,2,1,0,'保养

水泵每六个月保养一次。滤芯每年更换。','55304bbff33527218ea51021e2c7901a4519514020f94ee383ac4c05b0b2366b',0,22,NULL,'保养',1,0,'{}');
INSERT INTO "knowledge_chunks" VALUES(4,2,3,1,0,'Pumps

The MX-2140 delivers 12 litres a minute.','ab4001c80969b98b9625e6beb86a64f0fd936fc8a5107b096acb5e288abc9d0a',0,47,NULL,'Pumps',1,0,'{}');
INSERT INTO "knowledge_chunks" VALUES(5,2,3,1,1,'Valves

The V-7 valve opens at 3 bar.','9b530ed80848979007349df3d612b3e64812f710dd2d698a929758a7cae29e7c',49,86,NULL,'Valves',1,0,'{}');
INSERT INTO "knowledge_chunks" VALUES(6,2,4,1,0,'保养

水泵每六个月保养一次。滤芯每年更换。','55304bbff33527218ea51021e2c7901a4519514020f94ee383ac4c05b0b2366b',0,22,NULL,'保养',1,0,'{}');
CREATE TABLE knowledge_documents (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	base_id INTEGER NOT NULL, 
	name VARCHAR(1000) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	modified_at FLOAT, 
	details JSON NOT NULL, 
	chunking JSON, 
	enabled BOOLEAN NOT NULL, 
	edited BOOLEAN NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	error TEXT NOT NULL, 
	chunks INTEGER NOT NULL, 
	characters INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	created_at FLOAT NOT NULL, 
	updated_at FLOAT NOT NULL, 
	UNIQUE (base_id, name), 
	FOREIGN KEY(base_id) REFERENCES knowledge_bases (id) ON DELETE CASCADE
);
INSERT INTO "knowledge_documents" VALUES(1,1,'pumps.md','196493b942f981916d9d10315180c6e8ab0d8c2a0665335964b8ab28fdcfb154',91,NULL,'{"title": "Pumps", "encoding": "utf-8"}',NULL,1,0,'62944663feb1f9bb4b171725a2b4c5f16e0c1379034e67ce7b9dbb0d57695ef6','ready','',2,86,1,1.79602630710628080362e+09,1.79602630742506027216e+09);
INSERT INTO "knowledge_documents" VALUES(2,1,'保养.md','d9b05ed64c2e05e8836d70b726c8bc0182736ef625d9d3d4f8fed02b4abe48f7',65,NULL,'{"title": "\u4fdd\u517b", "encoding": "utf-8"}',NULL,1,0,'27bbe1e652af1d4aed579db5a3dd0d854ac556b27ea27e59a4745763ca5f1e89','ready','',1,22,1,1.7960263071147351265e+09,1.79602630742510056488e+09);
INSERT INTO "knowledge_documents" VALUES(3,2,'pumps.md','196493b942f981916d9d10315180c6e8ab0d8c2a0665335964b8ab28fdcfb154',91,NULL,'{"title": "Pumps", "encoding": "utf-8"}',NULL,1,0,'fd37c709bf5c63b374d9945658570b8b82c792c398a976c64b5817ffa3fee178','ready','',2,86,1,1.79602630762045407291e+09,1.79602630768019318578e+09);
INSERT INTO "knowledge_documents" VALUES(4,2,'保养.md','d9b05ed64c2e05e8836d70b726c8bc0182736ef625d9d3d4f8fed02b4abe48f7',65,NULL,'{"title": "\u4fdd\u517b", "encoding": "utf-8"}',NULL,1,0,'0b8da4ab68282c0b2b0a3df5e6bdfe80b1caf9322ae85216834589260ffe0416','ready','',1,22,1,1.79602630762397241599e+09,1.79602630768021464344e+09);
CREATE TABLE knowledge_jobs (
	id VARCHAR(32) NOT NULL, 
	base_id INTEGER NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	generation INTEGER NOT NULL, 
	settings JSON NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	error TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	finished_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(base_id) REFERENCES knowledge_bases (id) ON DELETE CASCADE
);
INSERT INTO "knowledge_jobs" VALUES('43471ca83cb67d9d',1,'add',1,'{}','done','',1.79602630711970353127e+09,1.79602630757115840909e+09);
INSERT INTO "knowledge_jobs" VALUES('986b54f1cc362c06',2,'add',1,'{}','done','',1796026307.62689,1.79602630771681356426e+09);
CREATE TABLE knowledge_tasks (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id VARCHAR(32) NOT NULL, 
	document_id INTEGER NOT NULL, 
	force BOOLEAN NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	error TEXT NOT NULL, 
	chunks INTEGER NOT NULL, 
	embedded INTEGER NOT NULL, 
	FOREIGN KEY(job_id) REFERENCES knowledge_jobs (id) ON DELETE CASCADE, 
	FOREIGN KEY(document_id) REFERENCES knowledge_documents (id) ON DELETE CASCADE
);
INSERT INTO "knowledge_tasks" VALUES(1,'43471ca83cb67d9d',1,0,'done','',2,0);
INSERT INTO "knowledge_tasks" VALUES(2,'43471ca83cb67d9d',2,0,'done','',1,0);
INSERT INTO "knowledge_tasks" VALUES(3,'986b54f1cc362c06',3,0,'done','',2,2);
INSERT INTO "knowledge_tasks" VALUES(4,'986b54f1cc362c06',4,0,'done','',1,1);
CREATE TABLE knowledge_texts (
	document_id INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (document_id), 
	FOREIGN KEY(document_id) REFERENCES knowledge_documents (id) ON DELETE CASCADE
);
INSERT INTO "knowledge_texts" VALUES(1,'Pumps

The MX-2140 delivers 12 litres a minute.

Valves

The V-7 valve opens at 3 bar.');
INSERT INTO "knowledge_texts" VALUES(2,'保养

水泵每六个月保养一次。滤芯每年更换。');
INSERT INTO "knowledge_texts" VALUES(3,'Pumps

The MX-2140 delivers 12 litres a minute.

Valves

The V-7 valve opens at 3 bar.');
INSERT INTO "knowledge_texts" VALUES(4,'保养

水泵每六个月保养一次。滤芯每年更换。');
CREATE TABLE knowledge_vectors (
	model VARCHAR(200) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	vector BLOB NOT NULL, 
	PRIMARY KEY (model, hash)
);
INSERT INTO "knowledge_vectors" VALUES('vectors','ab4001c80969b98b9625e6beb86a64f0fd936fc8a5107b096acb5e288abc9d0a',X'D98F94BC5570693E3B6597BE8B0F87BE15A45D3D6517453DB93853BEC817A93DF7E8E63D43941A3D40BAB2BD656EAB3C704A143E17511FBEAF8081BD47CA1EBB9E6A14BD4E4529BEB388A83D775FF43D61520DBE2324D6BD3325213EB754053E911BDC3D04DCDC3E16AE42BB1F81CCBE16862EBDA972C5BE6D3BCB3D8679243E');
INSERT INTO "knowledge_vectors" VALUES('vectors','9b530ed80848979007349df3d612b3e64812f710dd2d698a929758a7cae29e7c',X'19041A3E288B8F3DFDC393BD99E0A83E2899AF3DE7BCF53D0D16BEBEFC288A3E654B2FBEFA27AFBDEA0DD6BD008382BDF5F84CBE67E1BB3EE626E7BC57437B3E20D8A1BDEDF1E33D71C37BBED34FB4BDB12D373D14AF92BCB31BFEBD91FA873E0E2B84BCA31592BE8FE1063D4651A33D0A13203D036C7D3E87E7DABD66DC96BC');
INSERT INTO "knowledge_vectors" VALUES('vectors','55304bbff33527218ea51021e2c7901a4519514020f94ee383ac4c05b0b2366b',X'91D75C3D2DCF5FBD0AC2863B3F99ED3D8731513D474123BE5DA829BEFA93C1BCA1D7A7BDFC53AFBD9A3FEC3C01AED7BE17BD98BE19293E3EC3FA3E3E4FE5D73E8D9EC73DE57AF63DDFAB463E83FB9FBE3D9FBB3D9E6586BE1D7907BDDBA354BEA6E0F5BDA66D4C3D824DAFBDE7D31B3E5D06A83DBDADE13D4E6F5C3E9D9C593D');
CREATE TABLE messages (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(32) NOT NULL, 
	conversation_id VARCHAR(32), 
	kind VARCHAR(50) NOT NULL, 
	question TEXT NOT NULL, 
	answer TEXT NOT NULL, 
	citations JSON NOT NULL, 
	details JSON NOT NULL, 
	score INTEGER, 
	reason TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	UNIQUE (id), 
	FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
);
INSERT INTO "messages" VALUES(1,'5629ad61ad9c36b40818551b685c6867','4ade890a19b90e32520a124994117a2a','knowledge','What does the MX-2140 deliver?','The MX-2140 delivers 12 letterres. [1]','[{"number": 1, "chunk_id": 1, "knowledge_base": "words", "document_id": 1, "document": "pumps.md", "page": null, "start": 0, "end": 47, "heading": "Pumps", "text": "Pumps\n\nThe MX-2140 delivers 12 litres a minute.", "score": 1.0, "scores": {"lexical": 5.86365270614624, "similarity": null, "fused": 1.0, "rerank": null}, "highlights": [[7, 10], [11, 18], [19, 27]]}]','{"knowledge_bases": ["words"], "model": "modelyard-demo", "usage": {"completion_tokens": 22, "prompt_tokens": 142, "total_tokens": 164, "prompt_tokens_details": {"cached_tokens": 0}}}',NULL,'',1.79602630786134791372e+09);
CREATE TABLE registrations (
	type VARCHAR(20) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	record JSON NOT NULL, 
	persist BOOLEAN NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (type, name)
);
INSERT INTO "registrations" VALUES('LLM','mine','{"name": "mine", "type": "LLM", "languages": ["en"], "abilities": ["chat"], "context_length": 2048, "specs": [{"format": "ggufv2", "size_in_billions": 1, "quantizations": ["Q8_0"], "src": {"local": {"path": "@SITE@/modelyard/catalog/demo/modelyard-demo.gguf"}}}]}',1,1.79602630700730657572e+09);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	password VARCHAR(200) NOT NULL, 
	scopes JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "users" VALUES(1,'ann','scrypt$16384$8$1$ZdSPiJ7Awp5DJqHuwBOqgg==$VoN2e2HAuiwIUG+tgJn35+XWmU93bJ1dmPAOStl+UIscuzUnXK/l4/Db4HhDMoF6QIXb7AavlygwtAxJk9cDNw==','["admin"]',1796026307.97988);
CREATE INDEX ix_events_uid_id ON events (uid, id);
CREATE INDEX ix_conversations_owner ON conversations (owner);
CREATE INDEX ix_knowledge_documents_hash ON knowledge_documents (hash);
CREATE INDEX ix_knowledge_jobs_base_id ON knowledge_jobs (base_id);
CREATE INDEX ix_messages_conversation ON messages (conversation_id, number);
CREATE INDEX ix_knowledge_chunks_base ON knowledge_chunks (base_id, generation, id);
CREATE INDEX ix_knowledge_chunks_document ON knowledge_chunks (document_id, generation, position);
CREATE INDEX ix_knowledge_tasks_document_id ON knowledge_tasks (document_id);
CREATE INDEX ix_knowledge_tasks_job ON knowledge_tasks (job_id, state);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('knowledge_bases',2);
INSERT INTO "sqlite_sequence" VALUES('knowledge_documents',4);
INSERT INTO "sqlite_sequence" VALUES('knowledge_tasks',4);
INSERT INTO "sqlite_sequence" VALUES('knowledge_chunks',6);
INSERT INTO "sqlite_sequence" VALUES('messages',1);
COMMIT;
