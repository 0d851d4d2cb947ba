"""What the server of the screenshots holds: models with short and long names, bases, chats, keys, users, jobs and traffic."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import httpx
from docx.document import Document
from openpyxl.workbook import Workbook
from tests.knowledge.documents.loaders.samples import Text, pdf, word, workbook

MODELS: tuple[dict[str, Any], ...] = (
    {"model_uid": "qwen3-4b-instruct", "tokens": 120, "tokens_per_second": 60},
    {
        "model_uid": "deepseek-r1-distill-llama-70b-q4_k_m-for-the-legal-department",
        "tokens": 90,
        "tokens_per_second": 25,
    },
    {"model_uid": "bge-m3", "model_type": "embedding"},
    {"model_uid": "bge-reranker-v2-m3", "model_type": "rerank"},
    {"model_uid": "internvl3-8b", "replica": 2},
)
"""Launches on the fake engine."""
FAILING = {
    "model_uid": "glm-4-9b-chat",
    "crash_at_start": "RuntimeError: CUDA out of memory. Tried to allocate 17.40 GiB",
}
LOADING = {"model_uid": "qwen2.5-coder-32b-instruct", "load_seconds": 3600}
FAMILIES = 100
"""Registered families, so that the catalog has more than 500."""

HANDBOOK = """# 员工手册

## 年假

员工每年有十五天年假。工作满十年的员工每年有二十天年假。未休完的年假可以保留到次年三月底。

## 差旅

出差住宿标准为每晚五百元，一线城市为每晚七百元。报销单须在返回后三十天内提交，并附上发票。

## 远程办公

每周可以远程办公两天，需提前一天告知团队负责人。
"""
PUMP = """# MX-2140 dosing pump

## Performance

The pump delivers 12 litres per minute at 6 bar. Its motor takes 370 watts.

## Maintenance

Replace the diaphragm after 4,000 hours. Flush the head with water before a standstill of more than two weeks.
"""
KILN = """# 地址

窑炉服务监听4100端口。它用Python编写。

# 内存

窑炉服务需要8GB内存。更大的模型需要更多。
"""
"""A document that the demo model, which is very small, can answer from."""
ANSWER = """An **index** keeps a column's values in order, so a lookup reads a few pages instead of the whole table.

| | without | with index |
|---|--:|--:|
| rows read | 2,000,000 | 14 |
| time | 840 ms | 0.3 ms |

```sql
CREATE INDEX orders_by_customer ON orders (customer_id, placed_at DESC);
EXPLAIN ANALYZE SELECT * FROM orders WHERE customer_id = 42 ORDER BY placed_at DESC LIMIT 20;
```

The height of a B-tree with $n$ keys and fan-out $b$ is about

$$h = \\left\\lceil \\log_b \\frac{n + 1}{2} \\right\\rceil$$

1. Put the column that is compared with `=` first.
2. Put the column that sorts behind it.
3. Every index makes writes slower: keep only those that queries use.
"""
CHINESE_ANSWER = """可以这样安排**三天的杭州行程**：

1. **第一天**：西湖（断桥、苏堤、雷峰塔），晚上在湖滨看音乐喷泉。
2. **第二天**：灵隐寺、飞来峰，下午去龙井村喝茶。
3. **第三天**：西溪湿地，傍晚逛河坊街。

> 周末游客较多，建议提前预约灵隐寺和雷峰塔的门票。
"""
TITLES = (
    "How does a database index work?",
    "杭州三天行程怎么安排",
    "Summarise the minutes of the quarterly planning meeting with the suppliers from Rotterdam and Shenzhen",
    "把这段 SQL 改写成 SQLAlchemy 2.0",
    "Regex for ISO 8601 durations",
    "写一封请假邮件",
    "Compare CRDTs with operational transformation",
    "解释一下注意力机制",
    "Names for a dosing pump",
)


def fill(http: httpx.Client) -> dict[str, str]:
    """Put everything into a server; the value names what addresses need: `chat`, `base`, `job`, `document`."""
    for body in MODELS:
        _sent(http, "POST", "/v1/models", model_name=body["model_uid"], model_engine="fake", **body)
    for body in (FAILING, LOADING):
        url = "/v1/models?wait_ready=false"
        _sent(http, "POST", url, model_name=body["model_uid"], model_engine="fake", **body)
    for number in range(FAMILIES):
        _register(http, number)
    documents = _fill_bases(http)
    chats = _fill_chats(http)
    _fill_access(http)
    _make_traffic(http)
    jobs = http.get("/v1/jobs").json()["data"]
    return {"chat": chats[0], "chinese": chats[1], "job": jobs[0]["id"] if jobs else "", "document": documents}


def _sent(http: httpx.Client, method: str, path: str, **body: Any) -> Any:
    answer = http.request(method, path, json=body)
    assert answer.status_code < 300, answer.text
    return answer.json()


def _register(http: httpx.Client, number: int) -> None:
    name = f"team-{number // 10 + 1}-assistant-{number:03}" + (
        "-with-a-rather-long-name-from-the-hub" if number % 17 == 0 else ""
    )
    record = {
        "version": 2,
        "model_name": name,
        "model_description": "A model of our own, trained on the tickets of last year.",
        "context_length": 8192,
        "model_lang": ["en", "zh"],
        "model_ability": ["chat"],
        "model_specs": [
            {"model_format": "pytorch", "model_size_in_billions": 7, "model_id": f"our/{name}", "quantization": "none"}
        ],
    }
    _sent(http, "POST", "/v1/model_registrations/LLM", model=record, persist=True)


def samples() -> Iterator[tuple[str, bytes]]:
    """Ten files of different kinds, in two languages."""
    yield "员工手册.md", HANDBOOK.encode()
    yield "MX-2140.md", PUMP.encode()
    lines = ("MX-2140 dosing pump", "Delivery: 12 litres per minute at 6 bar.", "The motor takes 370 watts.")
    yield (
        "MX-2140 datasheet.pdf",
        pdf([[Text(60, 760 - 30 * row, line, 20 if row == 0 else 12) for row, line in enumerate(lines)]]),
    )
    yield "Travel policy.docx", word(_travel)
    yield "价格表.xlsx", workbook(_prices)
    yield "faq.html", b"<h1>FAQ</h1><p>The warranty of every pump is five years.</p>"
    yield "orders.csv", b"order,model,count\n1001,MX-2140,4\n1002,MX-2200,1\n"
    yield "notes.txt", "下周一上午九点与供应商开会。".encode()
    yield "窑炉.md", KILN.encode()
    yield "tools.rst", b"Pump tools\n==========\n\nCalibrate each pump once a year.\n"


def _travel(document: Document) -> None:
    document.add_heading("Travel policy")
    document.add_paragraph("Hotels cost at most 150 euros a night. Trains are booked in second class.")


def _prices(book: Workbook) -> None:
    sheet = book.worksheets[0]
    for row in (["型号", "价格"], ["MX-2140", 1840], ["MX-2200", 2390]):
        sheet.append(row)


def _fill_bases(http: httpx.Client) -> str:
    for name, description in (
        ("handbook", "制度、手册与差旅"),
        ("pumps", "Manuals and data sheets of the MX series"),
        ("empty", ""),
    ):
        _sent(http, "POST", "/v1/knowledge_bases", name=name, description=description)
    for base in ("handbook", "pumps"):
        files = [("files", (name, content)) for name, content in samples()]
        files += [
            ("files", (f"minutes/2026-{week:02}.md", f"# Week {week}\n\n{PUMP}".encode())) for week in range(1, 41)
        ]
        answer = http.post(f"/v1/knowledge_bases/{base}/documents", files=files)
        assert answer.status_code < 300, answer.text
    listed = http.get("/v1/knowledge_bases/pumps/documents", params={"limit": 100}).json()["data"]
    return next(str(each["id"]) for each in listed if each["name"].endswith("datasheet.pdf"))


def _fill_chats(http: httpx.Client) -> list[str]:
    ids = []
    for title in TITLES:
        chat = _sent(http, "POST", "/v1/chats", title=title, settings={"model": "qwen3-4b-instruct"})["id"]
        ids.append(chat)
        answer = CHINESE_ANSWER if any("一" <= letter <= "鿿" for letter in title) else ANSWER
        _sent(http, "POST", f"/v1/chats/{chat}/messages", role="user", content=title)
        _sent(
            http,
            "POST",
            f"/v1/chats/{chat}/messages",
            role="assistant",
            content=answer,
            model="qwen3-4b-instruct",
            reasoning="The user asks for the idea and for an example. A table with figures shows the gain best.",
            usage={"prompt_tokens": 34, "completion_tokens": 312, "total_tokens": 346},
            timings={"ttft_ms": 180, "total_ms": 5100},
            finish_reason="stop",
        )
    folder = _sent(http, "POST", "/v1/chat_folders", name="Pumps")["id"]
    _sent(http, "PATCH", f"/v1/chats/{ids[-1]}", folder=folder)
    _sent(http, "PATCH", f"/v1/chats/{ids[0]}", pinned=True)
    return ids


def _fill_access(http: httpx.Client) -> None:
    for name, more in (
        ("ci", {"scopes": ["models:read"]}),
        ("colleague-in-shenzhen", {"scopes": ["models:list", "models:read", "knowledge:read"], "limits": {"rpm": 60}}),
        ("nightly-batch-of-the-evaluation-team", {"models": ["qwen3-4b-instruct"]}),
    ):
        answer = http.post("/v1/admin/keys", json={"name": name, **more})
        assert answer.status_code < 300, answer.text


def _make_traffic(http: httpx.Client) -> None:
    """Some requests, and a few that fail, for the lists and the plots."""
    chosen = random.Random(7)
    for number in range(60):
        model = chosen.choice(["qwen3-4b-instruct", "internvl3-8b", "qwen3-4b-instruct", "nobody"])
        body = {
            "model": model,
            "messages": [{"role": "user", "content": f"Question {number}"}],
            "max_tokens": chosen.randint(4, 40),
        }
        http.post("/v1/chat/completions", json=body)
    http.post("/v1/embeddings", json={"model": "bge-m3", "input": ["年假", "annual leave"]})
