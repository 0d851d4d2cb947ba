// Dialogs: the browser's own <dialog>, which holds the focus and closes with Escape.
import { html, signal, useEffect, useRef } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Button, IconButton } from "./button.js";
import { newId, TextField } from "./field.js";

/**
 * A dialog over the page. It is shown as long as it is drawn.
 * @param {{ title: import("../lib/html.js").Children, onClose: () => void, children?: any, actions?: any, wide?: boolean, fixed?: boolean }} props
 *   `fixed`: it cannot be closed by the person
 */
export function Dialog({ title, onClose, children, actions, wide, fixed }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useRef(newId());
  useEffect(() => {
    const shown = element.current;
    const before = document.activeElement;
    if (shown && !shown.open) shown.showModal();
    return () => {
      shown?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const cancelled = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!fixed) onClose();
  };
  return html`<dialog ref=${element} class=${`dialog ${wide ? "dialog-wide" : ""}`} aria-labelledby=${id.current} onCancel=${cancelled}>
    <header class="dialog-head">
      <h2 id=${id.current}>${title}</h2>
      ${fixed ? null : IconButton({ icon: "x", title: t("common.close"), onClick: onClose })}
    </header>
    <div class="dialog-body">${children}</div>
    ${actions ? html`<footer class="dialog-actions">${actions}</footer>` : null}
  </dialog>`;
}

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {import("../lib/html.js").Children} [text]
 * @property {string} action label of the button that does it
 * @property {boolean} [danger]
 * @property {string} [typed] what has to be typed before the button works, such as a name
 * @property {{ label: string, value: string }} [input] makes the answer a text
 */

/** @type {import("@preact/signals").Signal<(Question & { done: (answer: any) => void }) | null>} */
const question = signal(null);

/** Ask before something happens: true or false, or the text of `input` or null. It takes the place of a question that is open, whose answer is no. @param {Question} next @returns {Promise<any>} */
export function confirm(next) {
  question.value?.done(question.value.input ? null : false);
  return new Promise((resolve) => {
    const done = (/** @type {any} */ answer) => {
      question.value = null;
      resolve(answer);
    };
    question.value = { ...next, done };
  });
}

/** Where questions of `confirm` are shown; stands once in the page. */
export function Questions() {
  const shown = question.value;
  return shown ? html`<${QuestionDialog} key=${shown} shown=${shown} />` : null;
}

/** @param {{ shown: Question & { done: (answer: any) => void } }} props */
function QuestionDialog({ shown }) {
  const text = useRef(signal(shown.input?.value ?? "")).current;
  const no = () => shown.done(shown.input ? null : false);
  const ready = shown.typed ? text.value.trim() === shown.typed : !shown.input || text.value.trim() !== "";
  const yes = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (ready) shown.done(shown.input ? text.value.trim() : true);
  };
  const label = shown.typed ? t("common.type_to_confirm", { name: shown.typed }) : shown.input?.label;
  return html`<${Dialog} title=${shown.title} onClose=${no}>
    <form class="stack" onSubmit=${yes}>
      ${shown.text ? html`<p>${shown.text}</p>` : null}
      ${label ? TextField({ name: "answer", label, value: text.value, onInput: (value) => (text.value = value), autofocus: true }) : null}
      <div class="dialog-actions">
        ${Button({ label: t("common.cancel"), onClick: no })}
        ${Button({ label: shown.action, kind: shown.danger ? "danger" : "primary", type: "submit", disabled: !ready, more: { autofocus: !label } })}
      </div>
    </form>
  <//>`;
}
