"""Routes for keys, users and logins."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

import pydantic
from fastapi import Depends, Path, Request, Response

from modelyard.api.key_views import key_info, user_info
from modelyard.api.routes.sessions import Present, TheSessions, end_current_session
from modelyard.control.key_specs import KeyChange, KeySpec
from modelyard.control.keys import ACCESS_SECONDS, KeyStore, Login
from modelyard.core.access import LOCAL, Owner
from modelyard.core.errors import BadRequest, InvalidParameter, MalformedBody
from modelyard.core.mismatches import field_problem
from modelyard.protocol import keys as bodies
from modelyard.protocol.workers import SuccessResult
from modelyard.web.cursors import After, ShortLimit, joined, page_of, time_and_id, whole_number
from modelyard.web.deps import TheGrant, TheParts
from modelyard.web.router import ANY_KEY, ANYBODY, Router

router = Router(tags=["keys"])

LOGIN_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": bodies.LoginRequest.model_json_schema()}
            for kind in ("application/json", "application/x-www-form-urlencoded")
        },
    }
}


async def the_keys(parts: TheParts) -> KeyStore:
    """The service behind these routes."""
    return parts.keys


TheKeys = Annotated[KeyStore, Depends(the_keys)]
Name = Annotated[str, Path(max_length=200)]


@router.post("/token", scope=ANYBODY, forms=True, openapi_extra=LOGIN_BODY)
async def token(request: Request, keys: TheKeys) -> bodies.Tokens:
    """Log in with name and password, as JSON or as a form; the access token can be used like an API key."""
    credentials = await _login(request)
    if not keys.access.required:
        raise BadRequest("This server requires no keys, so there is nothing to log in to.")
    address = request.client.host if request.client else ""
    return _tokens(await keys.login(credentials.username, credentials.password, address))


@router.post("/v1/auth/refresh", scope=ANYBODY)
async def refresh(body: bodies.RefreshRequest, keys: TheKeys) -> bodies.Tokens:
    """Exchange a refresh token for new tokens."""
    return _tokens(await keys.refresh(body.refresh_token))


@router.post("/v1/auth/logout", scope=ANY_KEY)
async def logout(
    request: Request, response: Response, keys: TheKeys, sessions: TheSessions, grant: TheGrant, own: Present
) -> SuccessResult:
    """Revoke the token of this request and its refresh token; or end the session whose cookie it sends."""
    if own:
        return await end_current_session(request, response, sessions, grant, own)
    if grant is not None:
        await keys.logout(grant)
    return SuccessResult()


@router.get("/v1/auth/me", scope=ANY_KEY)
async def me(grant: TheGrant, own: Present) -> bodies.Me:
    """The caller and its rights. If no key is required, every caller is an administrator."""
    if grant is None:
        return bodies.Me(
            id="", name="anybody", owner=LOCAL, scopes=["admin"], permissions=["admin"], session=own or None
        )
    scopes = sorted(grant.scopes)
    models = None if grant.models is None else sorted(grant.models)
    return bodies.Me(
        id=grant.id,
        name=grant.name,
        username=grant.user,
        owner=Owner.of(grant).id,
        scopes=scopes,
        permissions=scopes,
        models=models,
        expires_at=grant.expires_at,
        session=own or None,
    )


@router.post("/v1/admin/keys", scope="keys:create", status_code=201)
async def create_key(body: bodies.KeyRequest, keys: TheKeys, grant: TheGrant) -> bodies.NewKeyInfo:
    """Create a key. Its secret is shown only in this answer."""
    spec = KeySpec(
        name=body.name,
        scopes=None if body.scopes is None else tuple(body.scopes),
        models=None if body.models is None else tuple(body.models),
        bases=body.bases,
        requests_per_minute=body.requests_per_minute,
        tokens_per_minute=body.tokens_per_minute,
        expires_in=body.expires_in,
        owner=body.owner,
    )
    row, secret = await keys.create(spec, grant)
    return bodies.NewKeyInfo(**key_info(row).model_dump(), key=secret)


@router.get("/v1/admin/keys", scope="keys:manage")
async def list_keys(keys: TheKeys, parts: TheParts, limit: ShortLimit = 1000, after: After = None) -> bodies.KeyList:
    """Keys, revoked ones included, oldest first."""
    await parts.monitor.usage.flush()
    found = await keys.page(limit + 1, time_and_id(after))
    page, more = page_of(found, limit, lambda row: joined(row.created_at, row.id))
    return bodies.KeyList(data=[key_info(row) for row in page], **more)


@router.patch("/v1/admin/keys/{name}", scope="keys:manage")
async def change_key(name: Name, body: bodies.KeyPatch, keys: TheKeys, grant: TheGrant) -> bodies.KeyInfo:
    """Change the name, scopes, limits or end of a key, named by id, prefix or name, from the next request on.

    The key may have no more rights than the caller's, before and after.
    """
    values = body.model_dump(include=body.model_fields_set)
    return key_info(await keys.change(name, KeyChange(values), grant))


@router.post("/v1/admin/keys/{name}/rotate", scope="keys:manage")
async def rotate_key(name: Name, keys: TheKeys, grant: TheGrant) -> bodies.NewKeyInfo:
    """Replace the secret of a key, named by id, prefix or name; the old one is refused from the next request on."""
    row, secret = await keys.rotate(name, grant)
    return bodies.NewKeyInfo(**key_info(row).model_dump(), key=secret)


@router.delete("/v1/admin/keys/{name}", scope="keys:manage")
async def revoke_key(name: Name, keys: TheKeys) -> bodies.KeyInfo:
    """Revoke a key, named by id, prefix or name; it is refused from the next request on."""
    return key_info(await keys.revoke(name))


@router.post("/v1/admin/users", scope="users:manage", status_code=201)
async def create_user(body: bodies.UserRequest, keys: TheKeys, grant: TheGrant) -> bodies.UserInfo:
    """Add a user, who may log in."""
    scopes = None if body.scopes is None else tuple(body.scopes)
    return user_info(await keys.create_user(body.username, body.password, scopes, grant))


@router.get("/v1/admin/users", scope="users:manage")
async def list_users(keys: TheKeys, limit: ShortLimit = 1000, after: After = None) -> bodies.UserList:
    """Users, oldest first."""
    found = await keys.users(limit + 1, whole_number(after))
    page, more = page_of(found, limit, lambda user: str(user.id))
    return bodies.UserList(data=[user_info(user) for user in page], **more)


@router.patch("/v1/admin/users/{name}", scope="users:manage")
async def change_user(name: Name, body: bodies.UserPatch, keys: TheKeys, grant: TheGrant) -> bodies.UserInfo:
    """Give a user, named by name or id, other scopes; neither the old nor the new ones may exceed the caller's."""
    return user_info(await keys.change_user(name, body.scopes, grant))


@router.delete("/v1/admin/users/{name}", scope="users:manage")
async def remove_user(name: Name, keys: TheKeys) -> bodies.UserInfo:
    """Remove a user by name or id, and revoke the user's tokens. The last administrator is refused."""
    return user_info(await keys.remove_user(name))


def _tokens(login: Login) -> bodies.Tokens:
    return bodies.Tokens(access_token=login.access, refresh_token=login.refresh, expires_in=ACCESS_SECONDS)


async def _login(request: Request) -> bodies.LoginRequest:
    """The name and password, from a JSON body or a form."""
    data = await request.body()
    try:
        if request.headers.get("content-type", "").partition(";")[0].strip() == "application/x-www-form-urlencoded":
            fields = {name: values[-1] for name, values in parse_qs(data.decode(), keep_blank_values=True).items()}
            return bodies.LoginRequest.model_validate(fields)
        return bodies.LoginRequest.model_validate_json(data)
    except UnicodeDecodeError:
        raise MalformedBody("The body is not UTF-8.") from None
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        if first["type"] == "json_invalid" or not first["loc"]:
            raise MalformedBody("The body must be a JSON object with username and password.") from None
        raise InvalidParameter(str(first["loc"][0]), f"{field_problem(first['type'], first['msg'])}.") from None
