// The keys: who has them, what they may do, when they were used, and how to change, replace and revoke them.
import { del, get, path, post } from "../../lib/api.js";
import { ago, compact, moment } from "../../lib/format.js";
import { html, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { useResource } from "../../lib/resource.js";
import { href, route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { CheckField, TextField } from "../../parts/field.js";
import { Menu } from "../../parts/menu.js";
import { Badge } from "../../parts/page.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt, say } from "../../parts/toast.js";
import { isOpen, KeyForm } from "./key_form.js";
import { ScopesSummary } from "./scopes.js";
import { SecretDialog } from "./secret.js";

/** @typedef {import("../../../types/api").KeyInfo} Key */

/** All rows of a list that is read page by page. @param {string} target @param {AbortSignal} signal @returns {Promise<any[]>} */
export async function readAll(target, signal) {
  const found = [];
  let after = null;
  do {
    const page = await get(target, { limit: 1000, after }, signal);
    found.push(...page.data);
    after = page.next;
  } while (after);
  return found;
}

export function Keys() {
  const lists = can("keys:manage");
  const keys = useResource((signal) => (lists ? readAll("v1/admin/keys", signal) : Promise.resolve([])), [lists]);
  const form = useSignal(/** @type {{ key: Key | null } | null} */ (null));
  const made = useSignal(/** @type {any} */ (null));
  const { q = "", revoked } = route.value.query;
  const create = () => (form.value = { key: null });
  useKeys(can("keys:create") ? [{ keys: "n", label: t("access.new_key"), run: create }] : []);
  const done = (/** @type {any} */ key) => {
    form.value = null;
    if (key.key) made.value = key;
    else say(t(key.revoked_at ? "access.key_revoked" : "access.key_saved", { name: key.name }));
    void keys.reload();
  };
  const button = can("keys:create") ? Button({ icon: "plus", label: t("access.new_key"), kind: "primary", onClick: create }) : null;
  return html`${isOpen() ? html`<p class="access-warning">${t("access.open_server")}</p>` : null}
    ${Loaded({
      of: keys,
      draw: (all) => {
        const rows = all.filter((/** @type {Key} */ key) => (revoked || !key.revoked_at) && matches(key, q)).reverse();
        if (!lists) return Empty({ icon: "key", title: t("access.only_create"), text: t("access.only_create_text"), action: button });
        if (!all.length) return Empty({ icon: "key", title: t("access.no_keys"), text: t("access.no_keys_text"), action: button });
        return html`<div class="spread">
            <div class="row">
              ${TextField({ name: "keys-filter", label: t("access.filter"), hideLabel: true, type: "search", placeholder: t("access.filter"), value: q, onInput: (value) => setQuery({ q: value }) })}
              ${CheckField({ name: "keys-revoked", label: t("access.with_revoked"), value: Boolean(revoked), onInput: (value) => setQuery({ revoked: value }) })}
            </div>
            ${button}
          </div>
          ${rows.length ? KeyTable({ rows, onEdit: (key) => (form.value = { key }), onDone: done }) : Empty({ icon: "key", title: t("access.no_match") })}`;
      },
    })}
    ${form.value ? html`<${KeyForm} edited=${form.value.key} onClose=${() => (form.value = null)} onDone=${done} />` : null}
    ${made.value ? html`<${SecretDialog} made=${made.value} onClose=${() => (made.value = null)} />` : null}`;
}

/** @param {Key} key @param {string} q */
const matches = (key, q) => [key.name, key.id, key.prefix, ...key.scopes, ...(key.models ?? [])].some((each) => each.toLowerCase().includes(q.toLowerCase()));

/** @param {{ rows: Key[], onEdit: (key: Key) => void, onDone: (key: any) => void }} props */
function KeyTable({ rows, onEdit, onDone }) {
  return Table({
    label: t("access.tab_keys"),
    rows,
    id: (key) => key.id,
    onOpen: (key) => !key.revoked_at && onEdit(key),
    height: 56,
    columns: [
      { name: "name", label: t("access.name"), cell: (key) => html`<div class="access-name">${key.name}</div><span class="mono muted">${key.prefix}…</span>` },
      { name: "scopes", label: t("access.scopes"), cell: ScopesSummary },
      { name: "bounds", label: t("access.bounds"), class: "narrow-hidden", cell: BoundsText },
      { name: "used", label: t("access.last_used"), class: "narrow-hidden nowrap", cell: (key) => (key.last_used_at ? html`<span title=${moment(key.last_used_at)}>${ago(key.last_used_at)}</span>` : html`<span class="muted">${t("access.never")}</span>`) },
      { name: "state", label: t("access.state"), cell: KeyState },
      { name: "more", label: html`<span class="for-readers">${t("access.actions")}</span>`, class: "number", cell: (key) => html`<${Menu} items=${items(key, onEdit, onDone)} button=${{ icon: "more", title: t("access.actions_of", { name: key.name }), size: "small" }} />` },
    ],
  });
}

/** @param {Key} key */
function BoundsText({ models, bases, requests_per_minute: requests, tokens_per_minute: tokens }) {
  const parts = [
    models && t("access.models_text", { names: models.join(", ") }),
    bases && t("access.bases_text", { names: Object.keys(bases).join(", ") }),
    requests && t("access.requests_text", { n: compact(requests) }),
    tokens && t("access.tokens_text", { n: compact(tokens) }),
  ].filter(Boolean);
  const text = parts.join(" · ");
  return parts.length ? html`<span class="access-scopes" title=${text}>${text}</span>` : html`<span class="muted">${t("access.no_bounds")}</span>`;
}

/** @param {Key} key */
function KeyState({ revoked_at: revoked, expires_at: expires, usable }) {
  if (revoked) return Badge({ children: t("access.revoked"), title: moment(revoked) });
  if (!usable) return Badge({ kind: "warn", children: t("access.expired"), title: moment(expires) });
  return expires ? html`<span class="nowrap">${t("access.until", { time: moment(expires) })}</span>` : Badge({ kind: "ok", children: t("access.usable") });
}

/** @param {Key} key @param {(key: Key) => void} onEdit @param {(key: any) => void} onDone @returns {import("../../parts/menu.js").MenuItem[]} */
function items(key, onEdit, onDone) {
  const usage = { label: t("access.tab_usage"), icon: "activity", href: href(["access", "usage"], { key: key.id }) };
  if (key.revoked_at) return [usage];
  const rotate = async () => {
    const yes = await confirm({ title: t("access.rotate_title", { name: key.name }), text: t("access.rotate_text"), action: t("access.rotate") });
    const made = yes && (await attempt(post(path`v1/admin/keys/${key.id}/rotate`)));
    if (made) onDone(made);
  };
  const revoke = async () => {
    const yes = await confirm({ title: t("access.revoke_title", { name: key.name }), text: t("access.revoke_text"), action: t("access.revoke"), danger: true });
    const gone = yes && (await attempt(del(path`v1/admin/keys/${key.id}`)));
    if (gone) onDone(gone);
  };
  return [
    { label: t("access.edit"), icon: "edit", onClick: () => onEdit(key) },
    usage,
    { label: t("access.rotate"), icon: "refresh", onClick: rotate },
    "line",
    { label: t("access.revoke"), icon: "trash", danger: true, onClick: revoke },
  ];
}
