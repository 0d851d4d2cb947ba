// The fields of a family's record. Fields that it does not show stay as they are.
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { Button, IconButton } from "../../parts/button.js";
import { NumberField, SelectField, TextArea, TextField } from "../../parts/field.js";

const FORMATS = ["ggufv2", "pytorch", "gptq", "awq", "fp8", "mlx", "bnb"];
const HUBS = ["huggingface", "modelscope"];
/** @type {Record<string, string>} */
const ABILITIES = { LLM: "chat, vision, tools, reasoning, hybrid, generate", image: "text2image, image2image, inpainting", audio: "audio2text, text2audio", video: "text2video" };

/** @param {string} text */
const listOf = (text) => text.split(/[,，\s]+/).map((each) => each.trim()).filter(Boolean);

/** @param {{ record: any, type: string, onChange: (record: any) => void }} props */
export function RegisterForm({ record, type, onChange }) {
  const set = (/** @type {string} */ name, /** @type {any} */ value) => onChange({ ...record, [name]: value === "" || value === null ? undefined : value });
  const text = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ hint = "") => TextField({ name: `register-${name}`, label, hint, value: String(record[name] ?? ""), onInput: (value) => set(name, value) });
  const list = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ hint) => TextField({ name: `register-${name}`, label, hint, value: (record[name] ?? []).join(", "), onInput: (value) => set(name, listOf(value)) });
  const count = (/** @type {string} */ name, /** @type {string} */ label) => NumberField({ name: `register-${name}`, label, value: record[name] ?? null, min: 1, step: 1, onInput: (value) => set(name, value) });
  const specs = Array.isArray(record.model_specs) ? record.model_specs : [];
  const change = (/** @type {number} */ index, /** @type {any} */ spec) => set("model_specs", specs.map((/** @type {any} */ each, /** @type {number} */ at) => (at === index ? spec : each)));
  return html`<div class="stack">
    ${text("model_name", t("models.name"))}
    ${TextArea({ name: "register-description", label: t("models.description"), value: record.model_description ?? "", rows: 2, onInput: (value) => set("model_description", value) })}
    <div class="form-grid">
      ${type === "LLM" ? count("context_length", t("models.context")) : null}
      ${type === "embedding" ? count("dimensions", t("models.dimensions")) : null}
      ${type === "embedding" || type === "rerank" ? count("max_tokens", t("models.longest_text")) : null}
      ${["LLM", "embedding", "rerank"].includes(type) ? list(type === "LLM" ? "model_lang" : "language", t("models.languages"), "en, zh") : null}
      ${ABILITIES[type] ? list("model_ability", t("models.abilities"), ABILITIES[type]) : null}
    </div>
    <h3>${t("models.versions")}</h3>
    ${specs.map((/** @type {any} */ spec, /** @type {number} */ index) => Spec({ spec, index, type, onChange: (next) => change(index, next), onRemove: () => set("model_specs", specs.filter((/** @type {any} */ _, /** @type {number} */ at) => at !== index)) }))}
    <div>${Button({ label: t("models.add_version"), icon: "plus", size: "small", onClick: () => set("model_specs", [...specs, { model_format: "ggufv2", quantizations: ["q4_k_m"], model_hub: "huggingface", model_id: "" }]) })}</div>
  </div>`;
}

/** @param {{ spec: any, index: number, type: string, onChange: (spec: any) => void, onRemove: () => void }} props */
function Spec({ spec, index, type, onChange, onRemove }) {
  const set = (/** @type {string} */ name, /** @type {any} */ value) => onChange({ ...spec, [name]: value === "" || value === null ? undefined : value });
  const name = (/** @type {string} */ field) => `register-spec-${index}-${field}`;
  const local = typeof spec.model_uri === "string";
  const where = local ? "local" : (spec.model_hub ?? "huggingface");
  const move = (/** @type {string} */ value) => onChange(value === "local" ? { ...spec, model_hub: undefined, model_id: undefined, model_uri: spec.model_uri ?? "/" } : { ...spec, model_uri: undefined, model_hub: value, model_id: spec.model_id ?? "" });
  return html`<fieldset class="schema-group models-spec" key=${index}><legend>${t("models.version_n", { n: index + 1 })}</legend>
    <div class="form-grid">
      ${SelectField({ name: name("format"), label: t("models.format"), value: spec.model_format ?? "", choices: [...new Set([...FORMATS, spec.model_format].filter(Boolean))], onInput: (value) => set("model_format", value) })}
      ${type === "LLM" ? TextField({ name: name("size"), label: t("models.size_billions"), value: String(spec.model_size_in_billions ?? ""), onInput: (value) => set("model_size_in_billions", /^\d+(\.\d+)?$/.test(value) ? Number(value) : value) }) : null}
      ${TextField({ name: name("quantizations"), label: t("models.quantizations"), value: (spec.quantizations ?? (spec.quantization ? [spec.quantization] : [])).join(", "), onInput: (value) => set("quantizations", listOf(value)) })}
      ${SelectField({ name: name("hub"), label: t("models.place"), value: where, choices: [...HUBS.map((hub) => ({ value: hub, label: hub })), { value: "local", label: t("models.place_local") }], onInput: move })}
      ${local
        ? TextField({ name: name("uri"), label: t("models.path"), value: spec.model_uri, onInput: (value) => onChange({ ...spec, model_uri: value }) })
        : TextField({ name: name("id"), label: t("models.repository"), hint: "owner/name", value: spec.model_id ?? "", onInput: (value) => onChange({ ...spec, model_id: value }) })}
      ${spec.model_format === "ggufv2" ? TextField({ name: name("template"), label: t("models.file_template"), hint: "model-{quantization}.gguf", value: spec.model_file_name_template ?? "", onInput: (value) => set("model_file_name_template", value) }) : null}
    </div>
    <div>${IconButton({ icon: "trash", size: "small", title: t("models.remove_version", { n: index + 1 }), onClick: onRemove })}</div>
  </fieldset>`;
}
