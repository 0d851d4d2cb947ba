// One's own account: who one is here, one's browsers that are logged in, and one's password.
import { del, get, path, post } from "../../lib/api.js";
import { ago, moment } from "../../lib/format.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { endSession, me } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { TextField } from "../../parts/field.js";
import { Badge, Card, Facts } from "../../parts/page.js";
import { Empty, Failure, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt, say } from "../../parts/toast.js";
import { isOpen } from "./key_form.js";
import { ScopesSummary, scopeText } from "./scopes.js";

/** @typedef {import("../../../types/api").SessionInfo} Session */

export function Sessions() {
  const sessions = useResource((signal) => get("v1/auth/sessions", {}, signal), []);
  return html`<div class="columns">
      ${Whoami()}
      ${me.value?.username ? html`<${Password} />` : null}
    </div>
    ${Loaded({ of: sessions, draw: ({ data }) => html`<${SessionList} rows=${data} reload=${sessions.reload} />` })}`;
}

function Whoami() {
  const who = me.value;
  if (!who) return null;
  const text = isOpen() ? t("access.you_anybody") : who.username ? t("access.you_user") : t("access.you_key");
  return Card({
    title: isOpen() ? t("access.anybody") : (who.username ?? who.name),
    children: html`<p class="muted">${text}</p>
      ${Facts({
        items: [
          [t("access.scopes"), ScopesSummary({ scopes: who.scopes })],
          who.models && [t("access.only_models"), who.models.join(", ")],
          who.expires_at !== null && [t("access.end"), moment(who.expires_at)],
          [t("access.owner"), html`<span class="mono">${who.owner}</span>`],
        ],
      })}
      <details><summary>${t("access.what_you_may")}</summary><ul class="access-may">${who.scopes.map((scope) => html`<li>${scopeText(scope)}</li>`)}</ul></details>`,
  });
}

function Password() {
  const old = useSignal("");
  const fresh = useSignal("");
  const again = useSignal("");
  const error = useSignal(/** @type {any} */ (null));
  const busy = useSignal(false);
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    busy.value = true;
    error.value = null;
    try {
      const { ended } = await post("v1/auth/password", { old_password: old.value, new_password: fresh.value });
      old.value = fresh.value = again.value = "";
      say(tn("access.password_changed", ended));
    } catch (reason) {
      error.value = reason;
    }
    busy.value = false;
  };
  const differs = again.value !== "" && again.value !== fresh.value;
  return Card({
    title: t("access.own_password"),
    children: html`<form class="stack" onSubmit=${save}>
      ${TextField({ name: "old-password", label: t("access.old_password"), type: "password", value: old.value, onInput: (value) => (old.value = value), autocomplete: "current-password", required: true })}
      ${TextField({ name: "new-password", label: t("access.new_password"), type: "password", value: fresh.value, onInput: (value) => (fresh.value = value), autocomplete: "new-password", required: true, hint: t("access.password_ends_others") })}
      ${TextField({ name: "again-password", label: t("access.again_password"), type: "password", value: again.value, onInput: (value) => (again.value = value), autocomplete: "new-password", required: true, error: differs ? t("access.password_differs") : null })}
      ${error.value ? Failure({ error: error.value, small: true }) : null}
      <div>${Button({ label: t("access.change_password"), kind: "primary", type: "submit", busy: busy.value, disabled: !old.value || !fresh.value || again.value !== fresh.value })}</div>
    </form>`,
  });
}

/** @param {{ rows: Session[], reload: () => Promise<void> }} props */
function SessionList({ rows, reload }) {
  if (!rows.length) return Empty({ icon: "key", title: t("access.no_sessions"), text: t("access.no_sessions_text") });
  const end = async (/** @type {Session} */ session) => {
    if (session.current) return endSession();
    if (await attempt(del(path`v1/auth/sessions/${session.id}`), t("access.session_ended"))) await reload();
    return undefined;
  };
  const everywhere = async () => {
    const yes = await confirm({ title: t("access.everywhere_title"), text: t("access.everywhere_text"), action: t("access.everywhere"), danger: true });
    if (yes && (await attempt(del("v1/auth/sessions")))) location.reload();
  };
  return html`<div class="spread"><h2>${t("access.browsers")}</h2>${Button({ icon: "logout", label: t("access.everywhere"), onClick: everywhere })}</div>
    ${Table({
      label: t("access.browsers"),
      rows,
      id: (session) => session.id,
      columns: [
        { name: "browser", label: t("access.browser"), cell: (session) => html`<span title=${session.user_agent}>${browserName(session.user_agent)}</span> ${session.current ? Badge({ kind: "ok", children: t("access.this_browser") }) : null}` },
        { name: "address", label: t("access.address"), class: "mono", cell: (session) => session.address },
        { name: "used", label: t("access.last_used"), class: "narrow-hidden", cell: (session) => ago(session.last_used_at) },
        { name: "begun", label: t("access.begun"), class: "narrow-hidden", cell: (session) => moment(session.created_at) },
        { name: "end", label: html`<span class="for-readers">${t("access.actions")}</span>`, class: "number", cell: (session) => Button({ label: t("access.log_out"), size: "small", onClick: () => end(session) }) },
      ],
    })}`;
}

/** A browser and system by the words that browsers send. @param {string} agent */
function browserName(agent) {
  const browser = [/(Edg)e?\//, /(Firefox)\//, /(OPR)\//, /(?:Headless)?(Chrome)\//, /(Safari)\//].map((each) => each.exec(agent)?.[1]).find(Boolean);
  const system = /(Windows|Mac OS X|Android|iPhone|iPad|CrOS|Linux)/.exec(agent)?.[1];
  const names = { Edg: "Edge", OPR: "Opera", "Mac OS X": "macOS" };
  const named = (/** @type {string} */ each) => /** @type {Record<string, string>} */ (names)[each] ?? each;
  return browser ? [named(browser), system ? named(system) : ""].filter(Boolean).join(", ") : agent.slice(0, 40) || t("access.unknown_browser");
}
