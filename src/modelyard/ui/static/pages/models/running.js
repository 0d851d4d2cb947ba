// The table of running models, which changes by events.
import { known, models } from "../../lib/events.js";
import { html, useRef, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { go, href, route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { TextField } from "../../parts/field.js";
import { Menu } from "../../parts/menu.js";
import { Empty, Loading } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { askScale, askTerminate, cancelLaunch } from "./actions.js";
import { InFlight, Memory, memoryOf, ProgressLine, Speed, starting, State } from "./figures.js";

export function Running() {
  const selection = useSignal(/** @type {Set<string>} */ (new Set()));
  const { q = "", sort = "name", order = "" } = route.value.query;
  const all = [...models.value.values()].filter((model) => !model.parent && !model.alias_of);
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = all.filter((model) => words.every((word) => textOf(model).includes(word))).sort(by(sort, order === "down"));
  const may = can("models:write");
  const shown = useRef(rows);
  shown.current = rows;
  const targets = () => (selection.value.size ? [...selection.value].filter((uid) => models.value.has(uid)) : focusedRow(shown.current));
  useKeys(
    may
      ? [
          { keys: "s", label: t("models.key_scale"), run: () => void targets().slice(0, 1).map(askScale) },
          { keys: "x", label: t("models.key_terminate"), run: () => void terminate(targets(), selection) },
        ]
      : [],
    [may],
  );
  if (!known.value) return Loading();
  if (!all.length) return NothingRuns({ may });
  const chosen = [...selection.value].filter((uid) => models.value.has(uid));
  return html`<div class="spread">
      <div class="models-filter">${TextField({ name: "running-filter", type: "search", label: t("models.filter"), hideLabel: true, placeholder: t("models.filter"), value: q, onInput: (value) => setQuery({ q: value }) })}</div>
      ${chosen.length && may
        ? html`<div class="row"><span class="muted">${tn("models.chosen", chosen.length)}</span>${Button({ label: t("models.terminate"), icon: "stop", kind: "danger", size: "small", onClick: () => void terminate(chosen, selection) })}</div>`
        : html`<span class="muted">${tn("models.count", rows.length)}</span>`}
    </div>
    ${rows.length
      ? Table({ label: t("models.tab_running"), columns: columns(may), rows, id: (row) => row.id, onOpen: (row) => go(["models", row.id, "overview"]), selection: may ? selection : undefined, sort: { column: sort, descending: order === "down" }, onSort: (column) => setQuery({ sort: column, order: sort === column && order !== "down" ? "down" : "" }) })
      : Empty({ icon: "search", title: t("common.nothing_found"), action: Button({ label: t("models.clear_filter"), onClick: () => setQuery({ q: "" }) }) })}`;
}

/** @param {string[]} uids @param {{ value: Set<string> }} selection */
async function terminate(uids, selection) {
  if (await askTerminate(uids)) selection.value = new Set();
}

/** The row that has the focus. @param {any[]} rows */
function focusedRow(rows) {
  const index = Number(document.activeElement?.closest("tr[data-row]")?.getAttribute("aria-rowindex") ?? 0);
  return index && rows[index - 1] ? [rows[index - 1].id] : [];
}

/** @param {any} model */
const textOf = (model) => [model.id, model.model_name, model.model_engine, model.model_type, model.quantization, model.status].join(" ").toLowerCase();

/** @param {string} column @param {boolean} descending @returns {(a: any, b: any) => number} */
function by(column, descending) {
  /** @type {Record<string, (model: any) => string | number>} */
  const keys = { name: (model) => model.id.toLowerCase(), state: (model) => model.status, engine: (model) => model.model_engine ?? "", memory: (model) => memoryOf(model).value ?? 0 };
  const key = keys[column] ?? keys.name;
  const sign = descending ? -1 : 1;
  return (a, b) => sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}

/** @param {boolean} may @returns {import("../../parts/table.js").Column<any>[]} */
function columns(may) {
  /** @type {(import("../../parts/table.js").Column<any> | null)[]} */
  const list = [
    { name: "name", label: t("models.name"), sortable: true, cell: NameCell },
    { name: "state", label: t("models.state"), sortable: true, cell: (model) => (starting(model) ? ProgressLine({ uid: model.id }) : html`${State({ status: model.status })}${model.status === "ERROR" ? html`<span class="models-why danger" title=${model.error}>${model.error}</span>` : null}`) },
    { name: "engine", label: t("models.engine"), sortable: true, class: "narrow-hidden nowrap", cell: (model) => model.model_engine },
    { name: "replicas", label: t("models.replicas"), class: "number", cell: (model) => html`<span class=${model.replica_ready < model.replica ? "models-few" : ""}>${model.replica_ready} / ${model.replica}</span>` },
    { name: "in_flight", label: t("models.in_flight"), class: "number narrow-hidden", cell: (model) => InFlight({ uid: model.id }) },
    { name: "speed", label: t("models.tokens_per_second"), class: "number narrow-hidden", cell: (model) => Speed({ uid: model.id }) },
    { name: "memory", label: t("models.memory"), sortable: true, class: "number narrow-hidden", cell: (model) => Memory({ model }) },
    may ? { name: "actions", label: html`<span class="for-readers">${t("models.actions")}</span>`, class: "number", cell: (model) => html`<${Menu} items=${items(model)} button=${{ icon: "more", size: "small", title: t("models.actions_of", { name: model.id }) }} />` } : null,
  ];
  return list.filter((each) => each !== null);
}

/** @param {any} model */
function NameCell(model) {
  const details = [model.model_name === model.id ? "" : model.model_name, model.quantization, model.model_type === "LLM" ? "" : model.model_type].filter(Boolean).join(" · ");
  return html`<a class="models-name" href=${href(["models", model.id, "overview"])}>${model.id}</a>${details ? html`<span class="models-details muted">${details}</span>` : null}`;
}

/** @param {any} model @returns {import("../../parts/menu.js").MenuItem[]} */
function items(model) {
  const at = (/** @type {string} */ tab) => href(["models", model.id, tab]);
  const ready = model.status === "READY";
  /** @type {(import("../../parts/menu.js").MenuItem | null)[]} */
  const list = [
    ready && model.is_chat ? { label: t("models.chat_with"), icon: "message", href: href(["chat"], { model: model.id }) } : null,
    ready ? { label: t("models.model_tab_try"), icon: "play", href: at("try") } : null,
    { label: t("models.model_tab_logs"), icon: "terminal", href: at("logs") },
    { label: t("models.launch_like"), icon: "copy", href: href(["models", "launch"], { like: model.id }) },
    { label: t("models.scale"), icon: "plus", onClick: () => void askScale(model.id) },
    "line",
    starting(model) ? { label: t("models.cancel_launch"), icon: "x", onClick: () => void cancelLaunch(model.id) } : null,
    { label: t("models.terminate"), icon: "stop", danger: true, onClick: () => void askTerminate([model.id]) },
  ];
  return list.filter((each) => each !== null);
}

/** @param {{ may: boolean }} props */
function NothingRuns({ may }) {
  const action = may
    ? html`<div class="row">${Button({ label: t("models.launch_demo"), kind: "primary", icon: "play", href: href(["models", "launch"], { name: "modelyard-demo", type: "LLM" }) })}${Button({ label: t("models.to_catalog"), href: href(["models", "catalog"], { fits: "true" }) })}</div>`
    : null;
  return Empty({ title: t("models.nothing_runs"), text: may ? t("models.nothing_runs_text") : t("common.no_permission_text", { scope: "models:write" }), action });
}
