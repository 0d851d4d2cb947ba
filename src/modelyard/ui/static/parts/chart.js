// A plot of several lines over time. uPlot draws it and is loaded when the first plot is shown.
import { html, useEffect, useRef, useSignal } from "../lib/html.js";
import { language, loadTexts, t } from "../lib/i18n.js";
import { loadStyles } from "../lib/pages.js";
import { loadScript } from "../lib/script.js";
import { theme } from "../lib/settings.js";
import { ChartLegend, ChartTable, saveCsv } from "./chart_text.js";
import { Menu } from "./menu.js";

/**
 * @typedef {object} ChartLine
 * @property {string} id
 * @property {string} label
 * @property {(number | null)[]} values one for each time; null is a gap
 * @property {boolean} [dashed]
 * @property {boolean} [joined] its gaps are no silence: values are joined over them, such as those of an evaluation every hundred steps
 */
/** @typedef {{ from: number, to: number } | null} Zoom Unix times; null is everything */
/**
 * @typedef {object} ChartProps
 * @property {string} title
 * @property {number[]} times Unix times, in rising order; or steps of a job, with `along`
 * @property {ChartLine[]} lines
 * @property {(value: number | null | undefined) => string} format of a value, with its unit
 * @property {string} [group] plots of one group show the cursor at the same time
 * @property {import("@preact/signals").Signal<Zoom>} [zoom] the part that is shown, shared by plots that zoom together
 * @property {string} [note] a sentence below the title
 * @property {number} [height] pixels
 * @property {number} [max] the value at the top, where there is a natural one
 * @property {boolean} [sparse] values stand alone: they are drawn as points
 * @property {{ name: string, write: (value: number) => string }} [along] what the plot goes along instead of time: its name, such as "Step", and a value as text
 * @property {string} [empty] what is said instead of a plot without any value
 */

await Promise.all([loadTexts("chart"), loadStyles("parts/chart.css")]);

const COLORS = 6;
/** @type {Promise<any> | undefined} */
let library;

/** uPlot with its style sheet. It reads `navigator.language`, which Chromium on a system without a locale sets to `en-US@posix`. */
function loadLibrary() {
  try {
    Intl.getCanonicalLocales(navigator.language);
  } catch {
    Object.defineProperty(navigator, "language", { value: "en-US", configurable: true });
  }
  const files = [loadScript("vendor/uplot/uPlot.iife.min.js"), loadStyles("vendor/uplot/uPlot.min.css")];
  library ??= Promise.all(files).then(() => /** @type {any} */ (window).uPlot);
  return library;
}

/** @param {ChartProps} props */
export const Chart = (props) => html`<${ChartView} ...${props} />`;

/** The component itself, for lists of plots with keys. @param {ChartProps} props */
export function ChartView(props) {
  const { title, note, lines, times, format, empty, along, height = 150 } = props;
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const latest = useRef(props);
  const cursor = useSignal(/** @type {number | null} */ (null));
  const hidden = useSignal(/** @type {Set<string>} */ (new Set()));
  const table = useSignal(false);
  latest.current = props;
  const known = lines.some((line) => line.values.some((value) => value !== null));
  const shape = `${lines.map((line) => `${line.id}${line.dashed}`).join()} ${theme.value} ${language.value} ${known} ${table.value}`;
  useEffect(() => {
    if (!known || table.value) return undefined;
    return mount(place, plot, latest, cursor, height);
  }, [shape]);
  useEffect(() => {
    const drawn = plot.current;
    if (!drawn) return;
    drawn.setData([times, ...lines.map((line) => line.values)], false);
    setRange(drawn, props);
  }, [times, lines, props.zoom?.value]);
  useEffect(() => {
    lines.forEach((line, index) => plot.current?.setSeries(index + 1, { show: !hidden.value.has(line.id) }));
  }, [hidden.value, shape]);
  const at = cursor.value ?? lastKnown(lines);
  const description = lines.map((line) => `${line.label} ${format(line.values[at])}`).join(", ");
  const items = [
    { label: t(table.value ? "chart.plot" : "chart.table"), icon: table.value ? "activity" : "list", onClick: () => (table.value = !table.value) },
    { label: t("chart.csv"), icon: "download", onClick: () => saveCsv(title, times, lines, along) },
  ];
  return html`<figure class="chart" aria-label=${title}>
    <figcaption class="chart-head">
      <span><strong>${title}</strong>${note ? html`<span class="muted"> ${note}</span>` : null}</span>
      ${known ? html`<${Menu} items=${items} button=${{ icon: "more", title: t("chart.more", { title }), size: "small" }} />` : null}
    </figcaption>
    ${
      !known
        ? html`<p class="chart-empty muted" style=${{ height: `${height}px` }}>${empty ?? t("chart.empty")}</p>`
        : table.value
          ? html`<${ChartTable} title=${title} times=${times} lines=${lines} format=${format} along=${along} />`
          : html`<div class="chart-plot" style=${{ height: `${height}px` }} ref=${place} role="img" aria-label=${`${title}: ${description}`}></div>`
    }
    ${known ? ChartLegend({ lines, at, time: cursor.value === null ? null : times[at], format, hidden, along }) : null}
  </figure>`;
}

/** The last step that any line has a value for. @param {ChartLine[]} lines */
function lastKnown(lines) {
  let last = 0;
  for (const line of lines) last = Math.max(last, line.values.findLastIndex((value) => value !== null));
  return last;
}

/** Show the chosen part, or everything. @param {any} plot @param {ChartProps} props */
function setRange(plot, { times, zoom }) {
  const { from, to } = zoom?.value ?? { from: times[0], to: times[times.length - 1] };
  plot.batch(() => plot.setScale("x", { min: from, max: to }));
}

/**
 * Make the plot in its place; returns what removes it.
 * @param {{ current: HTMLElement | null }} place @param {{ current: any }} plot @param {{ current: ChartProps }} latest
 * @param {import("@preact/signals").Signal<number | null>} cursor @param {number} height
 */
function mount(place, plot, latest, cursor, height) {
  let gone = false;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const sizes = new ResizeObserver(() => {
    const width = place.current?.clientWidth;
    if (plot.current && width) plot.current.setSize({ width, height });
  });
  const make = async () => {
    const UPlot = await loadLibrary();
    const element = place.current;
    if (gone || !element) return;
    plot.current?.destroy();
    const { times, lines } = latest.current;
    const made = new UPlot(options(element, latest, cursor, height), [times, ...lines.map((line) => line.values)], element);
    plot.current = made;
    made.over.addEventListener("dblclick", () => latest.current.zoom && (latest.current.zoom.value = null));
    setRange(made, latest.current);
    sizes.observe(element);
  };
  void make();
  dark.addEventListener("change", make);
  return () => {
    gone = true;
    dark.removeEventListener("change", make);
    sizes.disconnect();
    plot.current?.destroy();
    plot.current = null;
  };
}

/** Options of uPlot. @param {HTMLElement} element @param {{ current: ChartProps }} latest @param {import("@preact/signals").Signal<number | null>} cursor @param {number} height */
function options(element, latest, cursor, height) {
  const { lines, group, sparse, max, along } = latest.current;
  const color = (/** @type {string} */ name) => colorOf(element, name);
  const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return {
    width: element.clientWidth || 300,
    height,
    legend: { show: false },
    padding: [8, 18, 0, 0],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      sync: group ? { key: group, setSeries: false } : undefined,
      points: { size: 6 },
    },
    scales: { x: { time: !along }, y: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => [Math.min(0, low ?? 0), max ?? ((high > 0 ? high : 1) * 1.08)] } },
    axes: [
      { ...axis, size: 24, space: 70, values: (/** @type {any} */ plot, /** @type {number[]} */ splits) => splits.map((at) => along?.write(at) ?? timeLabel(at, plot)) },
      { ...axis, size: 64, space: 34, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((value) => latest.current.format(value)) },
    ],
    series: [
      {},
      ...lines.map((line, index) => ({
        label: line.label,
        stroke: color(`--series-${(index % COLORS) + 1}`),
        width: 1.5,
        dash: line.dashed || index >= COLORS ? [4, 3] : undefined,
        points: { show: Boolean(sparse || line.joined), size: 4 },
        spanGaps: Boolean(line.joined),
      })),
    ],
    hooks: {
      setCursor: [(/** @type {any} */ plot) => (cursor.value = plot.cursor.left < 0 ? null : (plot.cursor.idx ?? null))],
      setSelect: [(/** @type {any} */ plot) => zoomTo(plot, latest.current)],
    },
  };
}

/** Make the part that was drawn over the part that is shown. @param {any} plot @param {ChartProps} props */
function zoomTo(plot, { zoom }) {
  const { left, width } = plot.select;
  if (width < 4) return;
  if (zoom) zoom.value = { from: plot.posToVal(left, "x"), to: plot.posToVal(left + width, "x") };
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
}

/** A colour of the style sheet as canvas takes it. @param {HTMLElement} element @param {string} name */
function colorOf(element, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** @param {number} at @param {any} plot */
function timeLabel(at, plot) {
  const span = plot.scales.x.max - plot.scales.x.min;
  if (span > 2 * 86_400) return new Intl.DateTimeFormat(language.value, { month: "short", day: "numeric" }).format(new Date(at * 1000));
  const seconds = span < 180 ? /** @type {const} */ ("2-digit") : undefined;
  return new Intl.DateTimeFormat(language.value, { hour: "2-digit", minute: "2-digit", second: seconds, hourCycle: "h23" }).format(new Date(at * 1000));
}
