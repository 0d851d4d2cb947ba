// The list of knowledge bases, and the dialog that makes one.
import { post } from "../../lib/api.js";
import { models } from "../../lib/events.js";
import { ago, bytes, number } from "../../lib/format.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { useResource } from "../../lib/resource.js";
import { go, route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { TextArea, TextField } from "../../parts/field.js";
import { Icon } from "../../parts/icon.js";
import { Badge, PageHead } from "../../parts/page.js";
import { Empty, Failure, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { ChunkingFields, EmbeddingField } from "./base_fields.js";
import { allBases, busyBases, useJobChanges } from "./data.js";
import { ProbeSummary } from "./probe.js";

/** @typedef {import("./data.js").Base} Base */

export function Bases() {
  const list = useResource(allBases, []);
  const dialog = useSignal(false);
  useJobChanges(null, list.reload);
  const make = () => (dialog.value = true);
  useKeys([{ keys: "n", label: t("knowledge.create"), run: make }]);
  const query = route.value.query.q ?? "";
  const create = can("knowledge:write") ? Button({ label: t("knowledge.create"), icon: "plus", kind: "primary", onClick: make }) : null;
  return html`${PageHead({ title: t("knowledge.title"), actions: create })}
    ${Loaded({
      of: list,
      draw: (bases) =>
        bases.length
          ? html`${Search({ value: query })} ${BaseTable({ bases: bases.filter((base) => matches(base, query)) })}`
          : Empty({ icon: "book", title: t("knowledge.none"), text: t("knowledge.none_text"), action: create }),
    })}
    ${dialog.value ? html`<${CreateBase} onClose=${() => (dialog.value = false)} />` : null}`;
}

/** @param {Base} base @param {string} query */
function matches(base, query) {
  return `${base.name}\n${base.description}\n${base.embedding_model ?? ""}`.toLowerCase().includes(query.toLowerCase());
}

/** @param {{ value: string }} props */
function Search({ value }) {
  return html`<div class="knowledge-filters">
    ${TextField({ name: "q", label: t("knowledge.filter_bases"), hideLabel: true, placeholder: t("knowledge.filter_bases"), type: "search", value, onInput: (q) => setQuery({ q }) })}
  </div>`;
}

/** @param {{ bases: Base[] }} props */
function BaseTable({ bases }) {
  return Table({
    label: t("knowledge.title"),
    rows: bases,
    id: (base) => base.name,
    onOpen: (base) => go(["knowledge", base.name, "documents"]),
    columns: [
      { name: "name", label: t("knowledge.name"), cell: NameCell },
      { name: "documents", label: t("knowledge.documents"), class: "number", cell: DocumentsCell },
      { name: "chunks", label: t("knowledge.chunks"), class: "number narrow-hidden", cell: (base) => number(base.chunks) },
      { name: "size", label: t("knowledge.size"), class: "number narrow-hidden", cell: (base) => bytes(base.bytes) },
      { name: "model", label: t("knowledge.embedding_model"), class: "narrow-hidden", cell: (base) => ModelState({ uid: base.embedding_model }) },
      { name: "probe", label: t("knowledge.probe"), class: "narrow-hidden", cell: (base) => ProbeSummary({ base }) },
      { name: "created", label: t("knowledge.created"), class: "narrow-hidden nowrap", cell: (base) => ago(base.created_at) },
    ],
  });
}

/** @param {Base} base */
function NameCell(base) {
  return html`<div class="knowledge-base-name">
    <a href=${`#/knowledge/${encodeURIComponent(base.name)}/documents`}>${base.name}</a>
    ${busyBases.value.has(base.name) ? Badge({ kind: "busy", children: html`${Icon({ name: "loader", size: 12 })}${t("knowledge.indexing")}` }) : null}
    ${base.description ? html`<span class="muted cut">${base.description}</span>` : null}
  </div>`;
}

/** @param {Base} base */
function DocumentsCell(base) {
  const failed = base.states.failed;
  return html`${number(base.documents)}${failed ? html` <span class="danger" title=${tn("knowledge.failed_documents", failed)}>(${failed})</span>` : null}`;
}

/** An embedding or rerank model and whether it runs. @param {{ uid: string | null }} props */
export function ModelState({ uid }) {
  if (!uid) return html`<span class="muted">${t("knowledge.words_only")}</span>`;
  const found = models.value.get(uid);
  const ready = found?.status === "READY";
  return html`<span class="knowledge-model"><span class="cut" title=${uid}>${uid}</span>
    ${Badge({ kind: ready ? "ok" : "warn", children: ready ? t("knowledge.runs") : found ? t("knowledge.not_ready") : t("knowledge.absent") })}</span>`;
}

/** @param {{ onClose: () => void }} props */
function CreateBase({ onClose }) {
  const form = useSignal({ name: "", description: "", embedding: firstEmbedding(), chunking: { size: 800, overlap: 100, title_enhance: false } });
  const error = useSignal(/** @type {any} */ (null));
  const busy = useSignal(false);
  const set = (/** @type {Record<string, any>} */ change) => (form.value = { ...form.value, ...change });
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    busy.value = true;
    error.value = null;
    try {
      const { name, description, embedding, chunking } = form.value;
      const made = await post("v1/knowledge_bases", { name: name.trim(), description, embedding_model: embedding || null, chunking });
      onClose();
      go(["knowledge", made.name, "documents"]);
    } catch (reason) {
      error.value = reason;
    }
    busy.value = false;
  };
  const { name, description, embedding, chunking } = form.value;
  return html`<${Dialog} title=${t("knowledge.create")} onClose=${onClose}>
    <form class="stack" onSubmit=${send}>
      ${TextField({ name: "base-name", label: t("knowledge.name"), value: name, onInput: (value) => set({ name: value }), required: true, autofocus: true, maxLength: 200 })}
      ${TextArea({ name: "base-description", label: t("knowledge.description"), value: description, rows: 2, onInput: (value) => set({ description: value }) })}
      ${EmbeddingField({ value: embedding, onInput: (value) => set({ embedding: value }) })}
      <details>
        <summary>${t("knowledge.chunking")}</summary>
        ${ChunkingFields({ value: chunking, onInput: (value) => set({ chunking: value }) })}
      </details>
      ${error.value ? Failure({ error: error.value, small: true }) : null}
      <div class="dialog-actions">
        ${Button({ label: t("common.cancel"), onClick: onClose })}
        ${Button({ label: t("knowledge.create"), kind: "primary", type: "submit", busy: busy.value, disabled: !name.trim() })}
      </div>
    </form>
  <//>`;
}

function firstEmbedding() {
  return [...models.value.values()].find((model) => model.model_type === "embedding" && model.status === "READY")?.id ?? "";
}
