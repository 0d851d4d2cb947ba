// One job: how far it is, what it was told, what happened to it, and what its process prints.
import { get, path } from "../../lib/api.js";
import { jobs, known } from "../../lib/events.js";
import { clock, moment } from "../../lib/format.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { has, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { go, href } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { follow } from "../../lib/stream.js";
import { Copy } from "../../parts/copy.js";
import { IconButton } from "../../parts/button.js";
import { FINISHED, JobActions, JobError, jobTime, JobProgress, JobState, placeOf, titleOf } from "../../parts/jobs.js";
import { LogView } from "../../parts/log.js";
import { Card, Facts, PageHead } from "../../parts/page.js";
import { Failure, Loading } from "../../parts/states.js";

/** @typedef {import("../../../types/api").JobInfo} Job */

const MOST_EVENTS = 500;
/** Kinds that have no process, so that nothing is printed. */
const SILENT = new Set(["knowledge_index", "knowledge_reindex", "document_import", "batch"]);

/** @param {{ id: string }} props */
export function JobPage({ id }) {
  const found = useResource((signal) => get(path`v1/jobs/${id}`, {}, signal), [id]);
  const job = jobs.value.get(id) ?? found.data.value;
  const back = IconButton({ icon: "arrow-left", title: t("jobs.back"), href: href("jobs") });
  if (!job) {
    const missing = found.error.value;
    return html`${PageHead({ title: t("jobs.job"), back })}${missing ? Failure({ error: missing, retry: found.reload }) : Loading()}`;
  }
  return html`${PageHead({ title: titleOf(job), back, actions: html`${JobState(job)}${JobActions({ job, onRemoved: () => go("jobs") })}` })}
    ${JobError({ job })}
    ${Card({
      children: html`${JobProgress({ job, wide: true })}
        ${Facts({
          items: [
            [t("jobs.about_label"), placeOf(job) ? html`<a href=${placeOf(job)}>${titleOf(job)}</a>` : titleOf(job)],
            [t("jobs.created"), moment(job.created_at)],
            job.started_at && [t("jobs.started"), moment(job.started_at)],
            job.finished_at && [t("jobs.finished"), jobTime(job)],
            job.attempts > 0 && [t("jobs.attempts"), job.attempts],
            [t("jobs.id"), html`<span class="mono">${job.id}</span>${Copy({ text: job.id })}`],
          ],
        })}`,
    })}
    <div class="columns">
      ${Card({ title: t("jobs.parameters"), children: Values({ values: job.parameters }) })}
      ${job.result ? Card({ title: t("jobs.result"), children: Values({ values: job.result }) }) : null}
      <${History} id=${id} />
    </div>
    ${SILENT.has(job.kind) ? null : Card({ title: t("jobs.log"), children: known.value ? html`<${JobLog} job=${job} />` : Loading() })}`;
}

/** @param {{ values: Record<string, any> }} props */
function Values({ values }) {
  const write = (/** @type {any} */ value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1));
  const entries = Object.entries(values).filter(([, value]) => value !== null);
  if (!entries.length) return html`<p class="muted">${t("jobs.none")}</p>`;
  return html`<dl class="jobs-values">${entries.map(([name, value]) => html`<div><dt class="mono">${name}</dt><dd class="mono">${write(value)}</dd></div>`)}</dl>`;
}

/** What happened to the job, newest first. @param {{ id: string }} props */
function History({ id }) {
  const events = useSignal(/** @type {{ seq: number, type: string, at: number, data: any }[]} */ ([]));
  useEffect(() => {
    const ending = new AbortController();
    const take = (/** @type {import("../../lib/stream.js").StreamEvent} */ { data }) => {
      if (data.seq !== null) events.value = [data, ...events.value].slice(0, MOST_EVENTS);
      return data.type === "state" && FINISHED.has(data.data.state);
    };
    follow(path`v1/jobs/${id}/events`, { signal: ending.signal }, take).catch(() => null);
    return () => ending.abort();
  }, [id]);
  if (!events.value.length) return null;
  return Card({
    title: t("jobs.events"),
    children: html`<ol class="jobs-events">
      ${events.value.map((event) => html`<li key=${event.seq}><span class="muted number">${clock(event.at)}</span> <span>${eventText(event)}</span></li>`)}
    </ol>`,
  });
}

/** @param {{ type: string, data: any }} event */
function eventText({ type, data }) {
  if (type === "state" && has(`jobs.state_${data.state}`)) {
    const why = data.error?.message ?? data.message;
    return why ? `${t(`jobs.state_${data.state}`)}: ${why}` : t(`jobs.state_${data.state}`);
  }
  return `${type} ${JSON.stringify(data)}`;
}

/** Lines of the job's process; without the permission to follow logs, the last ones. @param {{ job: Job }} props */
function JobLog({ job }) {
  if (can("logs:list")) return LogView({ follow: "v1/logs", query: { job: job.id, limit: 5000 }, name: `job-${job.id}`, height: 320 });
  return html`<${LastLines} id=${job.id} state=${job.state} />`;
}

/** @param {{ id: string, state: string }} props */
function LastLines({ id, state }) {
  const lines = useResource((signal) => get(path`v1/jobs/${id}/logs`, { lines: 1000 }, signal), [id, state]);
  if (lines.error.value) return Failure({ error: lines.error.value, retry: lines.reload });
  const text = lines.data.value?.data.join("\n");
  return text === undefined ? Loading() : html`<pre class="jobs-lines" tabindex="0">${text || t("jobs.no_log")}</pre>`;
}
