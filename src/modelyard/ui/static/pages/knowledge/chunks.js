// The list of a document's chunks: select, edit in place, split, merge, disable, add, delete, undo.
import { number } from "../../lib/format.js";
import { html, useEffect, useRef, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { nameOf, useKeys } from "../../lib/keys.js";
import { guardLeaving, mayLeave, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { TextArea, TextField } from "../../parts/field.js";
import { Menu } from "../../parts/menu.js";
import { Badge } from "../../parts/page.js";
import { Empty, Failure } from "../../parts/states.js";
import { following } from "./chunk_list.js";

/** @typedef {import("./data.js").Chunk} Chunk */
/** @typedef {ReturnType<typeof import("./chunk_list.js").chunkList>} List */
/** @typedef {(work: () => Promise<number | null>) => void} Act does something to chunks that may end an edit */

const NEW = -1;

/** @param {{ base: import("./data.js").Base, doc: import("./data.js").Doc, list: List, current: Chunk | null, select: (id: number) => void, q: string }} props */
export function Chunks({ doc, list, current, select, q }) {
  const editing = useSignal(/** @type {number | null} */ (null));
  const edit = async (/** @type {number} */ id) => {
    if (editing.value !== id && (await mayLeave())) editing.value = id;
  };
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const write = can("knowledge:write");
  const rows = list.rows.value ?? [];
  const numbers = new Map(rows.map((chunk, index) => [chunk.id, index + 1]));
  const shown = q ? rows.filter((chunk) => chunk.text.toLowerCase().includes(q.toLowerCase())) : rows;
  const move = (/** @type {number} */ step) => {
    const at = shown.findIndex((chunk) => chunk.id === current?.id);
    const next = shown[Math.min(shown.length - 1, Math.max(0, at + step))];
    if (next) select(next.id);
  };
  const now = useRef({ current, move });
  now.current = { current, move };
  useKeys([
    { keys: "j", label: t("knowledge.next_chunk"), run: () => now.current.move(1) },
    { keys: "k", label: t("knowledge.previous_chunk"), run: () => now.current.move(-1) },
    ...(write ? [{ keys: "e", label: t("knowledge.edit_chunk"), run: () => now.current.current && edit(now.current.current.id) }] : []),
  ]);
  useEffect(() => scroller.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" }), [current?.id]);
  const done = (/** @type {number | null} */ id) => {
    editing.value = null;
    if (id !== null) select(id);
  };
  const act = async (/** @type {() => Promise<number | null>} */ work) => {
    if (await mayLeave()) done(await work());
  };
  return html`<section class="knowledge-chunks" aria-label=${t("knowledge.chunks")}>
    <div class="knowledge-filters">
      ${TextField({ name: "chunks-q", label: t("knowledge.filter_chunks"), hideLabel: true, placeholder: t("knowledge.filter_chunks"), type: "search", value: q, onInput: (value) => setQuery({ q: value }) })}
      ${write
        ? html`${IconButton({ icon: "undo", title: t("knowledge.undo_last"), disabled: !list.undos.value.length || list.busy.value, onClick: () => act(list.takeBack) })}
            ${Button({ label: t("knowledge.add_chunk"), icon: "plus", disabled: doc.state !== "ready", onClick: () => edit(NEW) })}`
        : null}
    </div>
    ${list.error.value ? Failure({ error: list.error.value, retry: list.reload, small: true }) : null}
    ${editing.value === NEW ? html`<${Editor} text="" list=${list} save=${async (/** @type {string} */ text) => done(await list.add(text, null))} cancel=${() => (editing.value = null)} />` : null}
    ${rows.length ? null : Empty({ icon: "list", title: t("knowledge.no_chunks"), text: doc.error ? "" : t("knowledge.no_chunks_text") })}
    <ol class="knowledge-chunk-list" ref=${scroller}>
      ${shown.map((chunk) => html`<${ChunkItem} key=${chunk.id} chunk=${chunk} number=${numbers.get(chunk.id)} list=${list} q=${q} current=${chunk.id === current?.id} select=${select} editing=${editing} edit=${edit} act=${act} done=${done} write=${write} move=${move} />`)}
    </ol>
    ${list.complete.value ? null : Button({ label: t("knowledge.more_chunks", { n: number(list.total.value - rows.length) }), onClick: list.loadMore })}
  </section>`;
}

/** @param {{ chunk: Chunk, number: number, list: List, q: string, current: boolean, select: (id: number) => void, editing: { value: number | null }, edit: (id: number) => void, act: Act, done: (id: number | null) => void, write: boolean, move: (step: number) => void }} props */
function ChunkItem({ chunk, number: place, list, q, current, select, editing, edit, act, done, write, move }) {
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.target !== event.currentTarget) return;
    const act = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Enter: () => select(chunk.id), " ": () => write && void list.toggle(chunk) }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const name = ["knowledge-chunk", chunk.enabled ? "" : "knowledge-disabled"].join(" ");
  return html`<li class=${name} tabindex="0" aria-current=${current ? "true" : undefined} onKeyDown=${pressed} onClick=${() => select(chunk.id)}>
    <header>
      <strong>${place}</strong>
      ${chunk.page ? html`<span class="muted nowrap">${t("knowledge.page_n", { n: chunk.page })}</span>` : null}
      <span class="muted cut grow" title=${chunk.heading}>${chunk.heading}</span>
      ${chunk.edited ? Badge({ kind: "busy", children: t("knowledge.edited") }) : null}
      ${chunk.enabled ? null : Badge({ children: t("knowledge.disabled") })}
      <span class="muted nowrap" title=${t("knowledge.characters")}>${number(chunk.text.length)}</span>
      ${write ? ChunkButtons({ chunk, list, edit, act }) : null}
    </header>
    ${editing.value === chunk.id
      ? html`<${Editor} text=${chunk.text} list=${list} cancel=${() => (editing.value = null)} save=${async (/** @type {string} */ text) => done(text === chunk.text ? chunk.id : await list.edit(chunk, text))} split=${async (/** @type {string} */ one, /** @type {string} */ other) => done(await list.split(chunk, one, other))} />`
      : html`<p class="knowledge-chunk-text">${q ? marked(chunk.text, q) : chunk.text}</p>`}
  </li>`;
}

/** @param {{ chunk: Chunk, list: List, edit: (id: number) => void, act: Act }} props */
function ChunkButtons({ chunk, list, edit, act }) {
  const busy = list.busy.value;
  const after = following(list.rows.value ?? [], chunk);
  return html`${IconButton({ icon: "edit", title: t("knowledge.edit_chunk"), size: "small", disabled: busy, onClick: () => edit(chunk.id) })}
    <${Menu}
      button=${{ icon: "more", title: t("knowledge.more_actions"), size: "small", disabled: busy }}
      items=${[
        { label: chunk.enabled ? t("knowledge.disable") : t("knowledge.enable"), icon: "eye", onClick: () => void list.toggle(chunk) },
        { label: t("knowledge.merge_next"), icon: "arrow-down", disabled: !after, onClick: () => act(() => list.merge(chunk)) },
        "line",
        { label: t("knowledge.delete"), icon: "trash", danger: true, onClick: () => act(() => list.remove(chunk)) },
      ]}
    />`;
}

/** @param {{ text: string, list: List, save: (text: string) => void, cancel: () => void, split?: (first: string, second: string) => void }} props */
function Editor({ text, list, save, cancel, split }) {
  const value = useSignal(text);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  useEffect(() => form.current?.querySelector("textarea")?.focus(), []);
  const changed = value.value !== text;
  useEffect(() => (changed ? guardLeaving(() => confirm({ title: t("knowledge.discard_title"), action: t("knowledge.discard"), danger: true })) : undefined), [changed]);
  const send = () => value.value.trim() && save(value.value);
  const cut = () => {
    const at = form.current?.querySelector("textarea")?.selectionStart ?? 0;
    const [first, second] = [value.value.slice(0, at).trimEnd(), value.value.slice(at).trimStart()];
    if (first && second) split?.(first, second);
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    const act = { Escape: async () => (await mayLeave()) && cancel(), "Ctrl+Enter": send }[nameOf(event)];
    event.stopPropagation();
    if (!act) return;
    event.preventDefault();
    act();
  };
  return html`<form class="stack" ref=${form} onKeyDown=${pressed} onClick=${(/** @type {Event} */ event) => event.stopPropagation()} onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), send())}>
    ${TextArea({ name: "chunk-text", label: t("knowledge.chunk_text"), hideLabel: true, value: value.value, rows: Math.min(18, 3 + Math.ceil(text.length / 60)), onInput: (next) => (value.value = next) })}
    <div class="row">
      <span class="muted grow">${tn("knowledge.n_characters", value.value.length)}</span>
      ${split ? Button({ label: t("knowledge.split_here"), size: "small", kind: "quiet", onClick: cut, title: t("knowledge.split_title") }) : null}
      ${Button({ label: t("common.cancel"), size: "small", onClick: cancel })}
      ${Button({ label: t("common.save"), size: "small", kind: "primary", type: "submit", busy: list.busy.value, disabled: !value.value.trim() })}
    </div>
  </form>`;
}

/** A text with what is looked for marked. @param {string} text @param {string} q */
function marked(text, q) {
  const parts = [];
  const folded = text.toLowerCase();
  const term = q.toLowerCase();
  let at = 0;
  for (let found = folded.indexOf(term); found >= 0; found = folded.indexOf(term, at)) {
    parts.push(text.slice(at, found), html`<mark>${text.slice(found, found + term.length)}</mark>`);
    at = found + term.length;
  }
  return [...parts, text.slice(at)];
}
