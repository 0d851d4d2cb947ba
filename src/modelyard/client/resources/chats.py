"""`client.chats` and `client.chat_folders`: chats that the server stores, and their folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from modelyard.client.calls import CallGroup, S, bytes_call, call
from modelyard.client.request import Request, an_object, at, data_of, flag, given

if TYPE_CHECKING:
    from modelyard.client.chat_types import (
        ChatDetailDict,
        ChatDict,
        ChatFolderDict,
        ChatPageDict,
        ChatSettingsDict,
        DeletedMessagesDict,
        ImportedDict,
        MessageDict,
        MessageRole,
    )
    from modelyard.client.knowledge_types import DeletedDict

CHATS, FOLDERS = "chats", "chat_folders"
ACTIVE_LEAF = "active_leaf"
"""As a parent: the last message of the branch that is shown."""
NO_FOLDER = ""
"""As a folder: none."""
Text = str | Sequence[Mapping[str, Any]]
"""A text, or content parts in OpenAI's form."""
ExportFormat = Literal["json", "markdown"]
MessageDicts = list["MessageDict"]
FolderDicts = list["ChatFolderDict"]


class StoredChatCalls(CallGroup[S]):
    """Chats that the server stores: create, search, read, continue, export, import and delete them."""

    @call
    def create(
        self, title: str = "", settings: ChatSettingsDict | None = None, folder: str | None = None
    ) -> Request[ChatDict]:
        """Create an empty chat."""
        return Request("POST", at(CHATS), an_object, body={"title": title, **given(settings=settings, folder=folder)})

    @call
    def get(self, chat: str) -> Request[ChatDetailDict]:
        """A chat with all its messages."""
        return Request("GET", at(CHATS, chat), an_object)

    @call
    def change(
        self,
        chat: str,
        title: str | None = None,
        pinned: bool | None = None,
        folder: str | None = None,
        settings: ChatSettingsDict | None = None,
        active_leaf: str | None = None,
    ) -> Request[ChatDict]:
        """Change what is given: an empty `folder` takes it out of its folder, `settings` need only have what changes.

        `active_leaf` is the id of a message whose branch is shown from now on.
        """
        body = given(title=title, pinned=pinned, settings=settings, active_leaf=active_leaf)
        if folder is not None:
            body["folder"] = folder or None
        return Request("PATCH", at(CHATS, chat), an_object, body=body)

    @call
    def messages(
        self, chat: str, leaf: str | None = None, limit: int | None = None, before: str | None = None
    ) -> Request[MessageDicts]:
        """The messages of one branch in order, up to `leaf`, or of the branch that is shown.

        With `limit` only the last ones, this many; with `before` only those before that message.
        """
        query = given(leaf=leaf, before=before, limit=None if limit is None else str(limit))
        return Request("GET", at(CHATS, chat, "messages"), data_of, query)

    @call
    def add_message(
        self, /, chat: str, content: Text, role: MessageRole = "user", parent: str | None = ACTIVE_LEAF, **fields: Any
    ) -> Request[MessageDict]:
        """Add a message after `parent`, by default the active leaf; with None it begins a branch of its own.

        Nothing is generated. `fields` are other fields of a message, such as `model`, `usage` and `reasoning`.
        """
        body = {"role": role, "content": content, **fields}
        if parent != ACTIVE_LEAF:
            body["parent"] = parent
        return Request("POST", at(CHATS, chat, "messages"), an_object, body=body)

    @call
    def edit_message(self, chat: str, message: str, content: Text) -> Request[MessageDict]:
        """Add a sibling of a message, with another content, whose branch is shown from now on; the message stays as it is."""
        return Request("PATCH", at(CHATS, chat, "messages", message), an_object, body={"content": content})

    @call
    def delete_message(self, chat: str, message: str) -> Request[DeletedMessagesDict]:
        """Delete a message and all below it."""
        return Request("DELETE", at(CHATS, chat, "messages", message), an_object)

    @call
    def delete(self, chat: str) -> Request[DeletedDict]:
        """Delete a chat with its messages."""
        return Request("DELETE", at(CHATS, chat), an_object)

    @call
    def delete_many(self, ids: Sequence[str]) -> Request[DeletedDict]:
        """Delete chats with their messages; ids of no chat are in `missing` of the answer."""
        return Request("POST", at(CHATS, "delete"), an_object, body={"ids": list(ids)})

    @call
    def export(self, chat: str) -> Request[str]:
        """The branch of a chat that is shown, as Markdown."""
        return Request("GET", at(CHATS, chat, "export"), bytes.decode, raw=True)

    @bytes_call
    def stream_export(self, ids: Sequence[str] | None = None, format: ExportFormat = "json") -> Request[bytes]:
        """Chats, by default all of this key, while they arrive: JSON with all branches that can be imported, or Markdown."""
        body = {"format": format, **given(ids=None if ids is None else [*ids])}
        return Request("POST", at(CHATS, "export"), bytes, body=body, raw=True, streams=True)

    @call
    def import_chats(
        self, chats: Sequence[Mapping[str, Any]], folders: Sequence[Mapping[str, Any]] = ()
    ) -> Request[ImportedDict]:
        """Import chats of an export, with their branches: `chats` and `folders` of this server's own, the items of ChatGPT's
        `conversations.json`, or those of Open WebUI's export. Chats without new messages are counted as `skipped`."""
        body = {"chats": [dict(each) for each in chats], "folders": [dict(each) for each in folders]}
        return Request("POST", at(CHATS, "import"), an_object, body=body)

    @call
    def import_conversations(self, conversations: Sequence[Mapping[str, Any]]) -> Request[ImportedDict]:
        """Import questions with answers, each conversation under its id; those without new messages are counted as `skipped`.

        Each has `id`, `title`, `kind`, `created_at` and `messages` with `id`, `question`, `answer`, `score`, `reason`,
        `created_at`.
        """
        body = {"conversations": [dict(each) for each in conversations]}
        return Request("POST", at(CHATS, "import"), an_object, body=body)

    @call
    def feedback(self, message: str, score: int, reason: str = "") -> Request[MessageDict]:
        """Rate an answer: `score` from 0 to 100, with a reason."""
        body = {"score": score, "reason": reason}
        return Request("POST", at(CHATS, "messages", message, "feedback"), an_object, body=body)

    @call
    def list(
        self,
        q: str | None = None,
        pinned: bool | None = None,
        folder: str | None = None,
        own: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Request[ChatPageDict]:
        """Chats, the most recently used first. `q` are words in titles or messages, `folder` is an id, or `none`.

        The next page has the `cursor` in `next_cursor` of this one; a page has at most 1000, by default 100. With an
        administrator's key, `own` leaves out those of others.
        """
        flags = {name: None if value is None else flag(value) for name, value in (("pinned", pinned), ("own", own))}
        number = None if limit is None else str(limit)
        return Request("GET", at(CHATS), an_object, given(q=q, folder=folder, limit=number, cursor=cursor, **flags))


class ChatFolderCalls(CallGroup[S]):
    """Folders of chats: create, list, rename and delete them."""

    @call
    def create(self, name: str) -> Request[ChatFolderDict]:
        """Make a folder."""
        return Request("POST", at(FOLDERS), an_object, body={"name": name})

    @call
    def rename(self, folder: str, name: str) -> Request[ChatFolderDict]:
        """Change the name of a folder."""
        return Request("PATCH", at(FOLDERS, folder), an_object, body={"name": name})

    @call
    def delete(self, folder: str) -> Request[DeletedDict]:
        """Delete a folder; its chats stay."""
        return Request("DELETE", at(FOLDERS, folder), an_object)

    @call
    def list(self) -> Request[FolderDicts]:
        """The folders of this key, by name."""
        return Request("GET", at(FOLDERS), data_of)
