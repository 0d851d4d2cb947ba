// One document: left as it is, right its chunks, which can be edited in place; another chunking side by side.
import { get, patch, url } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { bytes, moment, number } from "../../lib/format.js";
import { html, useEffect, useMemo, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { go, href, route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { DocumentView } from "../../parts/document_view.js";
import { Icon } from "../../parts/icon.js";
import { Badge, PageHead } from "../../parts/page.js";
import { Empty, Failure, Loaded, Loading } from "../../parts/states.js";
import { Segments } from "../../parts/tabs.js";
import { attempt } from "../../parts/toast.js";
import { chunkList } from "./chunk_list.js";
import { Chunks } from "./chunks.js";
import { eachPortion, useJobChanges } from "./data.js";
import { StateCell } from "./documents.js";
import { Preview } from "./preview.js";

/** @typedef {import("./data.js").Base} Base */
/** @typedef {import("./data.js").Doc} Doc */

/** @param {{ base: Base, id: number, onDelete: () => void }} props */
export function DocumentPage({ base, id, onDelete }) {
  const doc = useResource((signal) => get(inBase(base.name, "documents", id), undefined, signal), [base.name, id]);
  const chunks = useMemo(() => chunkList(base.name, id, Boolean(base.embedding_model)), [base.name, id, base.embedding_model]);
  const state = doc.data.value?.state;
  useJobChanges(base.name, () => doc.reload());
  const fingerprint = `${state} ${doc.data.value?.version} ${doc.data.value?.updated_at}`;
  useEffect(() => {
    if (state) void chunks.reload();
  }, [chunks, fingerprint]);
  if (!doc.data.value) return html`${PageHead({ title: t("knowledge.document"), back: Back({ base: base.name }) })}${Loaded({ of: doc, draw: () => null })}`;
  return Loaded({ of: doc, draw: (found) => html`<${Opened} base=${base} doc=${found} chunks=${chunks} reload=${doc.reload} onDelete=${onDelete} />` });
}

/** @param {{ base: Base, doc: Doc, chunks: ReturnType<typeof chunkList>, reload: () => Promise<void>, onDelete: () => void }} props */
function Opened({ base, doc, chunks, reload, onDelete }) {
  const { chunk: chunkId = "", page = "", q = "" } = route.value.query;
  const preview = useSignal(false);
  const side = useSignal("chunks");
  const rows = chunks.rows.value ?? [];
  const current = rows.find((each) => String(each.id) === chunkId) ?? null;
  const lost = chunkId !== "" && !current && chunks.complete.value;
  useEffect(() => {
    if (chunkId && !current && chunks.rows.value && !chunks.complete.value) void chunks.loadMore();
  }, [chunkId, rows.length]);
  useEffect(() => {
    if (chunks.changes.value) void reload();
  }, [chunks.changes.value]);
  const select = (/** @type {number} */ id) => setQuery({ chunk: id, page: "" });
  return html`${PageHead({ title: doc.name, back: Back({ base: base.name }), actions: Actions({ base, doc, reload, onDelete, preview: () => (preview.value = true) }), children: Details({ doc }) })}
    ${doc.error ? Failure({ error: { message: doc.error }, small: true }) : null}
    ${doc.notes.map((note) => html`<p class="knowledge-warning">${Icon({ name: "info" })}<span>${note}</span></p>`)}
    ${lost ? html`<p class="knowledge-warning" role="status">${Icon({ name: "info" })}<span>${t("knowledge.chunk_lost")}</span></p>` : null}
    <div class="knowledge-sides">${Segments({ label: t("knowledge.side"), value: side.value, onInput: (value) => (side.value = value), choices: [{ value: "chunks", label: t("knowledge.chunks") }, { value: "document", label: t("knowledge.original") }] })}</div>
    <div class=${`knowledge-document knowledge-side-${side.value}`}>
      <section class="knowledge-original" aria-label=${t("knowledge.original")}>
        ${doc.state === "ready" || doc.chunks
          ? html`<${DocumentView} base=${base.name} document=${doc.id} name=${doc.name} chunk=${current} chunks=${rows} page=${page ? Number(page) : null} onPage=${(/** @type {number} */ to) => setQuery({ page: to })} onChunk=${select} />`
          : Empty({ icon: "file", title: t(`knowledge.state_${doc.state}`), text: t("knowledge.not_indexed_yet") })}
      </section>
      ${chunks.rows.value === null ? Loading({ lines: 8 }) : html`<${Chunks} base=${base} doc=${doc} list=${chunks} current=${current} select=${select} q=${q} />`}
    </div>
    ${preview.value ? html`<${Preview} base=${base} doc=${doc} onClose=${() => (preview.value = false)} reload=${reload} />` : null}`;
}

/** @param {{ base: string }} props */
const Back = ({ base }) => IconButton({ icon: "arrow-left", title: t("knowledge.back_to_base", { base }), href: href(["knowledge", base, "documents"]) });

/** @param {{ doc: Doc }} props */
function Details({ doc }) {
  return html`<p class="knowledge-details muted">
    ${StateCell({ doc: { ...doc, error: "" } })}
    ${doc.enabled ? null : Badge({ children: t("knowledge.disabled") })} ${doc.edited ? Badge({ kind: "busy", children: t("knowledge.edited") }) : null}
    <span>${tn("knowledge.n_chunks", doc.chunks)}</span><span>${tn("knowledge.n_characters", doc.characters)}</span><span>${bytes(doc.size)}</span>
    <span>${t("knowledge.version_n", { n: number(doc.version) })}</span><span>${t("knowledge.updated_at", { at: moment(doc.updated_at) })}</span>
  </p>`;
}

/** @param {{ base: Base, doc: Doc, reload: () => Promise<void>, onDelete: () => void, preview: () => void }} props */
function Actions({ base, doc, reload, onDelete, preview }) {
  const index = async () => {
    if (await attempt(eachPortion(base.name, "index", [doc.name], { force: doc.state !== "ready" }))) await reload();
  };
  const enable = async () => {
    if (await attempt(patch(inBase(base.name, "documents", doc.id), { enabled: !doc.enabled }))) await reload();
  };
  const remove = async () => {
    const sure = await confirm({ title: tn("knowledge.delete_title", 1), text: doc.name, action: t("knowledge.delete"), danger: true });
    if (!sure || !(await attempt(eachPortion(base.name, "delete", [doc.name]), tn("knowledge.deleted", 1)))) return;
    onDelete();
    go(["knowledge", base.name, "documents"], {}, { replace: true });
  };
  const write = can("knowledge:write");
  return html`${Button({ label: t("knowledge.download"), icon: "download", href: url(inBase(base.name, "documents", doc.id, "content")), download: doc.name.split("/").pop() })}
    ${write ? Button({ label: doc.enabled ? t("knowledge.disable") : t("knowledge.enable"), onClick: enable }) : null}
    ${write ? Button({ label: t("knowledge.index"), icon: "refresh", onClick: index }) : null}
    ${write ? Button({ label: t("knowledge.preview"), icon: "columns", onClick: preview }) : null}
    ${write ? IconButton({ title: t("knowledge.delete"), icon: "trash", onClick: remove }) : null}`;
}
