// Tiles with what is now, and plots of up to a day, which zoom together and go on by themselves.
import { gauges } from "../../lib/events.js";
import { bytes, compact, duration, moment, number } from "../../lib/format.js";
import { html, useEffect, useMemo, signal, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { shortcuts, useKeys } from "../../lib/keys.js";
import { href, route, setQuery } from "../../lib/router.js";
import { Button } from "../../parts/button.js";
import { ChartView } from "../../parts/chart.js";
import { Failure, Loading, Permitted } from "../../parts/states.js";
import { Segments } from "../../parts/tabs.js";
import { charts } from "./charts.js";
import { newest, RANGES, rate, seriesOf, useSeries } from "./series.js";

/** @typedef {import("./series.js").SeriesView} SeriesView */

const TILE_NAMES = ["requests", "errors", "tokens_in", "tokens_out", "ttft", "inter_token", "in_flight", "queued"];

export function Overview() {
  return Permitted({ scope: "monitor:view", children: () => html`<${Figures} />` });
}

function Figures() {
  const { range: name, by = "all", model } = route.value.query;
  const range = RANGES[name] ?? RANGES["15m"];
  const paused = useSignal(false);
  const zoom = useMemo(() => signal(/** @type {import("../../parts/chart.js").Zoom} */ (null)), [name, by, model]);
  const now = useSeries({ names: TILE_NAMES, by: "all", model, seconds: 900, step: 5 }, paused);
  const figures = useSeries({ by, model, ...range }, paused);
  useSpace(() => (paused.value = !paused.value));
  const next = () => {
    const names = Object.keys(RANGES);
    setQuery({ range: names[(names.indexOf(name ?? "15m") + 1) % names.length] });
  };
  useKeys([{ keys: "t", label: t("operations.key_range"), run: next }], [name]);
  const view = figures.view.value;
  const failed = figures.error.value;
  return html`${now.view.value ? Tiles({ view: now.view.value, model }) : null}
    <div class="spread">
      <div class="row">
        ${Segments({ label: t("operations.range"), value: name ?? "15m", onInput: (range) => setQuery({ range }), choices: Object.keys(RANGES).map((value) => ({ value, label: t(`operations.range_${value}`) })) })}
        ${Segments({ label: t("operations.by"), value: by, onInput: (by) => setQuery({ by }), choices: ["all", "model", "replica"].map((value) => ({ value, label: t(`operations.by_${value}`) })) })}
      </div>
      <div class="row">
        ${zoom.value ? Button({ icon: "undo", label: t("operations.zoom_out"), size: "small", onClick: () => (zoom.value = null) }) : html`<span class="muted narrow-hidden operations-hint">${t("operations.zoom_hint")}</span>`}
        ${Button({ icon: paused.value ? "play" : "pause", label: t(paused.value ? "operations.resume" : "operations.pause"), size: "small", pressed: paused.value, title: t("operations.pause_hint"), onClick: () => (paused.value = !paused.value) })}
      </div>
    </div>
    ${failed ? Failure({ error: failed, retry: () => (figures.attempt.value += 1) }) : null}
    ${view ? Plots({ view, zoom, by, seconds: range.seconds }) : failed ? null : Loading({ lines: 8 })}`;
}

/** Space pauses, unless it presses a button or is written. @param {() => void} toggle */
function useSpace(toggle) {
  useEffect(() => {
    const listed = { keys: "Space", label: t("operations.pause"), run: toggle };
    shortcuts.value = [...shortcuts.value, listed];
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      const target = event.target instanceof Element ? event.target : null;
      if (event.key !== " " || target?.closest("button, a, input, select, textarea, summary, dialog")) return;
      event.preventDefault();
      toggle();
    };
    addEventListener("keydown", pressed);
    return () => {
      removeEventListener("keydown", pressed);
      shortcuts.value = shortcuts.value.filter((each) => each !== listed);
    };
  }, []);
}

/** What is now: rates of the last minute, times of the newest answers. @param {{ view: SeriesView, model?: string }} props */
function Tiles({ view, model }) {
  const { step } = view;
  const times = (/** @type {string} */ name, /** @type {number} */ quantile) => newest(seriesOf(view, name, (each) => each.quantile === quantile)[0]);
  const errors = rate(seriesOf(view, "errors"), step, 900) * 900;
  const live = gauges.value;
  const inFlight = model ? live?.models?.[model]?.in_flight : live?.in_flight;
  const queued = newest(seriesOf(view, "queued")[0], 2);
  return html`<dl class="tiles">
    ${Tile(t("operations.requests"), number(rate(seriesOf(view, "requests"), step, 60), 2), t("operations.in_minute"))}
    ${Tile(t("operations.tokens"), compact(rate(seriesOf(view, "tokens_out"), step, 60)), t("operations.tokens_hint", { n: compact(rate(seriesOf(view, "tokens_in"), step, 60)) }))}
    ${Tile(t("operations.ttft"), duration(times("ttft", 0.5)), t("operations.p95", { time: duration(times("ttft", 0.95)) }))}
    ${Tile(t("operations.inter_token"), duration(times("inter_token", 0.5)), t("operations.p95", { time: duration(times("inter_token", 0.95)) }))}
    ${Tile(t("operations.in_flight"), number(inFlight ?? newest(seriesOf(view, "in_flight")[0], 2)), queued === null ? t("operations.queue_unknown") : t("operations.queued", { n: number(queued, 1) }))}
    ${Tile(t("operations.errors"), number(errors), t("operations.in_quarter"), errors ? href(["operations", "requests"], { model }) : undefined)}
    ${(live?.devices ?? []).map((/** @type {any} */ device) => Tile(t("operations.memory_of", { name: device.name === "cpu" ? t("operations.machine") : device.name }), bytes(device.memory_total - device.memory_free), t("operations.of", { total: bytes(device.memory_total) })))}
  </dl>`;
}

/** @param {string} label @param {string} value @param {string} hint @param {string} [link] */
function Tile(label, value, hint, link) {
  return html`<div class="tile"><dt>${label}</dt><dd class="tile-value">${link ? html`<a href=${link}>${value}</a>` : value}</dd><dd class="tile-hint muted">${hint}</dd></div>`;
}

/** @param {{ view: SeriesView, zoom: import("@preact/signals").Signal<any>, by: string, seconds: number }} props */
function Plots({ view, zoom, by, seconds }) {
  const traffic = seriesOf(view, "requests").some((each) => each.values.some(Boolean));
  const machine = seriesOf(view, "memory", (each) => each.device === "server")[0];
  const begun = machine?.values.findIndex((value) => value !== null && value > 0) ?? -1;
  const short = begun > 2 ? t("operations.since_start", { time: moment(view.times[begun]) }) : null;
  return html`${traffic ? null : html`<p class="operations-quiet">${t("operations.no_traffic")} <a href=${href("chat")}>${t("operations.to_chat")}</a></p>`}
    ${short ? html`<p class="muted operations-hint">${short}</p>` : null}
    <div class="plots">
      ${charts(view, by)
        .filter((chart) => traffic || !chart.traffic)
        .map((chart) => html`<${ChartView} key=${chart.title} ...${chart} times=${view.times} group=${`operations-${seconds}`} zoom=${zoom} />`)}
    </div>`;
}
