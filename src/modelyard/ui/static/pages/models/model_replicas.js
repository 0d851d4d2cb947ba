// The replicas of a model, with what each does.
import { del, path } from "../../lib/api.js";
import { gauges, models, replicas } from "../../lib/events.js";
import { ago, bytes, moment, number, percent } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { Empty } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";
import { scaleTo } from "./actions.js";
import { State } from "./figures.js";

/** @param {{ uid: string }} props */
export default function Replicas({ uid }) {
  const model = models.value.get(uid);
  const rows = [...(replicas.value.get(uid) ?? [])].sort((a, b) => a.replica_id - b.replica_id);
  const may = can("models:write");
  const count = model?.replica ?? 1;
  return html`<div class="spread"><span class="muted">${tn("models.replicas_wanted", count)}</span>
      ${may ? html`<div class="row">${Button({ label: t("models.fewer"), icon: "minus", size: "small", disabled: count < 2, onClick: () => void scaleTo(uid, count - 1) })}${Button({ label: t("models.more"), icon: "plus", size: "small", onClick: () => void scaleTo(uid, count + 1) })}</div>` : null}</div>
    ${rows.length ? Table({ label: t("models.replicas"), columns: columns(uid, may && rows.length > 1), rows, id: (row) => String(row.replica_id) }) : Empty({ title: t("models.no_replica") })}`;
}

/** @param {string} uid @param {boolean} may @returns {import("../../parts/table.js").Column<any>[]} */
function columns(uid, may) {
  const gauge = (/** @type {any} */ row) => gauges.value?.models?.[uid]?.figures?.[String(row.replica_id)];
  const remove = async (/** @type {any} */ row) => {
    const agreed = await confirm({ title: t("models.remove_replica", { n: row.replica_id }), text: t("models.remove_replica_text"), action: t("common.delete"), danger: true });
    if (agreed) await attempt(del(path`v1/models/${uid}/replicas/${row.replica_id}`));
  };
  /** @type {import("../../parts/table.js").Column<any>[]} */
  const list = [
    { name: "id", label: t("models.replica"), cell: (row) => html`<strong>${row.replica_id}</strong>` },
    { name: "state", label: t("models.state"), cell: (row) => html`${State({ status: row.status })}${row.error_message ? html`<span class="models-why danger" title=${row.error_message}>${row.error_message}</span>` : null}` },
    { name: "devices", label: t("models.devices"), class: "narrow-hidden", cell: (row) => row.accelerators.join(", ") || t("models.main_memory") },
    { name: "flight", label: t("models.in_flight"), class: "number", cell: (row) => number(gauge(row)?.in_flight ?? row.in_flight) },
    { name: "memory", label: t("models.memory"), class: "number", cell: (row) => bytes(gauge(row)?.memory) },
    { name: "cpu", label: t("models.cpu"), class: "number narrow-hidden", cell: (row) => percent(gauge(row)?.cpu_percent == null ? null : gauge(row).cpu_percent / 100) },
    { name: "restarts", label: t("models.restarts"), class: "number", cell: (row) => html`<span class=${row.restarts ? "models-few" : ""}>${number(row.restarts)}</span>` },
    { name: "pid", label: t("models.process"), class: "number narrow-hidden", cell: (row) => row.pid ?? "–" },
    { name: "since", label: t("models.since"), class: "narrow-hidden nowrap", cell: (row) => (row.created_ts ? html`<span title=${moment(row.created_ts)}>${ago(row.created_ts)}</span>` : "–") },
  ];
  if (may) list.push({ name: "actions", label: html`<span class="for-readers">${t("models.actions")}</span>`, class: "number", cell: (row) => IconButton({ icon: "trash", size: "small", title: t("models.remove_replica", { n: row.replica_id }), onClick: () => void remove(row) }) });
  return list;
}
