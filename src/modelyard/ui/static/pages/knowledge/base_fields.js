// Fields that the dialogs and the settings of a base share: its models, and how documents are split.
import { models } from "../../lib/events.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { CheckField, NumberField, SelectField, TextField } from "../../parts/field.js";

/** @typedef {{ size: number, overlap: number, title_enhance: boolean }} Chunking */

/** Uids of models of a type. @param {string} type */
export const modelsOfType = (type) => [...models.value.values()].filter((model) => model.model_type === type).map((model) => model.id);

/** @param {{ value: string, onInput: (value: string) => void }} props */
export function EmbeddingField({ value, onInput }) {
  return ModelField({ name: "embedding", type: "embedding", label: t("knowledge.embedding_model"), none: t("knowledge.words_only"), hint: t("knowledge.embedding_hint"), value, onInput });
}

/** A running model of a type, or another that is typed. @param {{ name: string, type: string, label: string, none: string, hint?: string, value: string, onInput: (value: string) => void }} props */
export function ModelField({ name, type, label, none, hint, value, onInput }) {
  const running = modelsOfType(type);
  if (!running.length) return TextField({ name, label, value, onInput, hint: hint ?? undefined, placeholder: none });
  const known = value && !running.includes(value) ? [...running, value] : running;
  return SelectField({ name, label, hint, value, onInput, choices: [{ value: "", label: none }, ...known] });
}

/** @param {{ value: Chunking, onInput: (value: Chunking) => void, name?: string }} props */
export function ChunkingFields({ value, onInput, name = "chunking" }) {
  return html`<div class="form-grid">
    ${NumberField({ name: `${name}-size`, label: t("knowledge.chunk_size"), hint: t("knowledge.chunk_size_hint"), value: value.size, min: 1, max: 20_000, step: 1, onInput: (size) => onInput({ ...value, size: size ?? 800 }) })}
    ${NumberField({ name: `${name}-overlap`, label: t("knowledge.chunk_overlap"), hint: t("knowledge.chunk_overlap_hint"), value: value.overlap, min: 0, max: 10_000, step: 1, onInput: (overlap) => onInput({ ...value, overlap: overlap ?? 0 }) })}
    ${CheckField({ name: `${name}-titles`, label: t("knowledge.title_enhance"), hint: t("knowledge.title_enhance_hint"), value: value.title_enhance, onInput: (title_enhance) => onInput({ ...value, title_enhance }) })}
  </div>`;
}
