// The figures of the last answers side by side; the best of each row stands out.
import { duration, number, percent } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { figuresOf } from "../chat/figures.js";

/** @typedef {ReturnType<typeof figuresOf>} Figures */

/** @type {{ name: string, value: (figures: Figures) => number | null, show: (value: number) => string, best: "least" | "most" | null }[]} */
const ROWS = [
  { name: "chat.first_token", value: (each) => each.firstToken, show: duration, best: "least" },
  { name: "chat.speed", value: (each) => each.speed, show: (value) => t("chat.tokens_per_second", { n: number(value, 1) }), best: "most" },
  { name: "chat.tokens", value: (each) => each.tokens, show: (value) => number(value), best: null },
  { name: "chat.prompt_tokens", value: (each) => each.prompt, show: (value) => number(value), best: null },
  { name: "chat.duration", value: (each) => each.seconds, show: duration, best: "least" },
  { name: "chat.context", value: (each) => each.share, show: (value) => percent(value, 1), best: null },
];

/** @param {{ columns: import("./state.js").Column[] }} props */
export function FigureTable({ columns }) {
  const messages = columns.map((each) => each.last);
  if (!messages.some((each) => each && each.state !== "running")) return null;
  const figures = messages.map((each) => (each && each.state !== "running" ? figuresOf(each) : null));
  const rows = ROWS.map((row) => ({ ...row, values: figures.map((each) => (each ? row.value(each) : null)) })).filter((row) => row.values.some((value) => value !== null));
  return html`<div class="compare-figures" tabindex="0" role="region" aria-label=${t("chat.compare_figures")}>
    <table class="table">
      <thead><tr><th scope="col"><span class="for-readers">${t("chat.compare_figures")}</span></th>${columns.map((each, index) => html`<th scope="col" class="number">${each.last?.model || each.setup.model.value || index + 1}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.name}><th scope="row">${t(row.name)}</th>${row.values.map((value) => html`<td class=${`number ${isBest(row, value) ? "compare-best" : ""}`}>${value === null ? "–" : row.show(value)}</td>`)}</tr>`)}</tbody>
    </table>
  </div>`;
}

/** @param {{ best: "least" | "most" | null, values: (number | null)[] }} row @param {number | null} value */
function isBest({ best, values }, value) {
  const present = /** @type {number[]} */ (values.filter((each) => each !== null));
  if (!best || value === null || present.length < 2) return false;
  return value === (best === "least" ? Math.min(...present) : Math.max(...present));
}
