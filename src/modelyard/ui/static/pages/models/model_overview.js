// The first tab of a model: progress or failure, figures, and what it is.
import { get, path, post } from "../../lib/api.js";
import { downloads, gauges, models, progress } from "../../lib/events.js";
import { bytes, duration, number, percent } from "../../lib/format.js";
import { html, useEffect, useRef } from "../../lib/html.js";
import { has, t, tn } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { href } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { Copy } from "../../parts/copy.js";
import { Icon } from "../../parts/icon.js";
import { Bar, Card, Facts } from "../../parts/page.js";
import { attempt } from "../../parts/toast.js";
import { InFlight, Memory, sizeName, Speed, starting } from "./figures.js";
import { abilityName } from "./catalog.js";

/** @param {{ uid: string }} props */
export default function Overview({ uid }) {
  const model = models.value.get(uid);
  if (!model) return null;
  return html`${model.status === "ERROR" ? html`<${Broken} model=${model} />` : null}
    ${starting(model) ? html`<${LaunchProgress} uid=${uid} />` : null}
    ${gauges.value ? Card({ title: t("models.now"), children: Facts({ items: figures(model) }) }) : null}
    ${Card({ title: t("models.about"), children: Facts({ items: facts(model) }) })}
    ${can("models:write") ? html`<${LaunchedWith} uid=${uid} />` : null}`;
}

/** @param {any} model @returns {[string, any][]} */
function figures(model) {
  const replicas = Object.values(gauges.value.models?.[model.id]?.figures ?? {});
  const kv = replicas.map((each) => each.kv_cache_percent).filter((each) => each !== null);
  const cpu = replicas.map((each) => each.cpu_percent).filter((each) => each !== null);
  return [
    [t("models.replicas_ready"), `${model.replica_ready} / ${model.replica}`],
    [t("models.in_flight"), InFlight({ uid: model.id })],
    [t("models.tokens_per_second"), Speed({ uid: model.id })],
    [t("models.memory"), Memory({ model })],
    [t("models.cpu"), cpu.length ? percent(cpu.reduce((sum, each) => sum + each, 0) / 100) : "–"],
    [t("models.kv_cache"), kv.length ? percent(kv.reduce((sum, each) => sum + each, 0) / kv.length / 100) : "–"],
  ];
}

/** @param {any} model @returns {([string, any] | null)[]} */
function facts(model) {
  return [
    [t("models.model"), model.model_name],
    [t("models.type"), has(`models.type_${model.model_type}`) ? t(`models.type_${model.model_type}`) : model.model_type],
    [t("models.engine"), model.model_engine],
    model.model_size_in_billions ? [t("models.size"), sizeName(model.model_size_in_billions)] : null,
    model.quantization ? [t("models.quantization"), model.quantization] : null,
    model.max_model_len ? [t("models.context"), tn("models.tokens", model.max_model_len)] : null,
    model.dimensions ? [t("models.dimensions"), number(model.dimensions)] : null,
    model.model_ability.length ? [t("models.abilities"), model.model_ability.map(abilityName).join(", ")] : null,
    model.aliases.length ? [t("models.aliases"), model.aliases.join(", ")] : null,
    model.accelerators.length ? [t("models.devices"), model.accelerators.join(", ")] : null,
    model.memory ? [t("models.mem_replica"), bytes(model.memory.total)] : null,
    model.root ? [t("models.files"), html`<code class="models-path">${model.root}</code>`] : null,
  ];
}

/** The command of its launch, and another launch like it. @param {{ uid: string }} props */
function LaunchedWith({ uid }) {
  const found = useResource((signal) => get(path`v1/launches/${uid}`, undefined, signal), [uid, models.value.get(uid)?.replica]);
  const { command, hidden } = found.data.value ?? {};
  if (!found.data.value) return null;
  return Card({
    title: t("models.launched_with"),
    actions: html`${command ? Copy({ text: command, label: t("common.copy") }) : null}${Button({ label: t("models.launch_like"), icon: "copy", size: "small", href: href(["models", "launch"], { like: uid }) })}`,
    children: command ? html`<pre class="models-command" tabindex="0" aria-label=${t("models.command")}>${command}</pre>` : html`<p class="muted">${hidden.length ? t("models.hidden", { names: hidden.join(", ") }) : t("models.no_command")}</p>`,
  });
}

/** Why it died, in the engine's words, with the last lines that it printed. @param {{ model: any }} props */
function Broken({ model }) {
  const may = can("logs:list");
  const lines = useResource(async (signal) => (may ? (await get(path`v1/models/${model.id}/logs`, { lines: 15 }, signal)).lines : []), [model.id, model.status]);
  const again = can("models:write") ? Button({ label: t("models.launch_again"), icon: "refresh", size: "small", href: href(["models", "launch"], { like: model.id, again: 1 }) }) : null;
  return html`<div class="failure" role="alert">${Icon({ name: "alert" })}<div class="stack">
    <p><strong>${t("models.broken")}</strong></p>
    <p>${model.error}</p>
    ${lines.data.value?.length ? html`<pre class="models-last" tabindex="0" aria-label=${t("models.last_lines")}>${lines.data.value.join("\n")}</pre>` : null}
    <div class="row">${again}${may ? Button({ label: t("models.model_tab_logs"), icon: "terminal", size: "small", href: href(["models", model.id, "logs"]) }) : null}</div>
  </div></div>`;
}

/** Files with their bytes, speed and the time that is left. @param {{ uid: string }} props */
export function LaunchProgress({ uid }) {
  const found = progress.value.get(uid);
  const files = found?.download_files ?? [];
  const here = files.reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each.downloaded, 0);
  const total = files.reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each.total, 0);
  const speed = useSpeed(here);
  if (!found) return null;
  const stage = has(`models.stage_${found.stage}`) ? t(`models.stage_${found.stage}`) : found.stage;
  const download = [...downloads.value.values()].find((each) => each.status !== "done" && files.length && sameFiles(each.files, files));
  return Card({
    title: html`${stage} <span class="muted">${percent(found.progress)}</span>`,
    actions: download && can("models:write") ? PauseButton({ download }) : null,
    children: html`${Bar({ value: found.progress || null, label: stage })}
      ${found.info ? html`<p class="muted">${found.info}</p>` : null}
      ${found.stage === "downloading" && total ? html`<p role="status">${bytes(here)} / ${bytes(total)}${speed ? ` · ${t("models.per_second", { size: bytes(speed) })} · ${t("models.left", { time: duration((total - here) / speed) })}` : ""}</p>` : null}
      ${Files({ files })}`,
  });
}

/** Whether a download is that of a launch: both name the same files. @param {any[]} some @param {any[]} others */
const sameFiles = (some, others) => some.length === others.length && some.every((each, index) => each.name === others[index].name && each.total === others[index].total);

/** @param {{ files: any[] }} props */
export function Files({ files }) {
  if (!files.length) return null;
  return html`<ul class="models-files">${files.map((each) => html`<li key=${each.name}><span class="cut" title=${each.name}>${each.name}</span>${Bar({ value: each.progress, label: each.name, kind: each.progress === 1 ? "ok" : undefined })}<span class="muted number">${bytes(each.downloaded)} / ${bytes(each.total)}</span></li>`)}</ul>`;
}

/** @param {{ download: any }} props */
export function PauseButton({ download }) {
  const paused = download.status === "paused" || download.status === "failed";
  const act = paused ? "resume" : "pause";
  return Button({ label: t(`models.${act}`), icon: paused ? "play" : "pause", size: "small", onClick: () => void attempt(post(path`v1/downloads/${download.uid}/${act}`)) });
}

/** Bytes per second of a number that grows, over the last ten seconds. @param {number} value */
export function useSpeed(value) {
  const seen = useRef(/** @type {[number, number][]} */ ([]));
  useEffect(() => {
    const now = performance.now();
    seen.current = [...seen.current.filter(([at]) => now - at < 10_000), [now, value]];
  }, [value]);
  const first = seen.current[0];
  const seconds = first ? (performance.now() - first[0]) / 1000 : 0;
  return seconds > 1 ? Math.max(0, (value - first[1]) / seconds) : 0;
}
