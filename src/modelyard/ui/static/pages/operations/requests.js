// The newest requests that have ended; newer ones appear by themselves.
import { get } from "../../lib/api.js";
import { clock, duration, moment, number } from "../../lib/format.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { go, href, route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { follow } from "../../lib/stream.js";
import { Button } from "../../parts/button.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { SelectField, TextField } from "../../parts/field.js";
import { Badge, Facts } from "../../parts/page.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";

/** @typedef {import("../../../types/api").RequestInfo} Request */

const PAGE = 200;
const STATUSES = ["2xx", "4xx", "429", "499", "5xx"];

export function Requests() {
  const { model, status = "", key = "" } = route.value.query;
  const paused = useSignal(false);
  const open = useSignal(/** @type {Request | null} */ (null));
  const older = useSignal(/** @type {{ data: Request[], more: boolean }} */ ({ data: [], more: true }));
  const found = useResource((signal) => get("v1/requests", { model, status, key, limit: PAGE }, signal), [model, status, key]);
  useEffect(() => void (older.value = { data: [], more: true }), [found]);
  useEffect(() => whenAsked(model, () => !paused.value && found.reload()), [found]);
  const more = async (/** @type {number} */ before) => {
    const page = await attempt(get("v1/requests", { model, status, key, limit: PAGE, before }));
    if (page) older.value = { data: [...older.value.data, ...page.data], more: page.has_more };
  };
  return html`<div class="row">
      ${SelectField({ name: "status", label: t("operations.status"), hideLabel: true, value: status, choices: [{ value: "", label: t("operations.any_status") }, ...STATUSES], onInput: (value) => setQuery({ status: value }) })}
      ${TextField({ name: "key", label: t("operations.key"), hideLabel: true, type: "search", placeholder: t("operations.key_hint"), value: key, onInput: (value) => setQuery({ key: value }) })}
      ${Button({ icon: paused.value ? "play" : "pause", label: t(paused.value ? "operations.resume" : "operations.pause"), size: "small", pressed: paused.value, onClick: () => (paused.value = !paused.value) })}
    </div>
    ${Loaded({
      of: found,
      draw: ({ data, has_more: hasMore }) => {
        const last = older.value.data.at(-1)?.number ?? data.at(-1)?.number;
        const rows = [...data, ...older.value.data.filter((each) => each.number < (data.at(-1)?.number ?? 0))];
        if (!rows.length) return Nothing({ filtered: Boolean(model || status || key) });
        return html`${List({ rows, onOpen: (request) => (open.value = request) })}
          ${hasMore && older.value.more ? html`<div>${Button({ label: t("operations.older"), onClick: () => more(last) })}</div>` : html`<p class="muted operations-hint">${t("operations.ring_note")}</p>`}`;
      },
    })}
    ${open.value ? html`<${Details} request=${open.value} onClose=${() => (open.value = null)} />` : null}`;
}

/** Call a function when requests have ended, told by the stream of figures. @param {string | undefined} model @param {() => void} then */
function whenAsked(model, then) {
  if (!can("monitor:view")) return undefined;
  const ending = new AbortController();
  const query = { follow: true, by: "all", name: ["requests"], model, since: Math.floor(Date.now() / 1000) };
  follow("v1/metrics/series", { query, signal: ending.signal }, ({ type, data }) => {
    if (type === "series" && data.data[0]?.values.some(Boolean)) then();
  }).catch(() => null);
  return () => ending.abort();
}

/** @param {{ filtered: boolean }} props */
function Nothing({ filtered }) {
  if (filtered) return Empty({ icon: "activity", title: t("operations.no_match"), action: Button({ label: t("operations.show_all"), onClick: () => go(["operations", "requests"]) }) });
  return Empty({ icon: "activity", title: t("operations.no_requests"), text: t("operations.no_traffic"), action: Button({ label: t("operations.to_chat"), href: href("chat") }) });
}

/** @param {Request} request */
function StatusBadge({ status, outcome }) {
  const kind = status >= 500 || outcome === "broken" ? "danger" : status >= 400 || outcome !== "complete" ? "warn" : "ok";
  return Badge({ kind, children: outcome === "complete" ? status : `${status} ${t(`operations.outcome_${outcome}`)}` });
}

/** @param {{ rows: Request[], onOpen: (request: Request) => void }} props */
function List({ rows, onOpen }) {
  const who = (/** @type {Request} */ each) => each.user ?? each.key_name ?? each.key ?? "–";
  return Table({
    label: t("operations.tab_requests"),
    rows,
    id: (each) => String(each.number),
    onOpen,
    columns: [
      { name: "at", label: t("operations.at"), class: "nowrap", cell: (each) => clock(each.at) },
      { name: "status", label: t("operations.status"), cell: StatusBadge },
      { name: "model", label: t("operations.model"), cell: (each) => html`<div class="cut operations-name" title=${each.model}>${each.model || "–"}</div>` },
      { name: "path", label: t("operations.path"), class: "mono narrow-hidden", cell: (each) => html`${each.path.replace(/^\/v1\//, "")}${each.inside ? Badge({ children: t("operations.inside"), title: t("operations.inside_hint") }) : null}` },
      { name: "who", label: t("operations.who"), class: "narrow-hidden", cell: (each) => html`<div class="cut operations-name">${who(each)}</div>` },
      { name: "ttft", label: t("operations.ttft_short"), class: "number narrow-hidden", cell: (each) => (each.ttft === null ? "–" : duration(each.ttft)) },
      { name: "seconds", label: t("operations.duration"), class: "number", cell: (each) => duration(each.seconds) },
      { name: "tokens_in", label: t("operations.tokens_in"), class: "number narrow-hidden", cell: (each) => `${each.estimated ? "≈ " : ""}${number(each.tokens_in)}` },
      { name: "tokens_out", label: t("operations.tokens_out"), class: "number narrow-hidden", cell: (each) => `${each.estimated ? "≈ " : ""}${number(each.tokens_out)}` },
    ],
  });
}

/** @param {{ request: Request, onClose: () => void }} props */
function Details({ request, onClose }) {
  const speed = request.ttft !== null && request.seconds > request.ttft ? (request.tokens_out - 1) / (request.seconds - request.ttft) : null;
  return html`<${Dialog} title=${request.path || t("operations.tab_requests")} onClose=${onClose} wide=${true}>
    ${Facts({
      items: [
        [t("operations.status"), StatusBadge(request)],
        [t("operations.at"), moment(request.at)],
        [t("operations.model"), request.model || "–"],
        request.replica !== null && [t("operations.replica"), html`<span class="mono">${request.replica}</span>`],
        [t("operations.who"), request.user ?? request.key_name ?? request.key ?? t("operations.nobody")],
        [t("operations.duration"), duration(request.seconds)],
        request.ttft !== null && [t("operations.ttft"), duration(request.ttft)],
        speed !== null && [t("operations.speed"), t("operations.tokens_per_second", { n: number(speed, 1) })],
        [t("operations.tokens_in"), `${request.estimated ? "≈ " : ""}${number(request.tokens_in)}`],
        [t("operations.tokens_cached"), number(request.tokens_cached)],
        [t("operations.tokens_out"), `${request.estimated ? "≈ " : ""}${number(request.tokens_out)}`],
      ],
    })}
    ${request.estimated ? html`<p class="muted">${t("operations.estimated")}</p>` : null}
    <div class="row"><span class="mono">${request.id}</span>${Copy({ text: request.id })}</div>
    ${can("logs:list") && request.model ? html`<p><a href=${href(["operations", "logs"], { model: request.model })}>${t("operations.to_logs")}</a></p>` : null}
  <//>`;
}
