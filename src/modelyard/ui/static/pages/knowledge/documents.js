// The documents of a base: a table of any length with filter, selection and actions.
import { bytes, ago, number } from "../../lib/format.js";
import { html, useEffect, useMemo, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { go, href, route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { SelectField, TextField } from "../../parts/field.js";
import { Badge } from "../../parts/page.js";
import { Empty, Failure, Loading } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";
import { UNFINISHED, eachPortion, useJobChanges } from "./data.js";
import { DocumentActions } from "./document_actions.js";
import { documentList } from "./document_list.js";
import { queueOf } from "./upload_queue.js";
import { UploadQueue, pickFiles } from "./uploads.js";
import { AddFromUrls } from "./urls.js";

/** @typedef {import("./data.js").Doc} Doc */
/** @typedef {import("./data.js").Base} Base */

const STATES = ["ready", "waiting", "failed", "cancelled", "stored"];
/** @type {Record<string, "ok" | "busy" | "danger" | "warn" | "plain">} */
const KINDS = { ready: "ok", waiting: "busy", failed: "danger", cancelled: "warn", stored: "plain" };

/** @param {{ base: Base, reload: () => Promise<void> }} props */
export function Documents({ base, reload }) {
  const { q = "", state = "" } = route.value.query;
  const list = useMemo(() => documentList(base.name, { contains: q, state }), [base.name, q, state]);
  const selection = useSignal(/** @type {Set<string>} */ (new Set()));
  const urls = useSignal(false);
  useEffect(() => {
    selection.value = new Set();
    void list.reload();
    return list.abort;
  }, [list]);
  useJobChanges(base.name, (job) => list.refresh(!UNFINISHED.has(job.state)));
  const changed = async () => {
    await Promise.all([list.reload(), reload()]);
  };
  const queue = queueOf(base.name);
  useEffect(() => queue.onChange(() => void changed()), [queue, list]);
  const write = can("knowledge:write");
  const pick = () => pickFiles((files) => queue.add(files));
  useKeys(write ? [{ keys: "u", label: t("knowledge.upload"), run: pick }] : [], [queue]);
  const empty = !base.documents && !q && !state && list.rows.value?.length === 0;
  const folder = () => pickFiles((files) => queue.add(files), { folder: true });
  const actions = { pick, folder, urls: () => (urls.value = true) };
  return html`<${UploadQueue} queue=${queue} documents=${list.rows.value ?? []} />
    ${empty
      ? Empty({ icon: "upload", title: t("knowledge.empty"), text: write ? t("knowledge.empty_text") : t("knowledge.empty_read_only"), action: write ? AddButtons(actions) : null })
      : html`${Toolbar({ q, state, base, actions: write ? actions : null })}
          <${DocumentActions} base=${base} list=${list} selection=${selection} changed=${changed} />
          ${List({ list, selection: write ? selection : undefined, base })}`}
    ${urls.value ? html`<${AddFromUrls} base=${base.name} onClose=${() => (urls.value = false)} />` : null}`;
}

/** @typedef {{ pick: () => void, folder: () => void, urls: () => void }} AddActions */

/** @param {AddActions} props */
function AddButtons({ pick, folder, urls }) {
  return html`<div class="row">
    ${Button({ label: t("knowledge.upload"), icon: "upload", kind: "primary", onClick: pick })}
    ${Button({ title: t("knowledge.upload_folder"), icon: "folder", onClick: folder })}
    ${Button({ label: t("knowledge.from_urls"), icon: "link", onClick: urls })}
  </div>`;
}

/** @param {{ q: string, state: string, base: Base, actions: AddActions | null }} props */
function Toolbar({ q, state, base, actions }) {
  const states = STATES.filter((each) => base.states[each] || each === state);
  return html`<div class="knowledge-filters">
    ${TextField({ name: "documents-q", label: t("knowledge.filter_documents"), hideLabel: true, placeholder: t("knowledge.filter_documents"), type: "search", value: q, onInput: (value) => setQuery({ q: value }) })}
    ${SelectField({
      name: "documents-state",
      label: t("knowledge.state"),
      hideLabel: true,
      value: state,
      onInput: (value) => setQuery({ state: value }),
      choices: [{ value: "", label: t("knowledge.all_states") }, ...states.map((each) => ({ value: each, label: `${t(`knowledge.state_${each}`)} (${base.states[each] ?? 0})` }))],
    })}
    <span class="grow"></span>
    ${actions ? AddButtons(actions) : null}
  </div>`;
}

/** @param {{ list: ReturnType<typeof documentList>, selection?: any, base: Base }} props */
function List({ list, selection, base }) {
  const rows = list.rows.value;
  if (rows === null) return list.error.value ? Failure({ error: list.error.value, retry: list.reload }) : Loading({ lines: 8 });
  if (!rows.length) return Empty({ icon: "search", title: t("common.nothing_found"), action: Button({ label: t("knowledge.clear_filter"), onClick: () => setQuery({ q: "", state: "" }) }) });
  return html`${list.error.value ? Failure({ error: list.error.value, retry: list.reload, small: true }) : null}
    <p class="muted">${tn("knowledge.n_documents", list.total.value)}</p>
    ${Table({
      label: t("knowledge.documents"),
      rows,
      total: list.total.value,
      id: (doc) => doc.name,
      selection,
      height: 44,
      onEnd: list.more.value ? list.loadMore : undefined,
      onOpen: (doc) => go(["knowledge", base.name, "documents", String(doc.id)]),
      rowClass: (doc) => (doc.enabled ? undefined : "knowledge-disabled"),
      columns: [
        { name: "name", label: t("knowledge.name"), cell: (doc) => NameCell({ doc, base }) },
        { name: "state", label: t("knowledge.state"), cell: (doc) => StateCell({ doc, again: selection ? () => again(base.name, doc) : undefined }) },
        { name: "chunks", label: t("knowledge.chunks"), class: "number", cell: (doc) => number(doc.chunks) },
        { name: "size", label: t("knowledge.size"), class: "number narrow-hidden", cell: (doc) => bytes(doc.size) },
        { name: "version", label: t("knowledge.version"), class: "number narrow-hidden", cell: (doc) => doc.version },
        { name: "updated", label: t("knowledge.updated"), class: "narrow-hidden nowrap", cell: (doc) => ago(doc.updated_at) },
      ],
    })}`;
}

/** @param {{ doc: Doc, base: Base }} props */
function NameCell({ doc, base }) {
  return html`<span class="knowledge-name">
    <a class="cut" title=${doc.name} href=${href(["knowledge", base.name, "documents", String(doc.id)])}>${doc.name}</a>
    ${doc.enabled ? null : Badge({ children: t("knowledge.disabled") })}
    ${doc.edited ? Badge({ kind: "busy", children: t("knowledge.edited") }) : null}
    ${doc.notes.length ? Badge({ kind: "warn", title: doc.notes.join("\n"), children: tn("knowledge.n_notes", doc.notes.length) }) : null}
  </span>`;
}

/** Index a document that failed once more. @param {string} base @param {Doc} doc */
const again = (base, doc) => attempt(eachPortion(base, "index", [doc.name], { force: true }), tn("knowledge.index_started", 1));

/** @param {{ doc: Doc, again?: () => void }} props */
export function StateCell({ doc, again }) {
  return html`<span class="knowledge-state">
    ${Badge({ kind: KINDS[doc.state] ?? "plain", children: t(`knowledge.state_${doc.state}`), title: doc.error || undefined })}
    ${doc.error ? html`<span class="knowledge-reason" title=${doc.error}>${doc.error}</span>` : null}
    ${again && (doc.state === "failed" || doc.state === "cancelled") ? IconButton({ icon: "refresh", size: "small", title: t("knowledge.retry_file", { name: doc.name }), onClick: (/** @type {Event} */ event) => (event.stopPropagation(), again()) }) : null}
  </span>`;
}
