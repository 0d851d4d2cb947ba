// The settings of a base: models, prompts, chunking with a preview, its probe, and its end.
import { del, patch, post } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { go, href } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { CheckField, TextArea, TextField } from "../../parts/field.js";
import { Card } from "../../parts/page.js";
import { Failure } from "../../parts/states.js";
import { attempt, say } from "../../parts/toast.js";
import { ChunkingFields, EmbeddingField, ModelField } from "./base_fields.js";
import { ModelState } from "./bases.js";
import { Probe } from "./probe.js";
import { ReindexPreview } from "./reindex_preview.js";

/** @typedef {import("./data.js").Base} Base */
/** @typedef {{ base: Base, reload: () => Promise<void> }} Props */

/** @param {Props} props */
export function Settings({ base, reload }) {
  const write = can("knowledge:write");
  return html`${Card({ title: t("knowledge.probe"), actions: ModelState({ uid: base.embedding_model }), children: Probe({ base }) })}
    ${write
      ? html`<${General} key=${base.name} base=${base} reload=${reload} /><${Reindex} key=${`${base.name} ${base.generation}`} base=${base} reload=${reload} /><${Danger} base=${base} />`
      : html`<p class="muted">${t("knowledge.read_only")}</p>`}`;
}

/** @param {Props} props */
function General({ base, reload }) {
  const form = useSignal({
    name: base.name,
    description: base.description,
    language: base.language,
    rerank_model: base.rerank_model ?? "",
    chat_model: base.chat_model ?? "",
    answer: base.prompts.answer ?? "",
    empty: base.prompts.empty ?? "",
  });
  const error = useSignal(/** @type {any} */ (null));
  const busy = useSignal(false);
  const set = (/** @type {Partial<typeof form.value>} */ change) => (form.value = { ...form.value, ...change });
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    busy.value = true;
    error.value = null;
    const { name, description, language, rerank_model, chat_model, answer, empty } = form.value;
    const prompts = { ...base.prompts, answer, empty };
    const kept = Object.fromEntries(Object.entries(prompts).filter(([, text]) => text.trim()));
    try {
      await patch(inBase(base.name), { name: name.trim(), description, language, rerank_model, chat_model, prompts: kept });
      say(t("knowledge.saved"));
      if (name.trim() === base.name) await reload();
      else go(["knowledge", name.trim(), "settings"], {}, { replace: true });
    } catch (reason) {
      error.value = reason;
    }
    busy.value = false;
  };
  const shown = form.value;
  return Card({
    title: t("knowledge.general"),
    children: html`<form class="stack" onSubmit=${send}>
      <div class="form-grid">
        ${TextField({ name: "settings-name", label: t("knowledge.name"), value: shown.name, required: true, maxLength: 200, onInput: (name) => set({ name }) })}
        ${TextField({ name: "settings-language", label: t("knowledge.language"), hint: t("knowledge.language_hint"), value: shown.language, list: ["zh", "en"], onInput: (language) => set({ language }) })}
        ${ModelField({ name: "settings-rerank", type: "rerank", label: t("knowledge.rerank_model"), none: t("knowledge.no_rerank"), hint: t("knowledge.rerank_hint"), value: shown.rerank_model, onInput: (rerank_model) => set({ rerank_model }) })}
        ${ModelField({ name: "settings-chat", type: "LLM", label: t("knowledge.chat_model"), none: t("knowledge.any_chat_model"), hint: t("knowledge.chat_model_hint"), value: shown.chat_model, onInput: (chat_model) => set({ chat_model }) })}
      </div>
      ${TextArea({ name: "settings-description", label: t("knowledge.description"), rows: 2, value: shown.description, onInput: (description) => set({ description }) })}
      <details>
        <summary>${t("knowledge.prompts")}</summary>
        <div class="stack">
          ${TextArea({ name: "settings-answer", label: t("knowledge.prompt_answer"), hint: t("knowledge.prompt_answer_hint"), mono: true, rows: 8, value: shown.answer, onInput: (answer) => set({ answer }) })}
          ${TextArea({ name: "settings-empty", label: t("knowledge.prompt_empty"), hint: t("knowledge.prompt_empty_hint"), mono: true, rows: 3, value: shown.empty, onInput: (empty) => set({ empty }) })}
        </div>
      </details>
      ${error.value ? Failure({ error: error.value, small: true }) : null}
      <div>${Button({ label: t("common.save"), kind: "primary", type: "submit", busy: busy.value })}</div>
    </form>`,
  });
}

/** @param {Props} props */
function Reindex({ base, reload }) {
  const embedding = useSignal(base.embedding_model ?? "");
  const chunking = useSignal({ ...base.chunking });
  const force = useSignal(false);
  const preview = useSignal(false);
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const body = { embedding_model: embedding.value, chunking: chunking.value, force: force.value };
    if (await attempt(post(inBase(base.name, "reindex"), body), t("knowledge.reindex_started"))) await reload();
  };
  return html`${Card({
      title: t("knowledge.reindex"),
      children: html`<form class="stack" onSubmit=${send}>
        <p class="muted">${t("knowledge.reindex_text")}</p>
        ${EmbeddingField({ value: embedding.value, onInput: (value) => (embedding.value = value) })}
        ${ChunkingFields({ name: "reindex", value: chunking.value, onInput: (value) => (chunking.value = value) })}
        ${CheckField({ name: "reindex-force", label: t("knowledge.force"), hint: t("knowledge.force_hint"), value: force.value, onInput: (value) => (force.value = value) })}
        <div class="row">
          ${Button({ label: tn("knowledge.reindex_n", base.documents), icon: "refresh", kind: "primary", type: "submit", disabled: !base.documents })}
          ${Button({ label: t("knowledge.preview"), icon: "columns", disabled: !base.documents, onClick: () => (preview.value = true) })}
        </div>
      </form>`,
    })}
    ${preview.value ? html`<${ReindexPreview} base=${base} chunking=${chunking.value} onClose=${() => (preview.value = false)} />` : null}`;
}

/** @param {{ base: Base }} props */
function Danger({ base }) {
  const remove = async () => {
    const sure = await confirm({ title: t("knowledge.delete_base"), text: tn("knowledge.delete_base_text", base.documents), action: t("knowledge.delete_base"), danger: true, typed: base.name });
    if (sure && (await attempt(del(inBase(base.name)), t("knowledge.base_deleted", { name: base.name })))) location.hash = href("knowledge");
  };
  return Card({ title: t("knowledge.delete_base"), children: html`<p class="muted">${t("knowledge.delete_base_hint")}</p><div>${Button({ label: t("knowledge.delete_base"), kind: "danger", icon: "trash", onClick: remove })}</div>` });
}
