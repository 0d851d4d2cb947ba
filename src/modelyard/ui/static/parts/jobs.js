// Jobs of any kind: what they are about, how far they are, and what can be done with them. Pages with long work use these parts.
import { del, path, post } from "../lib/api.js";
import { jobs, onServerEvent } from "../lib/events.js";
import { ago, bytes, duration, number, percent } from "../lib/format.js";
import { html } from "../lib/html.js";
import { has, loadTexts, t } from "../lib/i18n.js";
import { loadStyles } from "../lib/pages.js";
import { href } from "../lib/router.js";
import { Button } from "./button.js";
import { confirm } from "./dialog.js";
import { Badge, Bar } from "./page.js";
import { attempt } from "./toast.js";

await Promise.all([loadTexts("jobs"), loadStyles("parts/jobs.css")]);

/** @typedef {import("../../types/api").JobInfo} Job */

export const FINISHED = new Set(["done", "failed", "cancelled"]);
const KINDS_OF_STATE = /** @type {const} */ ({ running: "busy", waiting: "warn", paused: "warn", done: "ok", failed: "danger" });
const SPEED_SECONDS = 30;

/** Times at which jobs were how far, for their speed. @type {Map<string, { at: number, done: number }[]>} */
const samples = new Map();
onServerEvent((type, data) => {
  if (type === "job") note(data);
  if (type === "job_removed") samples.delete(data.id);
});

/** @param {Job} job */
function note(job) {
  if (job.state !== "running") return samples.delete(job.id);
  const now = Date.now() / 1000;
  const kept = (samples.get(job.id) ?? []).filter((each) => each.at > now - SPEED_SECONDS);
  return samples.set(job.id, [...kept, { at: now, done: job.progress.done }]);
}

/** Units in a second, in the last half minute or since the job was started; null while nobody knows. @param {Job} job */
export function speedOf(job) {
  if (job.state !== "running" || !job.started_at) return null;
  const kept = samples.get(job.id) ?? [];
  const [first, last] = [kept[0], kept[kept.length - 1]];
  if (first && last.at - first.at > 3 && last.done > first.done) return (last.done - first.done) / (last.at - first.at);
  const seconds = Date.now() / 1000 - job.started_at;
  return seconds > 3 && job.progress.done > 0 ? job.progress.done / seconds : null;
}

/** @param {string} kind */
export const kindLabel = (kind) => (has(`jobs.kind_${kind}`) ? t(`jobs.kind_${kind}`) : kind);

/** What a job is about: a model, a base, an engine, … @param {Job} job */
export function subjectOf({ parameters }) {
  const found = parameters.base ?? parameters.engine ?? parameters.model_id ?? parameters.model_name ?? parameters.endpoint ?? parameters.model;
  return found === undefined || found === null ? "" : String(found);
}

/** The place in the page of what a job is about; null without one. @param {Job} job */
export function placeOf({ kind, parameters }) {
  if (parameters.base) return href(["knowledge", String(parameters.base)]);
  if (kind === "engine_install") return href(["settings", "engines"]);
  if (kind === "download") return href(["models", "downloads"]);
  return null;
}

/** @param {Job} job */
export function JobState({ state }) {
  return Badge({ kind: /** @type {any} */ (KINDS_OF_STATE)[state], children: t(`jobs.state_${state}`) });
}

/** How much is done, as text. @param {Job} job */
export function amountText({ progress: { done, total, unit } }) {
  const write = unit === "bytes" ? bytes : number;
  const name = unit && unit !== "bytes" ? ` ${has(`jobs.unit_${unit}`) ? t(`jobs.unit_${unit}`) : unit}` : "";
  if (total === null) return done ? `${write(done)}${name}` : "";
  return `${write(done)} / ${write(total)}${name}`;
}

/** Bar, amount, speed and the time that is left. @param {{ job: Job, wide?: boolean }} props */
export function JobProgress({ job, wide }) {
  const { done, total, unit, message } = job.progress;
  if (FINISHED.has(job.state) && !wide) return html`<span class="muted">${amountText(job)}</span>`;
  const speed = speedOf(job);
  const left = speed && total ? duration((total - done) / speed) : null;
  const details = [
    total ? percent(done / total) : null,
    amountText(job),
    speed ? t("jobs.speed", { amount: unit === "bytes" ? bytes(speed) : number(speed, 1) }) : null,
    left ? t("jobs.left", { time: left }) : null,
  ];
  const share = total ? Math.min(1, done / total) : job.state === "running" ? null : 0;
  return html`<div class="job-progress">
    ${FINISHED.has(job.state) ? null : Bar({ value: share, label: t("jobs.progress"), kind: job.state === "running" ? undefined : "warn" })}
    <span class="muted">${details.filter(Boolean).join(" · ")}</span>
    ${message ? html`<span class=${`${job.state === "waiting" ? "job-waits" : "muted"} ${wide ? "" : "job-message"}`} title=${wide ? undefined : message}>${message}</span>` : null}
  </div>`;
}

/** Why a job failed, in the server's words. @param {{ job: Job, short?: boolean }} props */
export function JobError({ job, short }) {
  if (!job.error) return null;
  const { code, message } = job.error;
  if (short) return html`<p class="danger job-error" title=${message}>${message}</p>`;
  const text = FINISHED.has(job.state) ? nextStep(job) : t("jobs.tried_again", { n: job.attempts });
  return html`<div class="failure" role="alert">
    <div>
      <p>${message}</p>
      ${text ? html`<p class="muted">${text}</p>` : null}
      <p class="failure-details mono">${code}</p>
    </div>
  </div>`;
}

/** @param {Job} job */
const nextStep = ({ kind, state }) => (state === "failed" && has(`jobs.next_${kind}`) ? t(`jobs.next_${kind}`) : "");

/**
 * What can be done with a job now.
 * @param {{ job: Job, size?: "small", onRemoved?: () => void }} props
 */
export function JobActions({ job, size = "small", onRemoved }) {
  const send = (/** @type {"cancel" | "pause" | "resume"} */ verb) => attempt(post(path`v1/jobs/${job.id}/${verb}`));
  const cancel = async () => {
    const yes = await confirm({ title: t("jobs.cancel_title", { name: titleOf(job) }), text: t("jobs.cancel_text"), action: t("jobs.cancel"), danger: true });
    if (yes) await send("cancel");
  };
  const again = () => attempt(post("v1/jobs", { kind: job.kind, parameters: job.parameters }));
  const remove = async () => {
    if ((await attempt(del(path`v1/jobs/${job.id}`))) !== undefined) onRemoved?.();
  };
  const { pausable, repeatable, state } = job;
  const resumable = pausable && (state === "paused" || state === "failed");
  const ended = !resumable && (state === "failed" || state === "cancelled");
  return html`<div class="row job-actions">
    ${resumable ? Button({ icon: "play", label: t("jobs.resume"), size, onClick: () => send("resume") }) : null}
    ${repeatable && ended ? Button({ icon: "refresh", label: t("jobs.again"), size, onClick: again }) : null}
    ${pausable && !FINISHED.has(state) && state !== "paused" ? Button({ icon: "pause", label: t("jobs.pause"), size, onClick: () => send("pause") }) : null}
    ${FINISHED.has(state) ? Button({ icon: "trash", title: t("jobs.remove"), kind: "quiet", size, onClick: remove }) : Button({ icon: "stop", label: t("jobs.cancel"), size, onClick: cancel })}
  </div>`;
}

/** "Indexing: handbook". @param {Job} job */
export function titleOf(job) {
  const subject = subjectOf(job);
  return subject ? t("jobs.about", { kind: kindLabel(job.kind), subject }) : kindLabel(job.kind);
}

/** When a job was begun, or ended, and how long it took. @param {Job} job */
export function jobTime(job) {
  if (job.finished_at && job.started_at) return t("jobs.ended", { ago: ago(job.finished_at), time: duration(job.finished_at - job.started_at) });
  return ago(job.finished_at ?? job.created_at);
}

/** The jobs of some kinds that are under way, or ended in the last seconds of this page, as a short list for other pages. @param {{ kinds: string[], filter?: (job: Job) => boolean }} props */
export function JobsOfKinds({ kinds, filter }) {
  const found = [...jobs.value.values()].filter((job) => kinds.includes(job.kind) && !FINISHED.has(job.state) && (filter?.(job) ?? true));
  if (!found.length) return null;
  return html`<ul class="stack job-list">
    ${found.map(
      (job) => html`<li key=${job.id} class="job-short">
        <div class="spread"><a href=${href(["jobs", job.id])}>${titleOf(job)}</a>${JobActions({ job })}</div>
        ${JobProgress({ job, wide: true })}
      </li>`,
    )}
  </ul>`;
}
