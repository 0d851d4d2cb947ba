// Who uses the page, and what they may do.
import { loggedIn, request, url } from "./api.js";
import { followAnew } from "./events.js";
import { signal } from "./html.js";

const OWNER = "modelyard.owner";

/** @typedef {import("../../types/api").Answers["GET /v1/auth/me"]} Me */

/** Null until the server has answered. @type {import("@preact/signals").Signal<Me | null>} */
export const me = signal(null);

/** Whether the caller has a scope. @param {string | null | undefined} scope */
export function can(scope) {
  const scopes = me.value?.permissions ?? [];
  return !scope || scopes.includes("admin") || scopes.includes(scope);
}

/** Ask who we are; waits for a login where the server requires one. */
export async function loadMe() {
  take(await (await request(url("v1/auth/me"))).json());
}

/** What was typed and not sent belongs to the one who typed it: another one who uses the tab finds none of it. @param {Me} found */
function take(found) {
  try {
    if (sessionStorage.getItem(OWNER) !== found.owner) sessionStorage.clear();
    sessionStorage.setItem(OWNER, found.owner);
  } catch {
    // A browser that stores nothing has no drafts.
  }
  me.value = found;
}

/** @typedef {{ username: string, password: string } | { api_key: string }} Credentials */

/** Begin a session. Raises ApiError with the server's sentence. @param {Credentials} credentials */
async function begin(credentials) {
  const headers = { "content-type": "application/json" };
  await request(url("v1/auth/sessions"), { method: "POST", headers, body: JSON.stringify(credentials) }, { login: false });
  const found = await (await request(url("v1/auth/me"), undefined, { login: false })).json();
  return /** @type {Me} */ (found);
}

/** Log in over the page. It goes on where it was; for another person than before it begins anew, for what it has is the other's. @param {Credentials} credentials */
export async function logIn(credentials) {
  const found = await begin(credentials);
  if (me.value && me.value.owner !== found.owner) return startOver();
  take(found);
  loggedIn();
}

/** Begin a session as the user or with the key that was made just now, the first ones of this server. @param {Credentials} credentials */
export async function beginSession(credentials) {
  take(await begin(credentials));
  followAnew();
  loggedIn();
}

/** End this browser's session, and begin anew with an empty page. */
export async function endSession() {
  await request(url("v1/auth/sessions/current"), { method: "DELETE" }, { login: false }).catch(() => null);
  startOver();
}

/** Load the page anew, with nothing of what it was. */
function startOver() {
  try {
    sessionStorage.clear();
  } catch {
    // A browser that stores nothing has nothing to forget.
  }
  history.replaceState(null, "", location.pathname + location.search);
  location.reload();
}
