"""Routes about conversations with knowledge bases."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from modelyard.api.deps import TheGrant, TheKnowledge
from modelyard.api.knowledge_views import conversation_info, message_info, page
from modelyard.chats.conversations import as_markdown
from modelyard.core.access import Owner
from modelyard.knowledge.conversation_import import import_conversations
from modelyard.protocol import conversations as bodies
from modelyard.protocol.conversation_imports import ImportConversations, Imported
from modelyard.protocol.knowledge import Deleted

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])


class Markdown(PlainTextResponse):
    """A text in Markdown."""

    media_type = "text/markdown"


@router.get("")
async def list_conversations(
    knowledge: TheKnowledge, grant: TheGrant, limit: int = 100, offset: int = 0
) -> bodies.ConversationList:
    """The conversations of the user or key that asks, the last ones first; an administrator sees everybody's."""
    found = await knowledge.conversations.all(Owner.of(grant), *page(limit, offset))
    return bodies.ConversationList(data=[conversation_info(each) for each in found])


@router.post("")
async def create(body: bodies.NewConversation, knowledge: TheKnowledge, grant: TheGrant) -> bodies.ConversationInfo:
    """Begin a conversation."""
    return conversation_info(await knowledge.conversations.begin(Owner.of(grant), body.title, "knowledge"))


@router.post("/import")
async def bring(body: ImportConversations, knowledge: TheKnowledge, grant: TheGrant) -> Imported:
    """Bring conversations of another system. To one whose id is here already, only messages that are new are added."""
    return await import_conversations(knowledge.conversations, Owner.of(grant), body.conversations)


@router.get("/{conversation}")
async def describe(conversation: str, knowledge: TheKnowledge, grant: TheGrant) -> bodies.ConversationInfo:
    """A conversation."""
    return conversation_info(await knowledge.conversations.get(Owner.of(grant), conversation))


@router.patch("/{conversation}")
async def rename(
    conversation: str, body: bodies.NewConversation, knowledge: TheKnowledge, grant: TheGrant
) -> bodies.ConversationInfo:
    """Give it another title."""
    return conversation_info(await knowledge.conversations.rename(Owner.of(grant), conversation, body.title))


@router.delete("/{conversation}")
async def delete(conversation: str, knowledge: TheKnowledge, grant: TheGrant) -> Deleted:
    """Delete a conversation with its messages."""
    await knowledge.conversations.delete(Owner.of(grant), conversation)
    return Deleted(deleted=[conversation])


@router.get("/{conversation}/messages")
async def messages(conversation: str, knowledge: TheKnowledge, grant: TheGrant) -> bodies.MessageList:
    """What was asked and answered, in order."""
    await knowledge.conversations.get(Owner.of(grant), conversation)
    found = await knowledge.conversations.messages(conversation)
    return bodies.MessageList(data=[message_info(each) for each in found])


@router.get("/{conversation}/export", response_class=Markdown)
async def export(conversation: str, knowledge: TheKnowledge, grant: TheGrant) -> Markdown:
    """The conversation as Markdown."""
    talk = await knowledge.conversations.get(Owner.of(grant), conversation)
    text = as_markdown(talk, await knowledge.conversations.messages(conversation))
    return Markdown(text)


@router.post("/messages/{message}/feedback")
async def feedback(message: str, body: bodies.Feedback, knowledge: TheKnowledge, grant: TheGrant) -> bodies.MessageInfo:
    """Keep what somebody thinks of an answer."""
    return message_info(await knowledge.conversations.rate(Owner.of(grant), message, body.score, body.reason))
