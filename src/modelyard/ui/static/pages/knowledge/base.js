// One knowledge base: its tabs, its warnings, and the jobs that work on it.
import { get, post } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { models } from "../../lib/events.js";
import { duration, number } from "../../lib/format.js";
import { html, useEffect } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { go, href } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";
import { Bar, PageHead } from "../../parts/page.js";
import { Loaded } from "../../parts/states.js";
import { Tabs } from "../../parts/tabs.js";
import { attempt } from "../../parts/toast.js";
import { runningJobs, secondsLeft, useJobChanges } from "./data.js";
import { DocumentPage } from "./document.js";
import { Documents } from "./documents.js";
import { Evaluation } from "./evaluation.js";
import { Retrieval } from "./retrieval.js";
import { Settings } from "./settings.js";
import { queueOf } from "./upload_queue.js";
import { Dropzone } from "./uploads.js";

const TABS = ["documents", "search", "evaluation", "settings"];

/** @param {{ name: string, tab: string, rest: string[] }} props */
export function BaseView({ name, tab, rest }) {
  const base = useResource((signal) => get(inBase(name), undefined, signal), [name]);
  useJobChanges(name, () => base.reload());
  useEffect(() => {
    if (!TABS.includes(tab)) go(["knowledge", name, "documents"], {}, { replace: true });
  }, [tab]);
  if (tab === "documents" && rest.length && base.data.value) {
    return Loaded({ of: base, draw: (info) => html`<${DocumentPage} key=${rest[0]} base=${info} id=${Number(rest[0])} onDelete=${base.reload} />` });
  }
  const dropped = (/** @type {any} */ files) => {
    queueOf(name).add(files);
    if (tab !== "documents") go(["knowledge", name, "documents"]);
  };
  const back = IconButton({ icon: "arrow-left", title: t("knowledge.all_bases"), href: href("knowledge") });
  return html`${PageHead({
      title: name,
      back,
      actions: can("models:read") ? Button({ label: t("knowledge.chat_with"), icon: "message", href: href("chat", { bases: name }) }) : null,
      children: Tabs({
        label: name,
        active: tab,
        tabs: TABS.map((each) => ({
          name: each,
          label: t(`knowledge.tab_${each}`),
          href: href(["knowledge", name, each]),
          count: each === "documents" ? base.data.value?.documents : null,
        })),
      }),
    })}
    ${Loaded({
      of: base,
      draw: (info) => html`<${Dropzone} enabled=${can("knowledge:write")} onFiles=${dropped}>
        ${info.warnings.map((/** @type {string} */ text) => Warning({ text, base: info }))} <${Jobs} base=${name} /> ${Tab({ tab, info, reload: base.reload })}
      <//>`,
    })}`;
}

/** @param {{ tab: string, info: import("./data.js").Base, reload: () => Promise<void> }} props */
function Tab({ tab, info, reload }) {
  if (tab === "documents") return html`<${Documents} base=${info} reload=${reload} />`;
  if (tab === "search") return html`<${Retrieval} base=${info} />`;
  if (tab === "evaluation") return html`<${Evaluation} base=${info} />`;
  return html`<${Settings} base=${info} reload=${reload} />`;
}

/** A warning of the server; one about a model that does not run leads to its launch. @param {{ text: string, base: import("./data.js").Base }} props */
function Warning({ text, base }) {
  const named = /** @type {[string | null, string][]} */ ([[base.embedding_model, "embedding"], [base.rerank_model, "rerank"], [base.chat_model, "LLM"]]);
  const absent = can("models:write") ? named.find(([uid]) => uid && !models.value.has(uid) && text.includes(`'${uid}'`)) : null;
  return html`<div class="knowledge-warning">
    ${Icon({ name: "alert" })}<span class="grow">${text}</span>
    ${absent ? Button({ label: t("knowledge.launch_model", { model: absent[0] }), icon: "play", size: "small", href: href(["models", "launch"], { name: absent[0], type: absent[1] }) }) : null}
  </div>`;
}

/** What works on the base now; jobs of one kind, such as those of many uploads, are one line. @param {{ base: string }} props */
function Jobs({ base }) {
  const running = runningJobs(base);
  if (!running.length) return null;
  const kinds = [...new Set(running.map((job) => job.kind))];
  return html`<div class="knowledge-jobs" role="status">${kinds.map((kind) => JobLine({ kind, jobs: running.filter((job) => job.kind === kind) }))}</div>`;
}

/** @param {{ kind: string, jobs: import("./data.js").Job[] }} props */
function JobLine({ kind, jobs }) {
  const done = jobs.reduce((sum, job) => sum + job.progress.done, 0);
  const total = jobs.reduce((sum, job) => sum + (job.progress.total ?? 0), 0);
  const shown = jobs.find((job) => job.state === "waiting") ?? jobs.find((job) => job.progress.message) ?? jobs[0];
  const { message } = shown.progress;
  const left = jobs.length === 1 ? secondsLeft(shown) : null;
  const label = t(`knowledge.job_${kind}`);
  const cancel = () => attempt(Promise.all(jobs.map((job) => post(`v1/jobs/${encodeURIComponent(job.id)}/cancel`))));
  return html`<div class="knowledge-job" key=${kind}>
    <div class="knowledge-job-text">
      <strong>${label}</strong>
      <span class="nowrap">${total ? t("knowledge.of_total", { done: number(done), total: number(total) }) : ""}${left === null ? "" : ` · ${t("knowledge.left", { time: duration(left) })}`}</span>
      <span class="muted cut grow" title=${message}>${shown.state === "waiting" ? t("knowledge.job_waits", { reason: message }) : message}</span>
      ${can("knowledge:write") ? IconButton({ icon: "x", title: t("knowledge.cancel_job"), size: "small", onClick: cancel }) : null}
    </div>
    ${Bar({ value: total ? done : null, max: total || 1, label })}
  </div>`;
}
