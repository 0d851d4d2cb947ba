"""A small knowledge base in this package, in sentences that the demo model can read."""

from __future__ import annotations

from pathlib import Path

from modelyard.core.errors import KnowledgeBaseExists
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.service import KnowledgeService

NAME = "demo"
MODEL = "modelyard-demo"
PROMPT = "Context:\n{{ sources[0].text.split('\n\n')[-1] }}\n\nQuestion: {{ question }}"
"""The demo model was trained on one short passage in this layout."""


async def ensure_demo(knowledge: KnowledgeService) -> str:
    """Create the base if it does not exist, wait until it can be searched, and return its name."""
    settings = BaseSettings(
        description="The demo's own documents, about a server called Yard.",
        chat_model=MODEL,
        chunking={"size": 120, "overlap": 0},
        prompts={"answer": PROMPT},
    )
    try:
        base = await knowledge.create(NAME, settings)
    except KnowledgeBaseExists:
        return NAME
    files = sorted(Path(__file__).parent.glob("*.md"))
    for file in files:
        await knowledge.documents.put(base, file.name, whole(file.read_bytes()))
    await knowledge.worker.wait(await knowledge.index(base, [file.name for file in files]))
    return NAME
