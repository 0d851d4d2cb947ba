"""A client that only knows Langchain-Chatchat: its routes, its bodies, its envelopes, its streams."""

from __future__ import annotations

import json
from typing import Any

import httpx

Json = dict[str, Any]

ROUTES = {
    "GET /",
    "POST /chat/agent_chat",
    "POST /chat/chat",
    "POST /chat/feedback",
    "POST /chat/file_chat",
    "POST /chat/knowledge_base_chat",
    "POST /chat/search_engine_chat",
    "POST /knowledge_base/create_knowledge_base",
    "POST /knowledge_base/delete_docs",
    "POST /knowledge_base/delete_knowledge_base",
    "GET /knowledge_base/download_doc",
    "POST /knowledge_base/kb_summary_api/recreate_summary_vector_store",
    "POST /knowledge_base/kb_summary_api/summary_doc_ids_to_vector_store",
    "POST /knowledge_base/kb_summary_api/summary_file_to_vector_store",
    "GET /knowledge_base/list_files",
    "GET /knowledge_base/list_knowledge_bases",
    "POST /knowledge_base/recreate_vector_store",
    "POST /knowledge_base/search_docs",
    "POST /knowledge_base/update_docs",
    "POST /knowledge_base/update_docs_by_id",
    "POST /knowledge_base/update_info",
    "POST /knowledge_base/upload_docs",
    "POST /knowledge_base/upload_temp_docs",
    "POST /llm_model/change",
    "POST /llm_model/get_model_config",
    "POST /llm_model/list_config_models",
    "POST /llm_model/list_running_models",
    "POST /llm_model/stop",
    "POST /other/completion",
    "POST /other/embed_texts",
    "POST /server/configs",
    "POST /server/get_prompt_template",
    "POST /server/list_search_engines",
}
"""`mount_app_routes` of 0.2.10: its 32 routes, and the way from `/` to the documentation."""

FASTCHAT = {
    "POST /count_token",
    "POST /get_worker_address",
    "POST /list_language_models",
    "POST /list_models",
    "POST /list_multimodal_models",
    "POST /model_details",
    "POST /refresh_all_workers",
    "POST /release_worker",
    "GET /test_connection",
    "POST /worker_generate",
    "POST /worker_generate_stream",
    "POST /worker_get_embeddings",
    "POST /worker_get_status",
}
"""What clients call of the controller and the workers beside it."""


class Chatchat:
    """Sends what `ApiRequest` of Chatchat's web page sends, and reads what it reads. Remembers which routes were asked."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=120)
        self.routes: set[str] = set()

    def _request(self, method: str, path: str, **given: Any) -> httpx.Response:
        self.routes.add(f"{method} {path}")
        answer = self.http.request(method, path, **given)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def root(self) -> str:
        """Where `/` leads."""
        self.routes.add("GET /")
        return str(self.http.get("/", follow_redirects=True).url.path)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self._request("GET", path, params=params)

    def raw(self, path: str, body: Any = None) -> httpx.Response:
        return self._request("POST", path, json=body)

    def post(self, path: str, body: Any = None) -> Any:
        return self.raw(path, body).json()

    def done(self, path: str, body: Any = None) -> Any:
        """`data` of an answer that says 200, the three fields of the envelope being all there is."""
        return self.opened(self.post(path, body))

    def upload(self, path: str, files: dict[str, bytes], **fields: Any) -> Any:
        parts = [("files", (name, data)) for name, data in files.items()]
        return self.opened(self._request("POST", path, files=parts, data=fields).json())

    def events(self, path: str, **body: Any) -> list[Json]:
        """What a stream tells, read line by line as `httpx_stream2generator` does."""
        return [json.loads(line) for line in self.lines(path, **body)]

    def lines(self, path: str, **body: Any) -> list[str]:
        self.routes.add(f"POST {path}")
        events = []
        with self.http.stream("POST", path, json=body) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line and not line.startswith(":"):
                    assert line.startswith("data: "), line
                    events.append(line.removeprefix("data: "))
        return events

    @staticmethod
    def opened(answer: Json) -> Any:
        """`data` of an envelope that says 200."""
        assert answer["code"] == 200 and set(answer) <= {"code", "msg", "data"}, answer
        return answer.get("data")
