"""Routes for the sessions of browsers, and for passwords. `docs/sessions.md` has the rules."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Path, Request, Response

from modelyard.api.key_views import user_info
from modelyard.control.sessions import NewSession, SessionStore, Visitor
from modelyard.core.access import Owner, credential
from modelyard.core.errors import BadRequest, InvalidKey, InvalidParameter
from modelyard.core.trust import counts_as_owner
from modelyard.db.session_tables import SessionRow
from modelyard.protocol import sessions as bodies
from modelyard.protocol.keys import UserInfo
from modelyard.protocol.workers import SuccessResult
from modelyard.web.deps import TheGrant, TheParts
from modelyard.web.router import ANY_KEY, ANYBODY, Router
from modelyard.web.session_cookies import SESSION_STATE, deleted, kept

router = Router(tags=["sessions"])

Name = Annotated[str, Path(max_length=200)]
NO_STORE = {"cache-control": "no-store"}


async def the_sessions(parts: TheParts) -> SessionStore:
    """The service behind these routes."""
    return parts.sessions


async def present(request: Request) -> str:
    """The id of the session whose cookie this request sends; empty without one."""
    found: str = getattr(request.state, SESSION_STATE, "")
    return found


TheSessions = Annotated[SessionStore, Depends(the_sessions)]
Present = Annotated[str, Depends(present)]


@router.post("/v1/auth/sessions", scope=ANYBODY, status_code=201)
async def begin_session(
    request: Request,
    response: Response,
    parts: TheParts,
    sessions: TheSessions,
    own: Present,
    body: bodies.SessionRequest | None = None,
) -> bodies.SessionInfo:
    """Begin a session, with name and password, with an API key, or with nothing where no key is required.

    Its token is in the answer's cookie. The session that the browser had before ends.
    """
    new = await _new_session(request, parts, sessions, body or bodies.SessionRequest(), own)
    response.headers.append("set-cookie", kept(request.scope, new.issued))
    response.headers.update(NO_STORE)
    return _info(new.row, new.row.id)


@router.get("/v1/auth/sessions", scope=ANY_KEY)
async def list_sessions(sessions: TheSessions, grant: TheGrant, own: Present) -> bodies.SessionList:
    """The caller's own sessions, the most recently used first."""
    return bodies.SessionList(data=[_info(row, own) for row in await sessions.all(Owner.of(grant))])


@router.delete("/v1/auth/sessions/current", scope=ANY_KEY)
async def end_current_session(
    request: Request, response: Response, sessions: TheSessions, grant: TheGrant, own: Present
) -> SuccessResult:
    """Log this browser out: its session ends, and its cookie is deleted."""
    if not own:
        raise BadRequest("This request sends no session's cookie, so there is nothing to log out of.")
    await sessions.end(own, Owner.of(grant))
    _forget(request, response)
    return SuccessResult()


@router.delete("/v1/auth/sessions", scope=ANY_KEY)
async def end_sessions(
    request: Request, response: Response, sessions: TheSessions, grant: TheGrant
) -> bodies.EndedLogins:
    """Log out everywhere: all own sessions end, and all tokens of a user's logins."""
    ended = await sessions.end_all(Owner.of(grant))
    _forget(request, response)
    return bodies.EndedLogins(ended=ended)


@router.delete("/v1/auth/sessions/{id}", scope=ANY_KEY)
async def end_session(
    request: Request, response: Response, id: Name, sessions: TheSessions, grant: TheGrant, own: Present
) -> SuccessResult:
    """End one of the caller's own sessions."""
    await sessions.end(id, Owner.of(grant))
    if id == own:
        _forget(request, response)
    return SuccessResult()


@router.post("/v1/auth/password", scope=ANY_KEY, audited=True)
async def change_password(
    request: Request, response: Response, body: bodies.PasswordRequest, sessions: TheSessions, grant: TheGrant
) -> bodies.EndedLogins:
    """Change the caller's own password. All other logins of the user end; a session gets another token."""
    ended, issued = await sessions.change_password(grant, body.old_password, body.new_password, _address(request))
    if issued is not None:
        response.headers.append("set-cookie", kept(request.scope, issued))
        response.headers.update(NO_STORE)
    return bodies.EndedLogins(ended=ended)


@router.post("/v1/admin/users/{name}/password", scope="users:manage")
async def set_password(name: Name, body: bodies.NewPasswordRequest, parts: TheParts, grant: TheGrant) -> UserInfo:
    """Give a user, named by name or id, another password, which ends all the user's logins."""
    return user_info(await parts.keys.set_password(name, body.password, grant))


async def _new_session(
    request: Request, parts: TheParts, sessions: SessionStore, given: bodies.SessionRequest, own: str
) -> NewSession:
    """A new session of the user, key or person that a request names. Raises an error that says what to send."""
    visitor = Visitor(request.headers.get("user-agent", ""), _address(request))
    secret = given.api_key or credential(request.scope["headers"]).decode("latin-1")
    if not parts.keys.access.required:
        if given.api_key or given.username or given.password:
            raise BadRequest("This server requires no keys, so there is nothing to log in to; send an empty body.")
        if not counts_as_owner(request.scope):
            raise BadRequest("Without a key, only pages of this server on this machine have sessions.")
        return await sessions.begin_locally(visitor, own)
    if given.username is not None or given.password is not None:
        if given.username is None or given.password is None:
            missing: Literal["username", "password"] = "password" if given.password is None else "username"
            raise InvalidParameter(missing, "a name and a password are sent together.")
        if given.api_key is not None:
            raise InvalidParameter("api_key", "send either a name and password, or a key.")
        return await sessions.begin_as_user(given.username, given.password, visitor, own)
    if not secret:
        raise InvalidKey("Log in with 'username' and 'password', or with 'api_key'.")
    return await sessions.begin_with_key(secret, visitor, own)


def _forget(request: Request, response: Response) -> None:
    """Have the browser delete the cookies that it sent."""
    for cookie in deleted(request.scope):
        response.headers.append("set-cookie", cookie)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _info(row: SessionRow, own: str) -> bodies.SessionInfo:
    return bodies.SessionInfo(
        id=row.id,
        kind="user" if row.user_id is not None else "key" if row.key_id is not None else "local",
        current=row.id == own,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        user_agent=row.user_agent,
        address=row.address,
    )
