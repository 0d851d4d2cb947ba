// Which plots there are, and the lines of each.
import { bytes, compact, duration, number } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { perSecond, seriesOf } from "./series.js";

/** @typedef {import("./series.js").SeriesView} SeriesView */
/** @typedef {import("../../../types/api").FigureSeries} FigureSeries */
/** @typedef {Omit<import("../../parts/chart.js").ChartProps, "times"> & { traffic?: boolean }} PlotProps `traffic`: it shows nothing before there are requests */

const MOST_LINES = 12;

/** @param {FigureSeries} each */
export function labelOf(each) {
  if (each.device) return each.device === "cpu" ? t("operations.machine") : each.device === "server" ? t("operations.server") : each.device;
  if (each.model === null) return t("operations.all");
  return each.replica || each.model || t("operations.unknown_model");
}

/** Lines of one figure, those with the most first. @param {SeriesView} view @param {string} name @param {{ rate?: boolean, quantile?: number, filter?: (each: FigureSeries) => boolean, label?: (each: FigureSeries) => string, dashed?: boolean }} [options] @returns {import("../../parts/chart.js").ChartLine[]} */
function linesOf(view, name, { rate, quantile, filter, label = labelOf, dashed } = {}) {
  const found = seriesOf(view, name, (each) => (quantile === undefined || each.quantile === quantile) && (filter?.(each) ?? true));
  const total = (/** @type {FigureSeries} */ each) => each.values.reduce((/** @type {number} */ sum, value) => sum + (value ?? 0), 0);
  if (found.length > MOST_LINES) found.sort((one, other) => total(other) - total(one)).splice(MOST_LINES);
  return found.map((each) => ({
    id: [name, each.model, each.replica, each.device, quantile].join(" "),
    label: label(each),
    values: rate ? perSecond(each.values, view.step) : each.values,
    dashed,
  }));
}

/** p50 and p95 together; only p95 where there are many lines. @param {SeriesView} view @param {string} name @param {string} by */
function times(view, name, by) {
  const suffixed = (/** @type {string} */ part) => (/** @type {FigureSeries} */ each) => (by === "all" ? part : `${labelOf(each)} ${part}`);
  const high = linesOf(view, name, { quantile: 0.95, label: suffixed("p95") });
  return by === "all" ? [...linesOf(view, name, { quantile: 0.5, label: suffixed("p50") }), ...high] : high;
}

/** Percent of tokens that were found in the prefix cache. @param {SeriesView} view @returns {import("../../parts/chart.js").ChartLine[]} */
function hits(view) {
  return seriesOf(view, "prefix_queries").map((each) => {
    const found = seriesOf(view, "prefix_hits", (other) => other.model === each.model && other.replica === each.replica)[0];
    const values = each.values.map((value, index) => (value ? (100 * (found?.values[index] ?? 0)) / value : null));
    return { id: `hits ${each.model} ${each.replica}`, label: labelOf(each), values };
  });
}

/** @param {SeriesView} view @param {string} by @returns {(PlotProps & { key?: string })[]} */
export function charts(view, by) {
  const all = by === "all";
  const named = (/** @type {string} */ key) => (all ? () => t(key) : labelOf);
  const rates = (/** @type {string} */ name, /** @type {string} */ key) => linesOf(view, name, { rate: true, label: named(key) });
  const per = t("operations.per_second");
  const percent = (/** @type {number | null | undefined} */ value) => (value === null || value === undefined ? "–" : `${number(value, value < 10 ? 1 : 0)} %`);
  const seconds = { format: duration, sparse: true, traffic: true };
  const known = (/** @type {PlotProps} */ plot) => (plot.lines.length ? [plot] : []);
  return [
    { title: t("operations.requests"), note: per, traffic: true, format: (value) => number(value, 2), lines: all ? [...rates("requests", "operations.requests"), ...rates("errors", "operations.errors")] : rates("requests", "") },
    { title: t("operations.tokens"), note: per, traffic: true, format: compact, lines: all ? [...rates("tokens_out", "operations.tokens_out"), ...rates("tokens_in", "operations.tokens_in"), ...rates("tokens_cached", "operations.tokens_cached")] : rates("tokens_out", "") },
    { title: t("operations.ttft"), ...seconds, note: all ? "" : "p95", lines: times(view, "ttft", by) },
    { title: t("operations.inter_token"), ...seconds, note: all ? "" : "p95", lines: times(view, "inter_token", by) },
    { title: t("operations.duration"), ...seconds, note: all ? "" : "p95", lines: times(view, "duration", by) },
    { title: t("operations.in_flight"), traffic: true, format: (value) => number(value, 1), lines: all ? [...linesOf(view, "in_flight", { label: named("operations.in_flight") }), ...linesOf(view, "queued", { label: named("operations.queue") })] : linesOf(view, "in_flight") },
    ...(all ? [] : known({ title: t("operations.queue"), format: (value) => number(value, 1), lines: linesOf(view, "queued"), traffic: true })),
    ...(all ? [] : known({ title: t("operations.errors"), note: per, format: (value) => number(value, 2), lines: rates("errors", ""), traffic: true })),
    ...known({ title: t("operations.kv_cache"), format: percent, max: 100, lines: linesOf(view, "kv_cache") }),
    ...known({ title: t("operations.prefix_hits"), format: percent, max: 100, sparse: true, traffic: true, lines: hits(view) }),
    { title: t("operations.cpu"), note: t("operations.cpu_note"), format: percent, lines: linesOf(view, "cpu") },
    { title: t("operations.memory"), format: bytes, lines: linesOf(view, "memory") },
    ...known({ title: t("operations.gpu"), format: percent, max: 100, lines: linesOf(view, "gpu") }),
    ...known({ title: t("operations.gpu_memory"), format: bytes, lines: linesOf(view, "gpu_memory") }),
  ];
}
