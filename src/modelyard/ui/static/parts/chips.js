// A field for several names: what is chosen stands as chips that can be taken away.
import { html, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Button, IconButton } from "./button.js";
import { TextField } from "./field.js";

/**
 * @typedef {object} ChipsProps
 * @property {string} name
 * @property {string} label
 * @property {string} [hint]
 * @property {string} [placeholder]
 * @property {string[]} value
 * @property {(value: string[]) => void} onInput
 * @property {string[]} [list] names to choose from; others can be typed
 * @property {(name: string) => any} [extra] what stands in a chip beside its name
 */

/** @param {ChipsProps} props */
export const ChipsField = (props) => html`<${Chips} ...${props} />`;

/** @param {ChipsProps} props */
function Chips({ name, label, hint, placeholder, value, onInput, list = [], extra }) {
  const text = useSignal("");
  const add = (/** @type {string} */ added) => {
    const trimmed = added.trim();
    if (trimmed && !value.includes(trimmed)) onInput([...value, trimmed]);
    text.value = "";
  };
  const typed = (/** @type {string} */ now) => {
    text.value = now;
    if (list.includes(now) && !value.includes(now)) add(now); // chosen in the list
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || !text.value.trim()) return;
    event.preventDefault();
    add(text.value);
  };
  const left = (/** @type {FocusEvent} */ event) => {
    if (event.target instanceof HTMLInputElement && text.value.trim()) add(text.value); // a name that was typed counts
  };
  return html`<div class="chips" onKeyDown=${pressed} onFocusOut=${left}>
    <div class="chips-input">
      ${TextField({ name, label, hint, placeholder, value: text.value, onInput: typed, list: list.filter((each) => !value.includes(each)), class: "grow" })}
      ${text.value.trim() ? Button({ icon: "plus", label: t("common.add"), onClick: () => add(text.value) }) : null}
    </div>
    ${value.length ? html`<ul class="chips-list">${value.map((each) => html`<li class="chip" key=${each}><span>${each}</span>${extra?.(each) ?? null}${IconButton({ icon: "x", title: t("common.take_away", { name: each }), size: "small", onClick: () => onInput(value.filter((other) => other !== each)) })}</li>`)}</ul>` : null}
  </div>`;
}
