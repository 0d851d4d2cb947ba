// The newest requests of a model.
import { get } from "../../lib/api.js";
import { clock, duration, moment, number } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { Button } from "../../parts/button.js";
import { Badge } from "../../parts/page.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";

/** @param {{ uid: string }} props */
export default function Requests({ uid }) {
  const found = useResource((signal) => get("v1/requests", { model: uid, limit: 200 }, signal), [uid]);
  return html`<div class="spread"><span class="muted">${t("models.requests_note")}</span>${Button({ label: t("models.reload"), icon: "refresh", size: "small", busy: found.loading.value, onClick: () => void found.reload() })}</div>
    ${Loaded({ of: found, draw: (page) => (page.data.length ? Table({ label: t("models.model_tab_requests"), columns: columns(), rows: page.data, id: (row) => String(row.number) }) : Empty({ icon: "activity", title: t("models.no_requests"), text: t("models.no_requests_text") })) })}`;
}

/** @returns {import("../../parts/table.js").Column<any>[]} */
function columns() {
  return [
    { name: "at", label: t("models.time"), class: "nowrap", cell: (row) => html`<span title=${moment(row.at)}>${clock(row.at)}</span>` },
    { name: "status", label: t("models.status"), cell: (row) => Badge({ kind: row.status < 400 ? "ok" : row.status < 500 ? "warn" : "danger", children: row.status }) },
    { name: "path", label: t("models.path"), class: "narrow-hidden", cell: (row) => html`<code>${row.path}</code>` },
    { name: "key", label: t("models.caller"), class: "narrow-hidden", cell: (row) => row.user ?? row.key_name ?? "–" },
    { name: "ttft", label: t("models.ttft"), class: "number", cell: (row) => duration(row.ttft) },
    { name: "seconds", label: t("models.duration"), class: "number", cell: (row) => duration(row.seconds) },
    { name: "in", label: t("models.tokens_in"), class: "number narrow-hidden", cell: (row) => number(row.tokens_in) },
    { name: "out", label: t("models.tokens_out"), class: "number", cell: (row) => number(row.tokens_out) },
  ];
}
