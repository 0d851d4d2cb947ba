// Figures of a model that several views show: its state, its memory, its speed.
import { gauges, progress } from "../../lib/events.js";
import { bytes, number, percent } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { has, t } from "../../lib/i18n.js";
import { Badge, Bar } from "../../parts/page.js";

/** Billions of parameters as people say them: 7B, 500M. @param {number | string | null | undefined} billions `0_5` and 0.5 are the same */
export function sizeName(billions) {
  const size = Number(String(billions ?? "").replace("_", "."));
  if (!billions || !Number.isFinite(size)) return "";
  return size < 1 ? `${number(size * 1000)}M` : `${number(size, 1)}B`;
}

/** @type {Record<string, "ok" | "busy" | "warn" | "danger">} */
const KINDS = { READY: "ok", LOADING: "busy", CREATING: "busy", TERMINATING: "warn", ERROR: "danger" };

/** @param {{ status: string, title?: string }} props */
export function State({ status, title }) {
  return Badge({ kind: KINDS[status], title, children: has(`models.state_${status}`) ? t(`models.state_${status}`) : status });
}

/** Whether a model is on its way to being ready. @param {any} model */
export const starting = (model) => model.status === "CREATING" || model.status === "LOADING";

/** Bytes that a model's processes use; what it is expected to use before that is known. @param {any} model @returns {{ value: number | null, measured: boolean }} */
export function memoryOf(model) {
  const figures = Object.values(gauges.value?.models?.[model.id]?.figures ?? {});
  const measured = figures.reduce((sum, each) => sum + (each.memory ?? 0) + (each.gpu_memory ?? 0), 0);
  if (measured) return { value: measured, measured: true };
  return { value: model.memory ? model.memory.total * model.replica : null, measured: false };
}

/** @param {{ model: any }} props */
export function Memory({ model }) {
  const { value, measured } = memoryOf(model);
  if (value === null) return "–";
  return html`<span title=${measured ? t("models.memory_measured") : t("models.memory_expected")} class=${measured ? "" : "muted"}>${measured ? "" : "≈ "}${bytes(value)}</span>`;
}

/** Requests in flight, with those that wait. @param {{ uid: string }} props */
export function InFlight({ uid }) {
  const gauge = gauges.value?.models?.[uid];
  if (!gauge) return "–";
  return html`${number(gauge.in_flight)}${gauge.queued ? html` <span class="muted" title=${t("models.queued")}>(${number(gauge.queued)})</span>` : null}`;
}

/** @param {{ uid: string }} props */
export function Speed({ uid }) {
  const rate = gauges.value?.models?.[uid]?.tokens_per_second;
  return rate === undefined || rate === null ? "–" : number(rate, rate < 10 ? 1 : 0);
}

/** How far a launch is, in one line. @param {{ uid: string }} props */
export function ProgressLine({ uid }) {
  const found = progress.value.get(uid);
  if (!found) return null;
  const stage = has(`models.stage_${found.stage}`) ? t(`models.stage_${found.stage}`) : found.stage;
  return html`<span class="models-progress">${Bar({ value: found.progress || null, label: stage })}<span class="muted">${stage} ${percent(found.progress)}</span></span>`;
}
