// What is attached to a question: files are stored on the server, pictures and recordings go with the message.
import { upload } from "../../lib/api.js";
import { effect, html, signal } from "../../lib/html.js";
import { bytes } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { IconButton } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";

/** @typedef {{ id: number, name: string, size: number, kind: "image" | "audio" | "file", part: any, sent: number, error: any, control: AbortController | null }} Attachment */

const LARGEST_PICTURE = 14 * 1024 * 1024;
const AUDIO = /** @type {Record<string, string>} */ ({ "audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/flac": "flac", "audio/ogg": "ogg" });
let counter = 0;

export class Attachments {
  constructor() {
    /** @type {import("@preact/signals").Signal<Attachment[]>} */
    this.list = signal([]);
  }

  /** Whether one could not be stored. */
  get failed() {
    return this.list.value.some((each) => each.error !== null);
  }

  /** Wait until all are there; false if one is not. @returns {Promise<boolean>} */
  complete() {
    return new Promise((resolve) => {
      const end = effect(() => {
        const waiting = this.list.value.some((each) => each.part === null && each.error === null);
        if (waiting) return;
        resolve(!this.failed);
        queueMicrotask(() => end());
      });
    });
  }

  get files() {
    return this.list.value.some((each) => each.kind === "file");
  }

  /** The content parts. */
  get parts() {
    return this.list.value.map((each) => each.part);
  }

  clear() {
    this.list.value = [];
  }

  /** @param {Iterable<File>} files */
  add(files) {
    for (const file of files) void this.#add(file);
  }

  /** @param {File} file */
  async #add(file) {
    const picture = file.type.startsWith("image/") && file.type !== "image/svg+xml" && file.size <= LARGEST_PICTURE;
    const kind = picture ? "image" : AUDIO[file.type] && file.size <= LARGEST_PICTURE ? "audio" : "file";
    /** @type {Attachment} */
    const made = { id: ++counter, name: file.name || "image", size: file.size, kind, part: null, sent: 0, error: null, control: kind === "file" ? new AbortController() : null };
    this.list.value = [...this.list.value, made];
    try {
      const part = kind === "file" ? await this.#store(made, file) : await inline(file, kind);
      this.#change(made.id, { part });
    } catch (error) {
      if (/** @type {any} */ (error)?.name !== "AbortError") this.#change(made.id, { error });
    }
  }

  /** @param {Attachment} made @param {File} file */
  async #store(made, file) {
    const form = new FormData();
    form.append("purpose", "user_data");
    form.append("file", file, file.name);
    const onProgress = (/** @type {number} */ sent, /** @type {number} */ total) => this.#change(made.id, { sent: total ? sent / total : 0 });
    const stored = await upload("v1/files", form, { signal: made.control?.signal, onProgress });
    return { type: "file", file: { file_id: stored.id, filename: stored.filename } };
  }

  /** @param {number} id @param {Partial<Attachment>} changes */
  #change(id, changes) {
    this.list.value = this.list.value.map((each) => (each.id === id ? { ...each, ...changes } : each));
  }

  /** @param {number} id */
  remove(id) {
    this.list.value.find((each) => each.id === id)?.control?.abort();
    this.list.value = this.list.value.filter((each) => each.id !== id);
  }
}

/** A picture or recording as a content part. @param {File} file @param {"image" | "audio"} kind */
async function inline(file, kind) {
  const address = await dataUrl(file);
  if (kind === "image") return { type: "image_url", image_url: { url: address } };
  return { type: "input_audio", input_audio: { data: address.slice(address.indexOf(",") + 1), format: AUDIO[file.type] } };
}

/** @param {File} file @returns {Promise<string>} */
function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(/** @type {string} */ (reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** @param {{ of: Attachments }} props */
export function AttachmentList({ of }) {
  if (of.list.value.length === 0) return null;
  return html`<ul class="chat-attachments" aria-label=${t("chat.attachments")}>
    ${of.list.value.map((each) => html`<li key=${each.id} class=${`chat-attachment ${each.error ? "chat-attachment-failed" : ""}`}>
      ${each.kind === "image" && each.part ? html`<img src=${each.part.image_url.url} alt="" />` : Icon({ name: each.kind === "file" ? "file" : each.kind === "image" ? "image" : "mic" })}
      <span class="cut" title=${each.error?.message ?? each.name}>${each.name}</span>
      <span class="muted nowrap">${each.error ? t("chat.attachment_failed") : bytes(each.size)}</span>
      ${each.part === null && !each.error ? html`<progress class="bar" value=${each.sent || undefined} aria-label=${each.name}></progress>` : null}
      ${IconButton({ icon: "x", size: "small", title: t("chat.remove_attachment", { name: each.name }), onClick: () => of.remove(each.id) })}
    </li>`)}
  </ul>`;
}
