// Short messages that come and go. Errors stay until they are closed.
import { html, signal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Button, IconButton } from "./button.js";
import { Icon } from "./icon.js";

/** @typedef {{ id: number, text: string, kind: "ok" | "error", action?: { label: string, run: () => void } }} Toast */
/** @type {import("@preact/signals").Signal<Toast[]>} */
const toasts = signal([]);
let counter = 0;

/** @param {number} id */
function close(id) {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

/** Say that something was done; `action` such as undoing it is offered for some seconds. @param {string} text @param {{ label: string, run: () => void }} [action] */
export function say(text, action) {
  const id = ++counter;
  toasts.value = [...toasts.value.slice(-3), { id, text, kind: "ok", action }];
  setTimeout(() => close(id), action ? 9000 : 5000);
}

/** Say why something did not work. @param {any} error */
export function complain(error) {
  const message = error?.status === 0 ? t("common.unreachable") : (error?.message ?? String(error));
  toasts.value = [...toasts.value.slice(-3), { id: ++counter, text: message, kind: "error" }];
}

/** Do something and complain if it fails; the result, or undefined. @template T @param {Promise<T> | (() => Promise<T>)} work @param {string} [done] what to say afterwards */
export async function attempt(work, done) {
  try {
    const result = await (typeof work === "function" ? work() : work);
    if (done) say(done);
    return result;
  } catch (error) {
    complain(error);
    return undefined;
  }
}

/** Where they are shown; stands once in the page. */
export function Toasts() {
  return html`<div class="toasts">
    <div role="status">${toasts.value.filter((each) => each.kind === "ok").map(Message)}</div>
    <div role="alert">${toasts.value.filter((each) => each.kind === "error").map(Message)}</div>
  </div>`;
}

/** @param {Toast} toast */
function Message({ id, text, kind, action }) {
  return html`<div class=${`toast toast-${kind}`} key=${id}>
    ${Icon({ name: kind === "ok" ? "check" : "alert" })}
    <p>${text}</p>
    ${action ? Button({ label: action.label, size: "small", onClick: () => (action.run(), close(id)) }) : null}
    ${IconButton({ icon: "x", title: t("common.close"), size: "small", onClick: () => close(id) })}
  </div>`;
}
