// How a search is made: mode, number of hits, reranking, least score, filter. As fields, in the address, and in a request.
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { NumberField, SelectField, TextField } from "../../parts/field.js";
import { Segments } from "../../parts/tabs.js";

/** @typedef {"hybrid" | "lexical" | "vector"} Mode */
/** @typedef {{ mode: Mode, k: number, rerank: "auto" | "on" | "off", min: number, filter: string }} Setting */
/** @typedef {import("./data.js").Base} Base */

/** @param {Base} base @returns {Setting} */
export const usualSetting = (base) => ({ mode: base.mode, k: 5, rerank: "auto", min: 0, filter: "" });

/** @param {Record<string, string>} query @param {string} prefix @param {Base} base @returns {Setting} */
export function fromQuery(query, prefix, base) {
  const usual = usualSetting(base);
  const mode = query[`${prefix}mode`];
  const rerank = query[`${prefix}rerank`];
  return {
    mode: mode === "hybrid" || mode === "lexical" || mode === "vector" ? mode : usual.mode,
    k: Number(query[`${prefix}k`]) || usual.k,
    rerank: rerank === "on" || rerank === "off" ? rerank : "auto",
    min: Number(query[`${prefix}min`]) || 0,
    filter: query[`${prefix}filter`] ?? "",
  };
}

/** @param {Setting | null} setting @param {string} prefix @returns {Record<string, string | number | undefined>} */
export function toQuery(setting, prefix) {
  const names = ["mode", "k", "rerank", "min", "filter"];
  return Object.fromEntries(names.map((name) => [prefix + name, setting ? /** @type {any} */ (setting)[name] || undefined : undefined]));
}

/** The fields of a search request. Raises SyntaxError for a filter that is no JSON. @param {Setting} setting */
export function bodyOf(setting) {
  return {
    mode: setting.mode,
    top_k: setting.k,
    rerank: setting.rerank === "auto" ? null : setting.rerank === "on",
    min_score: setting.min,
    filter: setting.filter.trim() ? JSON.parse(setting.filter) : {},
  };
}

/** @param {string} text */
function filterProblem(text) {
  if (!text.trim()) return null;
  try {
    const found = JSON.parse(text);
    return found && typeof found === "object" && !Array.isArray(found) ? null : t("knowledge.filter_wrong");
  } catch {
    return t("knowledge.filter_wrong");
  }
}

/** @param {{ name: string, title: string, value: Setting, base: Base, onInput: (value: Setting) => void }} props */
export function SettingFields({ name, title, value, base, onInput }) {
  const set = (/** @type {Partial<Setting>} */ change) => onInput({ ...value, ...change });
  const modes = base.embedding_model ? ["hybrid", "lexical", "vector"] : ["lexical"];
  return html`<fieldset class="knowledge-setting">
    <legend class=${title ? "" : "for-readers"}>${title || t("knowledge.setting")}</legend>
    ${Segments({ label: t("knowledge.mode"), value: value.mode, onInput: (mode) => set({ mode: /** @type {Mode} */ (mode) }), choices: modes.map((mode) => ({ value: mode, label: t(`knowledge.mode_${mode}`), title: t(`knowledge.mode_${mode}_title`) })) })}
    <div class="knowledge-setting-fields">
      ${NumberField({ name: `${name}-k`, label: t("knowledge.top_k"), value: value.k, min: 1, max: 200, step: 1, onInput: (k) => set({ k: k ?? 5 }) })}
      ${NumberField({ name: `${name}-min`, label: t("knowledge.min_score"), value: value.min, min: 0, max: 1, step: 0.05, onInput: (min) => set({ min: min ?? 0 }) })}
      ${SelectField({ name: `${name}-rerank`, label: t("knowledge.rerank"), value: value.rerank, onInput: (rerank) => set({ rerank: /** @type {Setting["rerank"]} */ (rerank) }), disabled: !base.rerank_model, choices: [{ value: "auto", label: base.rerank_model ? t("knowledge.rerank_auto") : t("knowledge.rerank_none") }, { value: "on", label: t("knowledge.rerank_on") }, { value: "off", label: t("knowledge.rerank_off") }] })}
      ${TextField({ name: `${name}-filter`, label: t("knowledge.filter"), value: value.filter, placeholder: '{"year": {"gte": 2024}}', error: filterProblem(value.filter), onInput: (filter) => set({ filter }), class: "knowledge-filter-field" })}
    </div>
  </fieldset>`;
}
