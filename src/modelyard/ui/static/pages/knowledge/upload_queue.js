// Files on their way into a base: bounded parallel requests of some files each; every file has a state, a reason and another attempt.
import { upload } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { signal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";

const AT_ONCE = 3;
const PORTION = { files: 20, bytes: 8_000_000 };
const REDRAW = 100;
/** Characters that a form of several files escapes in their names; the name of a single file has a field of its own. */
const AWKWARD = /["\\\u0000-\u001f\u007f]/;

/** @typedef {{ id: number, file: File, name: string, state: "waiting" | "sending" | "done" | "failed" | "cancelled", sent: number, error: string, abort: AbortController | null }} Item */
/** @typedef {{ file: File, name: string }} Named */

/** @type {Map<string, UploadingFiles>} */
const queues = new Map();

/** The queue of a base; it goes on when its page is left. @param {string} base */
export function queueOf(base) {
  let found = queues.get(base);
  if (!found) queues.set(base, (found = new UploadingFiles(base)));
  return found;
}

addEventListener("beforeunload", (event) => {
  if ([...queues.values()].some((queue) => queue.unfinished)) event.preventDefault();
});

export class UploadingFiles {
  /** @param {string} base */
  constructor(base) {
    this.base = base;
    /** What is drawn: replaced at most ten times a second. @type {import("@preact/signals").Signal<Item[]>} */
    this.items = signal([]);
    /** @type {Item[]} */
    this.all = [];
    /** @type {Item[]} */
    this.waiting = [];
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    this.counter = 0;
    this.running = 0;
    this.drawTimer = 0;
    this.changeTimer = 0;
  }

  get unfinished() {
    return this.all.some((item) => isGoing(item));
  }

  /** Call a function when files have arrived. @param {() => void} listener */
  onChange(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @param {Named[]} files */
  add(files) {
    const items = files.map(({ file, name }) => /** @type {Item} */ ({ id: ++this.counter, file, name, state: "waiting", sent: 0, error: "", abort: null }));
    this.all.push(...items);
    this.enqueue(items);
  }

  /** @param {Item[]} items */
  enqueue(items) {
    this.waiting.push(...items);
    this.draw();
    this.start();
  }

  draw() {
    this.drawTimer ||= window.setTimeout(() => {
      this.drawTimer = 0;
      this.items.value = [...this.all];
    }, REDRAW);
  }

  start() {
    while (this.running < AT_ONCE) {
      const items = this.portion();
      if (!items.length) return;
      this.running += 1;
      void this.send(items).finally(() => {
        this.running -= 1;
        this.draw();
        this.start();
      });
    }
  }

  /** The next files, as many as one request takes. @returns {Item[]} */
  portion() {
    const found = [];
    let bytes = 0;
    while (this.waiting.length) {
      const next = this.waiting[0];
      const alone = AWKWARD.test(next.name);
      if (next.state !== "waiting") this.waiting.shift();
      else if (found.length && (alone || found.length === PORTION.files || bytes + next.file.size > PORTION.bytes)) break;
      else {
        found.push(/** @type {Item} */ (this.waiting.shift()));
        bytes += next.file.size;
        if (alone) break;
      }
    }
    return found;
  }

  /** @param {Item[]} items */
  async send(items) {
    const abort = new AbortController();
    for (const item of items) Object.assign(item, { state: "sending", abort, error: "", sent: 0 });
    this.draw();
    try {
      const answer = await upload(inBase(this.base, "documents"), formOf(items), { signal: abort.signal, onProgress: (sent) => this.progress(items, sent) });
      for (const item of items) {
        const error = Object.hasOwn(answer.failed, item.name) ? answer.failed[item.name] : "";
        Object.assign(item, { state: error ? "failed" : "done", sent: item.file.size, error, abort: null });
      }
      this.tell();
    } catch (error) {
      this.failed(items, error);
    }
  }

  /** @param {Item[]} items @param {any} error */
  failed(items, error) {
    const aborted = error instanceof DOMException && error.name === "AbortError";
    const message = error.status === 0 ? t("common.unreachable") : String(error.message);
    for (const item of items) item.abort = null;
    const others = items.filter((item) => item.state !== "cancelled");
    for (const item of others) Object.assign(item, aborted ? { state: "waiting", sent: 0 } : { state: "failed", error: message });
    if (aborted) this.waiting.unshift(...others);
  }

  /** @param {Item[]} items @param {number} sent bytes of the request */
  progress(items, sent) {
    let left = sent;
    for (const item of items) {
      item.sent = Math.min(item.file.size, Math.max(0, left));
      left -= item.file.size;
    }
    this.draw();
  }

  /** Tell listeners at most once a second, and when everything has arrived. */
  tell() {
    this.changeTimer ||= window.setTimeout(() => {
      this.changeTimer = 0;
      this.listeners.forEach((listener) => listener());
    }, this.unfinished ? 1000 : 150);
  }

  /** Cancel a file; those that share its request are sent again. @param {Item} item */
  cancel(item) {
    item.state = "cancelled";
    item.abort?.abort();
    this.draw();
  }

  cancelAll() {
    const going = this.all.filter(isGoing);
    for (const item of going) item.state = "cancelled";
    new Set(going.map((item) => item.abort)).forEach((abort) => abort?.abort());
    this.draw();
  }

  /** @param {Item[]} items */
  retry(items) {
    for (const item of items) Object.assign(item, { state: "waiting", error: "", sent: 0 });
    this.enqueue(items);
  }

  clear() {
    this.all = this.all.filter(isGoing);
    this.items.value = [...this.all];
  }
}

/** @param {Item} item */
export const isGoing = (item) => item.state === "waiting" || item.state === "sending";

/** @param {Item[]} items */
function formOf(items) {
  const form = new FormData();
  const [first] = items;
  for (const item of items) form.append("files", item.file, items.length === 1 ? "file" : item.name);
  if (items.length > 1) return form;
  form.append("name", first.name);
  form.append("modified_at", String(first.file.lastModified / 1000));
  return form;
}
