// A form made from a JSON Schema: a field for each option, in groups, with what few people need folded away.
import { html } from "../lib/html.js";
import { has, t, tn } from "../lib/i18n.js";
import { CheckField, NumberField, SelectField, TextArea, TextField } from "./field.js";

/** @typedef {import("../lib/schema.js").Option} Option */
/** @typedef {(name: string, value: any) => void} OnInput */

/**
 * Texts come from the area `options`: `options.n_ctx`, `options.n_ctx.help`, `options.group.context`; what has none is shown by its name
 * and with the schema's description.
 * @param {{ options: Option[], raw: import("../lib/schema.js").Raw, onInput: OnInput, problems?: Record<string, { key: string, values?: any }>, prefix?: string, level?: 2 | 3 }} props
 */
export function SchemaForm({ options, raw, onInput, problems = {}, prefix = "option" }) {
  const groups = [...new Set(options.map((each) => each.group))];
  const draw = (/** @type {Option} */ option) => OptionField({ option, value: raw[option.name], onInput, problem: problems[option.name], name: `${prefix}-${option.name}` });
  return groups.map((group) => {
    const own = options.filter((each) => each.group === group);
    const [plain, advanced] = [own.filter((each) => !each.advanced), own.filter((each) => each.advanced)];
    const touched = advanced.filter((each) => raw[each.name] !== undefined && raw[each.name] !== "").length;
    const wrong = advanced.some((each) => problems[each.name]);
    const title = has(`options.group.${group}`) ? t(`options.group.${group}`) : group;
    const more = tn("options.more", advanced.length);
    const changed = touched ? html` <span class="badge badge-busy">${t("options.changed", { n: touched })}</span>` : null;
    return html`<fieldset class=${`schema-group ${plain.length ? "" : "schema-folded"}`} key=${group}>
      <legend class=${plain.length ? "" : "for-readers"}>${title}</legend>
      ${plain.length ? html`<div class="form-grid">${plain.map(draw)}</div>` : null}
      ${advanced.length
        ? html`<details class="schema-more" open=${wrong || undefined}>
            <summary>${plain.length ? more : html`${title} <span class="muted">${more}</span>`}${changed}</summary>
            <div class="form-grid">${advanced.map(draw)}</div>
          </details>`
        : null}
    </fieldset>`;
  });
}

/** @param {{ option: Option, value: any, onInput: OnInput, problem?: { key: string, values?: any }, name: string }} props */
export function OptionField({ option, value, onInput, problem, name }) {
  const label = titleOf(option.name);
  const error = problem ? t(`options.problem.${problem.key}`, { name: label, ...problem.values }) : null;
  const common = { name, label: html`${label}${label === option.name ? null : html` <code class="schema-name">${option.name}</code>`}`, hint: help(option), error };
  const set = (/** @type {any} */ next) => onInput(option.name, next === null || next === "" ? undefined : next);
  const placeholder = shown(option.default);
  if (option.kind === "switch" && !option.nullable) {
    return CheckField({ ...common, value: value === undefined ? option.default === true : value === true, onInput: (next) => onInput(option.name, next === (option.default === true) ? undefined : next) });
  }
  if (option.kind === "switch" || option.kind === "choice") {
    const list = option.kind === "switch" ? [{ value: "true", label: t("options.yes") }, { value: "false", label: t("options.no") }] : option.choices.map((each) => ({ value: String(each), label: String(each) }));
    const unset = { value: "", label: placeholder ? t("options.default_is", { value: placeholder }) : t("options.default") };
    const others = option.kind === "choice" ? list.filter((each) => each.value !== placeholder) : list;
    return SelectField({ ...common, value: value === undefined ? "" : String(value), choices: [unset, ...others], onInput: set });
  }
  if (option.kind === "integer" || option.kind === "number") {
    return NumberField({ ...common, value, min: option.min, max: option.max, step: option.kind === "integer" ? 1 : "any", placeholder, onInput: set });
  }
  if (option.kind === "list" || option.kind === "numbers" || option.kind === "json") {
    return TextArea({ ...common, value: value ?? "", rows: 2, mono: true, placeholder: option.kind === "json" ? "{ }" : option.kind === "numbers" ? "0, 1" : t("options.one_a_line"), onInput: set });
  }
  return TextField({ ...common, value: value === undefined ? "" : String(value), placeholder, onInput: set });
}

/** The title of an option in the page's language, or its name. @param {string} name */
export function titleOf(name) {
  return has(`options.${name}`) ? t(`options.${name}`) : name;
}

/** @param {Option} option */
function help(option) {
  const key = `options.${option.name}.help`;
  if (has(key)) return t(key);
  return option.description.replaceAll("\n", " ").split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));
}

/** A default as people read it. @param {any} value */
function shown(value) {
  if (value === null || value === undefined || value === "") return "";
  return Array.isArray(value) || typeof value === "object" ? (JSON.stringify(value) === "[]" ? "" : JSON.stringify(value)) : String(value);
}
