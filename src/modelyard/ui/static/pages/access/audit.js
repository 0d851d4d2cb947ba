// Who changed what, and who tried to and was refused.
import { get } from "../../lib/api.js";
import { moment } from "../../lib/format.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { has, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { route, setQuery } from "../../lib/router.js";
import { Button } from "../../parts/button.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { TextField } from "../../parts/field.js";
import { Badge, Facts } from "../../parts/page.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";

/** @typedef {import("../../../types/api").AuditEntry} Change */

const PAGE = 200;
const ACTIONS = ["models.launch", "models.terminate", "models.scale", "keys.create_key", "keys.change_key", "keys.rotate_key", "keys.revoke_key", "keys.create_user", "keys.change_user", "keys.remove_user", "sessions.change_password", "jobs.create_job", "registrations.register"];

/** @param {string} action */
const actionText = (action) => (has(`access.action_${action}`) ? t(`access.action_${action}`) : action);

export function Audit() {
  const { action = "", target = "", key = "" } = route.value.query;
  const open = useSignal(/** @type {Change | null} */ (null));
  const older = useSignal(/** @type {{ data: Change[], more: boolean }} */ ({ data: [], more: true }));
  const filter = { action: action.trim(), target: target.trim(), key: key.trim() };
  const found = useResource((signal) => get("v1/audit", { ...filter, limit: PAGE }, signal), [action, target, key]);
  useEffect(() => void (older.value = { data: [], more: true }), [found]);
  const more = async (/** @type {number} */ before) => {
    const page = await attempt(get("v1/audit", { ...filter, limit: PAGE, before }));
    if (page) older.value = { data: [...older.value.data, ...page.data], more: page.has_more };
  };
  const field = (/** @type {"action" | "target" | "key"} */ name, /** @type {string} */ value, /** @type {string[]} */ list) =>
    TextField({ name: `audit-${name}`, label: t(`access.audit_${name}`), hideLabel: true, type: "search", placeholder: t(`access.audit_${name}`), value, list, onInput: (text) => setQuery({ [name]: text }) });
  return html`<div class="row">${field("action", action, ACTIONS)} ${field("target", target, [])} ${field("key", key, [])} ${Button({ icon: "refresh", label: t("access.refresh"), size: "small", busy: found.loading.value && found.data.value !== undefined, onClick: found.reload })}</div>
    ${Loaded({
      of: found,
      draw: ({ data, has_more: hasMore }) => {
        const rows = [...data, ...older.value.data];
        if (!rows.length) return Empty({ icon: "history", title: t(action || target || key ? "access.no_match" : "access.no_changes"), text: t("access.audit_text") });
        return html`${ChangeTable({ rows, onOpen: (change) => (open.value = change) })}
          ${hasMore && older.value.more ? html`<div>${Button({ label: t("access.older"), onClick: () => more(rows[rows.length - 1].id) })}</div>` : html`<p class="muted">${t("access.audit_text")}</p>`}`;
      },
    })}
    ${open.value ? html`<${ChangeDialog} change=${open.value} onClose=${() => (open.value = null)} />` : null}`;
}

/** @param {Change} change */
const Outcome = ({ status }) => Badge({ kind: status < 400 ? "ok" : status < 500 ? "warn" : "danger", children: status < 400 ? t("access.outcome_done") : t("access.outcome_refused", { status }) });

/** @param {{ rows: Change[], onOpen: (change: Change) => void }} props */
function ChangeTable({ rows, onOpen }) {
  return Table({
    label: t("access.tab_audit"),
    rows,
    id: (change) => String(change.id),
    onOpen,
    columns: [
      { name: "at", label: t("access.at"), class: "nowrap", cell: (change) => moment(change.at) },
      { name: "who", label: t("access.who"), cell: (change) => change.name ?? html`<span class="muted">${t("access.nobody")}</span>` },
      { name: "action", label: t("access.audit_action"), cell: (change) => html`<span title=${change.action}>${actionText(change.action)}</span>` },
      { name: "target", label: t("access.audit_target"), cell: (change) => html`<div class="cut access-target">${change.target ?? "–"}</div>` },
      { name: "status", label: t("access.outcome"), cell: Outcome },
      { name: "address", label: t("access.address"), class: "mono narrow-hidden", cell: (change) => change.address },
    ],
  });
}

/** @param {{ change: Change, onClose: () => void }} props */
function ChangeDialog({ change, onClose }) {
  return html`<${Dialog} title=${actionText(change.action)} onClose=${onClose}>
    ${Facts({
      items: [
        [t("access.audit_action"), html`<span class="mono">${change.action}</span>`],
        [t("access.audit_target"), change.target ?? "–"],
        [t("access.at"), moment(change.at)],
        [t("access.who"), change.name ?? t("access.nobody")],
        change.key !== null && [t("access.key_id"), html`<span class="mono">${change.key}</span>`],
        [t("access.owner"), html`<span class="mono">${change.owner}</span>`],
        [t("access.address"), html`<span class="mono">${change.address}</span>`],
        [t("access.outcome"), Outcome(change)],
      ],
    })}
    <div class="row"><span class="mono">${change.request_id}</span>${Copy({ text: change.request_id })}</div>
  <//>`;
}
