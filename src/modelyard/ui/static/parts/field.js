// Fields of forms: label, control, hint and error, connected for screen readers.
import { html } from "../lib/html.js";

let counter = 0;
/** A new id for an element. */
export const newId = () => `f${++counter}`;

/** @type {Map<string, string>} */
const ids = new Map();
/** The same id for the same name, so that a field keeps its element. @param {string} name */
function idOf(name) {
  const found = ids.get(name) ?? newId();
  ids.set(name, found);
  return found;
}

/**
 * @typedef {object} FieldProps
 * @property {string} name unique in what is shown; names the control
 * @property {import("../lib/html.js").Children} label
 * @property {import("../lib/html.js").Children} [hint]
 * @property {string | null} [error]
 * @property {boolean} [hideLabel] the label is for screen readers only
 * @property {string} [class]
 */

/** Label, a control made by `control(attributes)`, hint and error. @param {FieldProps & { control: (attributes: Record<string, any>) => any }} props */
export function Field({ name, label, hint, error, hideLabel, control, class: extra }) {
  const id = idOf(name);
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ") || undefined;
  return html`<div class=${`field ${extra ?? ""}`}>
    <label for=${id} class=${hideLabel ? "for-readers" : ""}>${label}</label>
    ${control({ id, name, "aria-describedby": described, "aria-invalid": error ? "true" : undefined })}
    ${hint ? html`<p class="field-hint" id=${`${id}-hint`}>${hint}</p>` : null}
    ${error ? html`<p class="field-error" id=${`${id}-error`} role="alert">${error}</p>` : null}
  </div>`;
}

/** @param {FieldProps & { value: string, onInput: (value: string) => void, type?: string, placeholder?: string, required?: boolean, list?: string[], autocomplete?: string, autofocus?: boolean, readonly?: boolean, maxLength?: number }} props */
export function TextField({ value, onInput, type = "text", placeholder, required, list, autocomplete = "off", autofocus, readonly, maxLength, ...rest }) {
  const listId = list ? `${idOf(rest.name)}-list` : undefined;
  return Field({
    ...rest,
    control: (attributes) => html`<input
        ...${attributes}
        class="input"
        type=${type}
        value=${value}
        placeholder=${placeholder}
        required=${required}
        readonly=${readonly}
        maxlength=${maxLength}
        list=${listId}
        autocomplete=${autocomplete}
        autofocus=${autofocus}
        spellcheck="false"
        onInput=${(/** @type {any} */ event) => onInput(event.target.value)}
      />${list ? html`<datalist id=${listId}>${list.map((each) => html`<option value=${each} />`)}</datalist>` : null}`,
  });
}

/** @param {FieldProps & { value: number | null | undefined, onInput: (value: number | null) => void, min?: number, max?: number, step?: number | "any", placeholder?: string }} props null is an empty field */
export function NumberField({ value, onInput, min, max, step = "any", placeholder, ...rest }) {
  return Field({
    ...rest,
    control: (attributes) => html`<input
      ...${attributes}
      class="input input-number"
      type="number"
      value=${value ?? ""}
      min=${min}
      max=${max}
      step=${step}
      placeholder=${placeholder}
      onInput=${(/** @type {any} */ event) => onInput(event.target.value === "" ? null : Number(event.target.value))}
    />`,
  });
}

/** @param {FieldProps & { value: string, onInput: (value: string) => void, rows?: number, placeholder?: string, mono?: boolean }} props */
export function TextArea({ value, onInput, rows = 4, placeholder, mono, ...rest }) {
  return Field({
    ...rest,
    control: (attributes) => html`<textarea
      ...${attributes}
      class=${`input ${mono ? "mono" : ""}`}
      rows=${rows}
      placeholder=${placeholder}
      spellcheck=${mono ? "false" : undefined}
      value=${value}
      onInput=${(/** @type {any} */ event) => onInput(event.target.value)}
    ></textarea>`,
  });
}

/** @typedef {{ value: string, label: string, disabled?: boolean, title?: string, group?: string }} Choice */

/** @param {FieldProps & { value: string, onInput: (value: string) => void, choices: (string | Choice)[], disabled?: boolean }} props */
export function SelectField({ value, onInput, choices, disabled, ...rest }) {
  const list = choices.map((each) => (typeof each === "string" ? { value: each, label: each } : each));
  const groups = [...new Set(list.map((each) => each.group))];
  const option = (/** @type {Choice} */ each) =>
    html`<option value=${each.value} selected=${each.value === value} disabled=${each.disabled} title=${each.title}>${each.label}</option>`;
  return Field({
    ...rest,
    control: (attributes) => html`<select ...${attributes} class="input" value=${value} disabled=${disabled} onChange=${(/** @type {any} */ event) => onInput(event.target.value)}>
      ${groups.map((group) => {
        const own = list.filter((each) => each.group === group).map(option);
        return group ? html`<optgroup label=${group}>${own}</optgroup>` : own;
      })}
    </select>`,
  });
}

/** @param {{ name: string, label: import("../lib/html.js").Children, value: boolean, onInput: (value: boolean) => void, hint?: import("../lib/html.js").Children, disabled?: boolean }} props */
export function CheckField({ name, label, value, onInput, hint, disabled }) {
  const id = idOf(name);
  return html`<div class="field field-check">
    <label for=${id}>
      <input id=${id} name=${name} type="checkbox" checked=${value} disabled=${disabled} aria-describedby=${hint ? `${id}-hint` : undefined} onChange=${(/** @type {any} */ event) => onInput(event.target.checked)} />
      <span>${label}</span>
    </label>
    ${hint ? html`<p class="field-hint" id=${`${id}-hint`}>${hint}</p>` : null}
  </div>`;
}
