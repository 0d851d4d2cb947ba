// What a plot says in text: its legend, its table, and its file.
import { csvOf } from "../lib/csv.js";
import { html } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { clock, moment } from "../lib/format.js";
import { saveText } from "./save.js";

/** @typedef {import("./chart.js").ChartLine} ChartLine */
/** @typedef {import("./chart.js").ChartProps["along"]} Along */

const MOST_ROWS = 60;

/** A time of today as a clock has it, others with their date. @param {number} at */
const timeText = (at) => (Date.now() / 1000 - at < 86_400 ? clock(at) : moment(at));

/** The value at a step; of a joined line the newest until then. @param {ChartLine} line @param {number} at */
const valueAt = ({ values, joined }, at) => (joined ? values.slice(0, at + 1).findLast((value) => value !== null) : values[at]);

/**
 * The lines with their values at one time; a click hides a line.
 * @param {{ lines: ChartLine[], at: number, time: number | null, format: (value: number | null | undefined) => string, hidden: import("@preact/signals").Signal<Set<string>>, along?: Along }} props
 */
export function ChartLegend({ lines, at, time, format, hidden, along }) {
  const toggle = (/** @type {string} */ id) => {
    const next = new Set(hidden.value);
    if (!next.delete(id)) next.add(id);
    hidden.value = next;
  };
  return html`<ul class="chart-legend">
    ${lines.map(
      (line, index) => html`<li key=${line.id}>
        <button type="button" class="chart-line" aria-pressed=${String(!hidden.value.has(line.id))} onClick=${() => toggle(line.id)}>
          <span class=${`chart-color chart-color-${(index % 6) + 1}`}></span>${line.label} <span class="chart-value">${format(valueAt(line, at))}</span>
        </button>
      </li>`,
    )}
    ${time === null ? null : html`<li class="chart-time muted">${along ? `${along.name} ${along.write(time)}` : timeText(time)}</li>`}
  </ul>`;
}

/** The newest values as a table, at most sixty rows. @param {{ title: string, times: number[], lines: ChartLine[], format: (value: number | null | undefined) => string, along?: Along }} props */
export function ChartTable({ title, times, lines, format, along }) {
  const every = Math.max(1, Math.ceil(times.length / MOST_ROWS));
  const rows = times.map((_, index) => index).filter((index) => (times.length - 1 - index) % every === 0);
  return html`<div class="table-scroll chart-table" tabindex="0" role="region" aria-label=${title}>
    <table class="table">
      <thead><tr><th scope="col">${along?.name ?? t("chart.time")}</th>${lines.map((line) => html`<th scope="col" class="number">${line.label}</th>`)}</tr></thead>
      <tbody>
        ${rows.reverse().map(
          (row) => html`<tr key=${times[row]}><th scope="row">${along?.write(times[row]) ?? timeText(times[row])}</th>${lines.map((line) => html`<td class="number">${format(line.values[row])}</td>`)}</tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Download the values with ISO times. @param {string} title @param {number[]} times @param {ChartLine[]} lines @param {Along} [along] */
export function saveCsv(title, times, lines, along) {
  const head = [along?.name ?? "time", ...lines.map((line) => line.label)];
  const rows = times.map((at, index) => [along ? at : new Date(at * 1000).toISOString(), ...lines.map((line) => line.values[index])]);
  saveText(`${title}.csv`, csvOf([head, ...rows]), "text/csv");
}
