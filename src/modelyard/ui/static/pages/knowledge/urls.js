// The dialog that has the server bring documents from URLs.
import { get, post } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { jobs } from "../../lib/events.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { TextArea } from "../../parts/field.js";
import { Failure } from "../../parts/states.js";
import { UNFINISHED } from "./data.js";

/** @param {{ base: string, onClose: () => void }} props */
export function AddFromUrls({ base, onClose }) {
  const text = useSignal("");
  const error = useSignal(/** @type {any} */ (null));
  const job = useSignal(/** @type {string | null} */ (null));
  const urls = text.value.split(/\s+/).filter(Boolean);
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    error.value = null;
    try {
      job.value = (await post(inBase(base, "documents", "from"), { urls })).job;
    } catch (reason) {
      error.value = reason;
    }
  };
  const shown = job.value ? jobs.value.get(job.value) : null;
  return html`<${Dialog} title=${t("knowledge.from_urls")} onClose=${onClose}>
    <form class="stack" onSubmit=${send}>
      ${TextArea({ name: "urls", label: t("knowledge.urls"), hint: t("knowledge.urls_hint"), value: text.value, rows: 5, mono: true, onInput: (value) => (text.value = value) })}
      ${error.value ? Failure({ error: error.value, small: true }) : null}
      ${job.value ? html`<${ImportProgress} key=${job.value} job=${shown} id=${job.value} />` : null}
      <div class="dialog-actions">
        ${Button({ label: t("common.close"), onClick: onClose })}
        ${Button({ label: tn("knowledge.fetch_n", urls.length), kind: "primary", type: "submit", disabled: !urls.length, busy: Boolean(shown && UNFINISHED.has(shown.state)) })}
      </div>
    </form>
  <//>`;
}

/** What an import did, as soon as it has. @param {{ job: any, id: string }} props */
function ImportProgress({ job, id }) {
  const result = useSignal(/** @type {any} */ (null));
  if (job && !UNFINISHED.has(job.state) && !result.value) {
    result.value = job.result ?? {};
    if (!job.result) void get(`v1/jobs/${encodeURIComponent(id)}`).then((found) => (result.value = found.result ?? {}), () => null);
  }
  if (!job || UNFINISHED.has(job.state)) return html`<p class="muted" role="status">${job?.progress.message || t("knowledge.fetching")}</p>`;
  if (job.error) return Failure({ error: job.error, small: true });
  const { new: added = 0, changed = 0, unchanged = 0, failed = {} } = result.value ?? {};
  return html`<div class="stack" role="status">
    <p>${t("knowledge.fetched", { added, changed, unchanged })}</p>
    <ul class="knowledge-failures" tabindex="0">${Object.entries(failed).map(([name, why]) => html`<li><span class="mono">${name}</span> <span class="danger">${why}</span></li>`)}</ul>
  </div>`;
}
