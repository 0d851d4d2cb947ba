"""Routes for stored conversations: their messages, and feedback on answers."""

from __future__ import annotations

from fastapi.responses import PlainTextResponse

from modelyard.chats.conversations import as_markdown
from modelyard.chats.imports import import_conversations
from modelyard.core.access import Owner
from modelyard.protocol import conversations as bodies
from modelyard.protocol.conversation_imports import ImportConversations, Imported
from modelyard.protocol.knowledge import Deleted
from modelyard.web.deps import TheChats, TheGrant
from modelyard.web.knowledge_views import conversation_info, message_info, page
from modelyard.web.router import BodyKind, Router

router = Router("/v1/chats", tags=["chats"])


class Markdown(PlainTextResponse):
    """A text in Markdown."""

    media_type = "text/markdown"


@router.get("", scope="knowledge:read")
async def list_conversations(
    chats: TheChats, grant: TheGrant, limit: int = 100, offset: int = 0
) -> bodies.ConversationList:
    """The conversations of the user or key of the request, newest first; all conversations for an administrator."""
    found = await chats.conversations.all(Owner.of(grant), *page(limit, offset))
    return bodies.ConversationList(data=[conversation_info(each) for each in found])


@router.post("", scope="knowledge:read")
async def create(body: bodies.NewConversation, chats: TheChats, grant: TheGrant) -> bodies.ConversationInfo:
    """Create a conversation."""
    return conversation_info(await chats.conversations.begin(Owner.of(grant), body.title, "knowledge"))


@router.post("/import", scope="knowledge:write", body=BodyKind.TEXT)
async def bring(body: ImportConversations, chats: TheChats, grant: TheGrant) -> Imported:
    """Import conversations of another system. If an id exists here already, only new messages are added to it."""
    return await import_conversations(chats.conversations, Owner.of(grant), body.conversations)


@router.get("/{conversation}", scope="knowledge:read")
async def describe(conversation: str, chats: TheChats, grant: TheGrant) -> bodies.ConversationInfo:
    """A conversation."""
    return conversation_info(await chats.conversations.get(Owner.of(grant), conversation))


@router.patch("/{conversation}", scope="knowledge:read")
async def rename(
    conversation: str, body: bodies.NewConversation, chats: TheChats, grant: TheGrant
) -> bodies.ConversationInfo:
    """Change a conversation's title."""
    return conversation_info(await chats.conversations.rename(Owner.of(grant), conversation, body.title))


@router.delete("/{conversation}", scope="knowledge:read")
async def delete(conversation: str, chats: TheChats, grant: TheGrant) -> Deleted:
    """Delete a conversation with its messages."""
    await chats.conversations.delete(Owner.of(grant), conversation)
    return Deleted(deleted=[conversation])


@router.get("/{conversation}/messages", scope="knowledge:read")
async def messages(conversation: str, chats: TheChats, grant: TheGrant) -> bodies.MessageList:
    """The questions and answers of a conversation, in order."""
    await chats.conversations.get(Owner.of(grant), conversation)
    found = await chats.conversations.messages(conversation)
    return bodies.MessageList(data=[message_info(each) for each in found])


@router.get("/{conversation}/export", scope="knowledge:read", response_class=Markdown)
async def export(conversation: str, chats: TheChats, grant: TheGrant) -> Markdown:
    """The conversation as Markdown."""
    talk = await chats.conversations.get(Owner.of(grant), conversation)
    text = as_markdown(talk, await chats.conversations.messages(conversation))
    return Markdown(text)


@router.post("/messages/{message}/feedback", scope="knowledge:read")
async def feedback(message: str, body: bodies.FeedbackRequest, chats: TheChats, grant: TheGrant) -> bodies.MessageInfo:
    """Store feedback on an answer."""
    return message_info(await chats.conversations.rate(Owner.of(grant), message, body.score, body.reason))
