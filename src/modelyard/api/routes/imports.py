"""Routes that bring documents from URLs and from folders of the server's machine."""

from __future__ import annotations

from modelyard.core.access import ADMIN, Owner
from modelyard.core.errors import InvalidParameter, PermissionDenied
from modelyard.knowledge.documents.bases import chunking_of
from modelyard.knowledge.imports.imports import ImportPlan, UrlSource
from modelyard.protocol import document_imports as bodies
from modelyard.web.base_access import NamedBase
from modelyard.web.deps import TheGrant, TheParts, TheTrust
from modelyard.web.router import BodyKind, Router

router = Router("/v1/knowledge_bases/{base}", tags=["documents"], dependencies=[NamedBase])


@router.post("/documents/from", scope="knowledge:write", body=BodyKind.TEXT, audited=True)
async def import_documents(
    base: str, body: bodies.ImportDocuments, parts: TheParts, grant: TheGrant, trust: TheTrust
) -> bodies.ImportStarted:
    """Bring documents from URLs, or from a folder of the server's machine, in the background.

    Documents that are there already and have not changed cost nothing, so a second call brings what has changed since.
    """
    if not body.urls and body.folder is None:
        raise InvalidParameter("urls", "give `urls`, a `folder` of the server's machine, or both.")
    if body.folder is not None and not trust.full:
        raise PermissionDenied(
            f"{trust.caller} may not name a folder of the server's machine; it takes a key with the scope '{ADMIN}'. "
            "Upload the files instead."
        )
    if body.delete and body.folder is None:
        raise InvalidParameter("delete", "it is about documents that are no files of a folder; give a `folder`, too.")
    row = await parts.knowledge.bases.get(base)
    chunking = None if body.chunking is None else body.chunking.model_dump(exclude_unset=True)
    if chunking is not None:
        chunking_of(chunking)
    plan = ImportPlan(
        base_id=row.id,
        base=row.name,
        urls=[_source(each) for each in body.urls],
        folder=body.folder,
        include=body.include,
        exclude=body.exclude,
        metadata=body.metadata,
        chunking=chunking,
        delete=body.delete,
        index=body.index,
    )
    return bodies.ImportStarted(job=await parts.imports.submit(plan, row.owner or Owner.of(grant).id))


def _source(given: str | bodies.UrlDocument) -> UrlSource:
    return UrlSource(given) if isinstance(given, str) else UrlSource(given.url, given.name, given.metadata)
