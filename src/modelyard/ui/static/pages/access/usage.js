// What was used: requests and tokens by key, user and model, as a table and over the days.
import { get } from "../../lib/api.js";
import { csvOf } from "../../lib/csv.js";
import { compact, number } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { go, href, route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { Chart } from "../../parts/chart.js";
import { saveText } from "../../parts/save.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Segments } from "../../parts/tabs.js";

/** @typedef {import("../../../types/api").UsageEntry} Entry */

const DAYS = ["7", "30", "90", "365"];
const MOST_LINES = 6;
const MOST_ROWS = 50_000;
const DAY = 86_400;

/** @param {number} daysAgo */
const dayText = (daysAgo) => new Date(Date.now() - daysAgo * DAY * 1000).toISOString().slice(0, 10);

/** The rows of a grouping, up to `MOST_ROWS`. @param {Record<string, any>} query @param {AbortSignal} signal @returns {Promise<Entry[]>} */
async function read(query, signal) {
  const found = [];
  let after = null;
  do {
    const page = await get("v1/usage", { ...query, limit: 5000, after }, signal);
    found.push(...page.data);
    after = page.next;
  } while (after && found.length < MOST_ROWS);
  return found;
}

export function Usage() {
  const { days = "30", key, user, model, by = "model" } = route.value.query;
  const filter = { since: dayText(Number(days) - 1), key, user, model };
  const inputs = [days, key, user, model];
  const rows = useResource((signal) => read({ ...filter, by: ["key", "user", "model"] }, signal), inputs);
  const daily = useResource((signal) => read({ ...filter, by: ["day", by === "key" ? "key" : "model", ...(by === "key" ? ["user"] : [])] }, signal), [...inputs, by]);
  const filtered = key ?? user ?? model;
  return html`<div class="spread">
      <div class="row">
        ${Segments({ label: t("access.days"), value: days, onInput: (value) => setQuery({ days: value }), choices: DAYS.map((value) => ({ value, label: t("access.n_days", { n: value }) })) })}
        ${Segments({ label: t("access.lines"), value: by, onInput: (value) => setQuery({ by: value }), choices: ["model", "key"].map((value) => ({ value, label: t(`access.by_${value}`) })) })}
        ${filtered ? Button({ icon: "x", label: filtered, size: "small", title: t("access.show_all"), onClick: () => setQuery({ key: null, user: null, model: null }) }) : null}
      </div>
      ${rows.data.value?.length ? Button({ icon: "download", label: "CSV", size: "small", onClick: () => save(rows.data.value ?? []) }) : null}
    </div>
    ${can("admin") ? null : html`<p class="muted">${t("access.own_usage")}</p>`}
    ${Loaded({
      of: rows,
      draw: (found) =>
        found.length
          ? html`${found.length >= MOST_ROWS ? html`<p class="access-warning">${t("access.usage_cut", { n: number(MOST_ROWS) })}</p>` : null}
              ${Loaded({ of: daily, lines: 6, draw: (each) => Days({ rows: each, days: Number(days), by }) })} ${UsageTable({ rows: found })}`
          : Empty({ icon: "activity", title: t("access.no_usage"), text: t("access.no_usage_text"), action: filtered ? Button({ label: t("access.show_all"), onClick: () => go(["access", "usage"]) }) : Button({ label: t("access.to_chat"), href: href("chat") }) }),
    })}`;
}

/** Who used it, in a word. @param {Entry} row */
const whoOf = (row) => row.user ?? row.key_name ?? row.key ?? t("access.nobody");

/** Tokens of each day, of those who used most. @param {{ rows: Entry[], days: number, by: string }} props */
function Days({ rows, days, by }) {
  const first = Math.floor(Date.now() / 1000 / DAY) - (days - 1);
  const times = Array.from({ length: days }, (_, index) => (first + index) * DAY);
  /** @type {Map<string, number[]>} */
  const lines = new Map();
  for (const row of rows) {
    const name = by === "key" ? whoOf(row) : row.model || t("access.no_model");
    const values = lines.get(name) ?? new Array(days).fill(0);
    const at = Math.round(Date.parse(`${row.day}T00:00:00Z`) / 1000 / DAY) - first;
    if (at >= 0 && at < days) values[at] += row.tokens_in + row.tokens_out;
    lines.set(name, values);
  }
  const sum = (/** @type {number[]} */ values) => values.reduce((total, each) => total + each, 0);
  const most = [...lines].sort((one, other) => sum(other[1]) - sum(one[1])).slice(0, MOST_LINES);
  return Chart({ title: t("access.tokens_by_day"), note: t("access.utc"), times, format: compact, sparse: days < 100, lines: most.map(([name, values]) => ({ id: name, label: name, values })) });
}

/** @param {{ rows: Entry[] }} props */
function UsageTable({ rows }) {
  const sorted = [...rows].sort((one, other) => other.tokens_in + other.tokens_out - one.tokens_in - one.tokens_out);
  const figure = (/** @type {"requests" | "errors" | "tokens_in" | "tokens_cached" | "tokens_out"} */ name) => ({ name, label: t(`access.figure_${name}`), class: `number ${name === "errors" || name === "tokens_cached" ? "narrow-hidden" : ""}`, cell: (/** @type {Entry} */ row) => number(row[name]) });
  return Table({
    label: t("access.tab_usage"),
    rows: sorted,
    id: (row) => `${row.key} ${row.user} ${row.model}`,
    columns: [
      { name: "who", label: t("access.who"), cell: (row) => (row.key ? html`<a href=${href(["access", "usage"], { ...route.value.query, key: row.key })}>${whoOf(row)}</a>` : row.user ? html`<a href=${href(["access", "usage"], { ...route.value.query, user: row.user })}>${whoOf(row)}</a>` : html`<span class="muted">${whoOf(row)}</span>`) },
      { name: "model", label: t("access.model"), cell: (row) => (row.model ? html`<a href=${href(["access", "usage"], { ...route.value.query, model: row.model })}>${row.model}</a>` : html`<span class="muted">${t("access.no_model")}</span>`) },
      figure("requests"),
      figure("errors"),
      figure("tokens_in"),
      figure("tokens_cached"),
      figure("tokens_out"),
    ],
  });
}

/** @param {Entry[]} rows */
function save(rows) {
  const names = /** @type {const} */ (["key", "key_name", "user", "model", "requests", "errors", "tokens_in", "tokens_cached", "tokens_out"]);
  saveText("usage.csv", csvOf([[...names], ...rows.map((row) => names.map((name) => row[name]))]), "text/csv");
}
