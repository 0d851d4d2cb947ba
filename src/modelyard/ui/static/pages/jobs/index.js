// Everything long that the server does: one list of all kinds, and each job with its events and its log.
import { get } from "../../lib/api.js";
import { jobs, known } from "../../lib/events.js";
import { html, signal, useEffect, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { go, href, route, setQuery } from "../../lib/router.js";
import { Button } from "../../parts/button.js";
import { SelectField } from "../../parts/field.js";
import { FINISHED, JobActions, JobError, jobTime, JobProgress, JobState, kindLabel, subjectOf } from "../../parts/jobs.js";
import { PageHead } from "../../parts/page.js";
import { Empty, Loading } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";
import { JobPage } from "./job.js";

/** @typedef {import("../../../types/api").JobInfo} Job */

const KINDS = ["download", "engine_install", "knowledge_index", "knowledge_reindex", "document_import", "batch"];
const STATES = ["running", "waiting", "queued", "paused", "done", "failed", "cancelled"];
/** Older jobs than those of the stream of events, read page by page. */
const older = signal(/** @type {{ data: Job[], next: string | null, begun: boolean }} */ ({ data: [], next: null, begun: false }));

export default function Page() {
  const [id] = route.value.parts;
  return id ? html`<${JobPage} key=${id} id=${id} />` : html`<${List} />`;
}

function List() {
  const { kind = "", state = "" } = route.value.query;
  const busy = useSignal(false);
  useEffect(() => void (older.value = { data: [], next: null, begun: false }), []);
  const more = async () => {
    if (busy.value || (older.value.begun && !older.value.next)) return;
    busy.value = true;
    const page = await attempt(get("v1/jobs", { limit: 100, after: older.value.next }));
    if (page) older.value = { data: [...older.value.data, ...page.data], next: page.next, begun: true };
    busy.value = false;
  };
  const live = jobs.value;
  const all = [...live.values(), ...older.value.data.filter((job) => !live.has(job.id))];
  const rows = all.filter((job) => (!kind || job.kind === kind) && (!state || job.state === state)).sort(order);
  const kinds = [...new Set([...KINDS, ...all.map((job) => job.kind)])];
  const filters = html`<div class="row">
    ${SelectField({ name: "kind", label: t("jobs.kind"), hideLabel: true, value: kind, onInput: (value) => setQuery({ kind: value }), choices: [{ value: "", label: t("jobs.all_kinds") }, ...kinds.map((value) => ({ value, label: kindLabel(value) }))] })}
    ${SelectField({ name: "state", label: t("jobs.state"), hideLabel: true, value: state, onInput: (value) => setQuery({ state: value }), choices: [{ value: "", label: t("jobs.all_states") }, ...STATES.map((value) => ({ value, label: t(`jobs.state_${value}`) }))] })}
  </div>`;
  const mayHaveMore = live.size >= 100 && !(older.value.begun && !older.value.next);
  return html`${PageHead({ title: t("jobs.title"), children: filters })}
    ${!known.value ? Loading() : rows.length ? Rows({ rows }) : Nothing({ filtered: all.length > 0 })}
    ${mayHaveMore ? html`<div>${Button({ label: t("jobs.older"), busy: busy.value, onClick: more })}</div>` : null}`;
}

/** Under way first, then the newest. @param {Job} one @param {Job} other */
function order(one, other) {
  const [a, b] = [FINISHED.has(one.state), FINISHED.has(other.state)];
  return a === b ? other.created_at - one.created_at : Number(a) - Number(b);
}

/** @param {{ filtered: boolean }} props */
function Nothing({ filtered }) {
  if (filtered) return Empty({ icon: "list", title: t("jobs.no_match"), action: Button({ label: t("jobs.show_all"), onClick: () => go("jobs") }) });
  return Empty({ icon: "list", title: t("jobs.empty"), text: t("jobs.empty_text"), action: html`<div class="row">${Button({ label: t("jobs.to_models"), href: href("models") })}${Button({ label: t("jobs.to_knowledge"), href: href("knowledge") })}</div>` });
}

/** @param {{ rows: Job[] }} props */
function Rows({ rows }) {
  return Table({
    label: t("jobs.title"),
    rows,
    id: (job) => job.id,
    onOpen: (job) => go(["jobs", job.id]),
    height: 56,
    columns: [
      { name: "job", label: t("jobs.job"), cell: (job) => html`<a class="job-name" href=${href(["jobs", job.id])}>${kindLabel(job.kind)}</a><div class="muted cut jobs-subject">${subjectOf(job)}</div>` },
      { name: "state", label: t("jobs.state"), cell: (job) => JobState(job) },
      { name: "progress", label: t("jobs.progress"), class: "jobs-progress", cell: (job) => html`${JobProgress({ job })}${JobError({ job, short: true })}` },
      { name: "time", label: t("jobs.time"), class: "narrow-hidden", cell: (job) => html`<span class="muted">${jobTime(job)}</span>` },
      { name: "actions", label: html`<span class="for-readers">${t("jobs.actions")}</span>`, class: "number", cell: (job) => JobActions({ job }) },
    ],
  });
}
