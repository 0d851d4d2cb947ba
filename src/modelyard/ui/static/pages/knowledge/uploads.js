// The queue of uploads as it is drawn, the choice of files, and the place where files are dropped.
import { bytes, number } from "../../lib/format.js";
import { useDrops } from "../../lib/drops.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { Button, IconButton } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";
import { Badge, Bar } from "../../parts/page.js";
import { isGoing } from "./upload_queue.js";

/** @typedef {import("./data.js").Doc} Doc */
/** @typedef {import("./upload_queue.js").Item} Item */
/** @typedef {import("./upload_queue.js").Named} Named */
/** @typedef {import("./upload_queue.js").UploadingFiles} UploadingFiles */

const SHOWN = 50;

/** @type {Record<Item["state"], "ok" | "busy" | "danger" | "warn" | "plain">} */
const KINDS = { waiting: "plain", sending: "busy", done: "ok", failed: "danger", cancelled: "warn" };

/** @param {{ queue: UploadingFiles, documents: Doc[] }} props `documents`: those of the base, whose states the files have once they are there */
export function UploadQueue({ queue, documents }) {
  const items = queue.items.value;
  if (!items.length) return null;
  const failed = items.filter((item) => item.state === "failed" || item.state === "cancelled");
  const done = items.filter((item) => item.state === "done").length;
  const going = items.some(isGoing);
  const there = new Map(documents.map((each) => [each.name, each]));
  const total = items.reduce((sum, item) => sum + item.file.size, 0);
  const sent = items.reduce((sum, item) => sum + (item.state === "done" ? item.file.size : item.sent), 0);
  const rest = items.filter((item) => item.state === "done").reverse();
  const shown = [...failed, ...items.filter(isGoing), ...rest].slice(0, SHOWN);
  return html`<section class="card knowledge-queue" aria-label=${t("knowledge.uploads")}>
    <div class="spread">
      <span role="status"><strong>${going ? t("knowledge.uploading") : t("knowledge.uploaded")}</strong> ${t("knowledge.of_total", { done: number(done), total: number(items.length) })}
        ${failed.length ? html` · <span class="danger">${tn("knowledge.n_not_uploaded", failed.length)}</span>` : null}</span>
      <div class="row">
        ${failed.length ? Button({ label: t("knowledge.retry_all"), icon: "refresh", size: "small", onClick: () => queue.retry(failed) }) : null}
        ${going
          ? Button({ label: t("knowledge.cancel_all"), size: "small", onClick: () => queue.cancelAll() })
          : IconButton({ icon: "x", title: t("knowledge.clear_queue"), size: "small", onClick: () => queue.clear() })}
      </div>
    </div>
    ${going ? Bar({ value: sent, max: Math.max(1, total), label: t("knowledge.uploading") }) : null}
    <ul class="knowledge-files" tabindex="0">${shown.map((item) => FileLine({ item, queue, doc: there.get(item.name) }))}</ul>
    ${items.length > SHOWN ? html`<p class="muted">${tn("knowledge.n_more", items.length - SHOWN)}</p>` : null}
  </section>`;
}

/** @param {{ item: Item, queue: UploadingFiles, doc?: Doc }} props */
function FileLine({ item, queue, doc }) {
  const again = item.state === "failed" || item.state === "cancelled";
  const going = isGoing(item);
  const broken = item.state === "done" && doc?.state === "failed" ? doc : null;
  const error = broken?.error || item.error;
  return html`<li key=${item.id}>
    ${Icon({ name: "file" })}
    <span class="knowledge-file-name">
      <span class="cut" title=${item.name}>${item.name}</span>
      ${error ? html`<span class="danger">${error}</span>` : null}
    </span>
    <span class="muted nowrap">${bytes(item.file.size)}</span>
    ${broken ? Badge({ kind: "danger", children: t("knowledge.state_failed") }) : Badge({ kind: KINDS[item.state], children: item.state === "sending" ? `${Math.round((100 * item.sent) / Math.max(1, item.file.size))} %` : t(`knowledge.upload_${item.state}`) })}
    ${again ? IconButton({ icon: "refresh", title: t("knowledge.retry_file", { name: item.name }), size: "small", onClick: () => queue.retry([item]) }) : null}
    ${going ? IconButton({ icon: "x", title: t("knowledge.cancel_file", { name: item.name }), size: "small", onClick: () => queue.cancel(item) }) : null}
  </li>`;
}

/** Let the person choose files. @param {(files: Named[]) => void} onFiles @param {{ folder?: boolean }} [options] */
export function pickFiles(onFiles, options) {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.webkitdirectory = options?.folder ?? false;
  input.hidden = true;
  input.onchange = () => {
    onFiles([...(input.files ?? [])].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
    input.remove();
  };
  input.addEventListener("cancel", () => input.remove());
  document.body.append(input);
  input.click();
}

/** @param {DataTransfer} dropped @returns {Promise<Named[]>} */
export async function filesOf(dropped) {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...dropped.files].map((file) => ({ file, name: file.name }));
  const found = [];
  for (const entry of entries) found.push(...(await filesIn(/** @type {any} */ (entry))));
  return found;
}

/** @param {any} entry @returns {Promise<Named[]>} */
async function filesIn(entry) {
  const name = entry.fullPath.replace(/^\//, "");
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), name }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const each of some) found.push(...(await filesIn(each)));
  }
}

/** Takes files and folders that are dropped anywhere on the page. @param {{ enabled: boolean, onFiles: (files: Named[]) => void, children?: any }} props */
export function Dropzone({ enabled, onFiles, children }) {
  const over = useSignal(false);
  useDrops(enabled, over, (dropped) => void filesOf(dropped).then((files) => files.length && onFiles(files)));
  return html`<div class=${`knowledge-dropzone ${over.value ? "knowledge-dropping" : ""}`}>
    ${children}
    ${over.value ? html`<div class="knowledge-drop-hint" aria-hidden="true">${Icon({ name: "upload", size: 28 })}<span>${t("knowledge.drop_here")}</span></div>` : null}
  </div>`;
}
