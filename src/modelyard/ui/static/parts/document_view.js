// A document of a knowledge base as it is: pages of a PDF as pictures, other documents as text, with the place of a chunk marked.
import { get, url } from "../lib/api.js";
import { inBase } from "../lib/bases.js";
import { html, useEffect, useMemo, useRef, useSignal } from "../lib/html.js";
import { loadTexts, t } from "../lib/i18n.js";
import { loadStyles } from "../lib/pages.js";
import { useResource } from "../lib/resource.js";
import { IconButton } from "./button.js";
import { NumberField } from "./field.js";
import { Failure, Loaded } from "./states.js";

void loadTexts("document");
void loadStyles("parts/document_view.css");

/**
 * @typedef {object} Place a chunk in a document
 * @property {number} id
 * @property {number | null} [start] character span in the document's text
 * @property {number | null} [end]
 * @property {number | null} [page]
 * @property {string} [text]
 */
/**
 * @typedef {object} DocumentViewProps
 * @property {string} base name of the knowledge base
 * @property {number} document id
 * @property {string} name of the document, whose extension says how it is shown
 * @property {Place | null} [chunk] the chunk to mark and to scroll to
 * @property {Place[]} [chunks] all chunks, for frames around them
 * @property {number | null} [page] of a PDF; that of the chunk if left out
 * @property {[number, number][]} [highlights] spans in the text of the chunk
 * @property {(page: number) => void} [onPage]
 * @property {(chunk: number) => void} [onChunk] a frame was clicked
 */

/** @param {DocumentViewProps} props */
export function DocumentView(props) {
  const pdf = props.name.toLowerCase().endsWith(".pdf");
  return pdf ? html`<${PageView} key=${props.document} ...${props} />` : html`<${TextView} key=${props.document} ...${props} />`;
}

const WIDTH = 1200;
const FRAMES = 30;

/** @param {DocumentViewProps} props */
function PageView({ base, document, name, chunk, chunks = [], page, onPage, onChunk }) {
  const shown = useSignal(page ?? chunk?.page ?? 1);
  const failed = useSignal(0);
  const end = useSignal(0); // the last page, once one after it was not there
  const boxes = useSignal(/** @type {Map<number, any[]>} */ (new Map()));
  const marked = useRef(/** @type {HTMLElement | null} */ (null));
  const turn = (/** @type {number} */ to) => {
    shown.value = Math.max(1, end.value ? Math.min(to, end.value) : to);
    failed.value = 0;
    onPage?.(shown.value);
  };
  const missed = async () => {
    const number = shown.value;
    const answer = await fetch(url(inBase(base, "documents", document, "pages", number)), { method: "HEAD" }).catch(() => null);
    if (answer?.status !== 404 || number === 1) failed.value = number;
    else {
      end.value = number - 1;
      turn(end.value);
    }
  };
  useEffect(() => {
    const to = page ?? chunk?.page;
    if (to) shown.value = to;
  }, [page, chunk?.id]);
  const frames = [...(chunk ? [chunk] : []), ...chunks.filter((each) => each.id !== chunk?.id && each.page === shown.value)].slice(0, FRAMES);
  const missing = frames.filter((each) => !boxes.value.has(each.id)).map((each) => each.id);
  useEffect(() => {
    const abort = new AbortController();
    void loadBoxes(base, missing, boxes, abort.signal);
    return () => abort.abort();
  }, [base, missing.join(",")]);
  const own = chunk ? boxes.value.get(chunk.id) : undefined;
  useEffect(() => {
    if (own && !own.some((each) => each.page === shown.value) && own[0]) shown.value = own[0].page;
    marked.current?.scrollIntoView({ block: "center" });
  }, [own]);
  const last = Math.max(1, ...chunks.map((each) => each.page ?? 0), end.value ? end.value : shown.value);
  return html`<div class="document-view">
    <div class="document-pages">
      ${IconButton({ icon: "chevron-left", title: t("document.previous"), disabled: shown.value <= 1, onClick: () => turn(shown.value - 1) })}
      ${NumberField({ name: `page-${document}`, label: t("document.page"), hideLabel: true, value: shown.value, min: 1, step: 1, onInput: (to) => to && turn(to) })}
      <span class="muted nowrap">${chunks.length ? t("document.of_pages", { n: last }) : ""}</span>
      ${IconButton({ icon: "chevron-right", title: t("document.next"), disabled: end.value > 0 && shown.value >= end.value, onClick: () => turn(shown.value + 1) })}
    </div>
    <div class="document-scroll" tabindex="0" role="region" aria-label=${t("document.page_n", { n: shown.value, name })}>
      ${failed.value === shown.value
        ? html`<p class="document-note" role="alert">${t("document.no_page", { n: shown.value })}</p>`
        : html`<div class="document-page">
            <img
              key=${shown.value}
              src=${url(inBase(base, "documents", document, "pages", shown.value), { width: WIDTH })}
              alt=${t("document.page_n", { n: shown.value, name })}
              onError=${missed}
            />
            ${frames.map((each) => Boxes({ places: boxes.value.get(each.id) ?? [], page: shown.value, current: each.id === chunk?.id, target: marked, onClick: onChunk && (() => onChunk(each.id)) }))}
          </div>`}
    </div>
  </div>`;
}

/** @param {string} base @param {number[]} ids @param {import("@preact/signals").Signal<Map<number, any[]>>} boxes @param {AbortSignal} signal */
async function loadBoxes(base, ids, boxes, signal) {
  for (const id of ids) {
    try {
      const found = await get(inBase(base, "chunks", id, "boxes"), undefined, signal);
      boxes.value = new Map(boxes.value).set(id, found.pages);
    } catch {
      if (signal.aborted) return;
      boxes.value = new Map(boxes.value).set(id, []);
    }
  }
}

/** @param {{ places: any[], page: number, current: boolean, target: { current: HTMLElement | null }, onClick?: () => void }} props */
function Boxes({ places, page, current, target, onClick }) {
  const place = places.find((each) => each.page === page);
  if (!place) return null;
  return place.rectangles.map((/** @type {any} */ box, /** @type {number} */ index) => {
    const style = {
      left: `${(100 * box.left) / place.width}%`,
      top: `${(100 * box.top) / place.height}%`,
      width: `${(100 * box.width) / place.width}%`,
      height: `${(100 * box.height) / place.height}%`,
    };
    const name = `document-box ${current ? "document-box-current" : ""} ${place.exact ? "" : "document-box-whole"}`;
    return html`<div class=${name} style=${style} ref=${current && index === 0 ? target : undefined} onClick=${onClick}></div>`;
  });
}

const WINDOW = 30_000;
const PICTURE = /\.(png|jpe?g|webp|gif|bmp)$/i;

/**
 * The server counts characters where JavaScript counts halves of them: what converts an offset of a text.
 * @param {string} text @returns {(offset: number) => number}
 */
function offsetsOf(text) {
  if (!/[\ud800-\udbff]/.test(text)) return (offset) => offset;
  const starts = /** @type {number[]} */ ([]);
  for (let at = 0; at < text.length; at += /** @type {number} */ (text.codePointAt(at)) > 0xffff ? 2 : 1) starts.push(at);
  return (offset) => starts[offset] ?? text.length;
}

/** A place with offsets of JavaScript. @template {Place | null | undefined} P @param {P} place @param {(offset: number) => number} at @returns {P} */
function inText(place, at) {
  if (!place || place.start === null || place.start === undefined) return place;
  return { ...place, start: at(place.start), end: at(place.end ?? place.start) };
}

/** @param {DocumentViewProps} props */
function TextView({ base, document, chunk, chunks = [], highlights, onChunk, name }) {
  const text = useResource((signal) => get(inBase(base, "documents", document, "text"), undefined, signal), [base, document]);
  return Loaded({
    of: text,
    lines: 10,
    draw: (whole) => html`${PICTURE.test(name) ? html`<img class="document-picture" src=${url(inBase(base, "documents", document, "content"), { preview: true })} alt=${name} />` : null}<${MarkedText} text=${String(whole)} chunk=${chunk} chunks=${chunks} highlights=${highlights} onChunk=${onChunk} name=${name} />`,
  });
}

/** @param {{ text: string, chunk?: Place | null, chunks: Place[], highlights?: [number, number][], onChunk?: (chunk: number) => void, name: string }} props */
function MarkedText({ text, chunk: place, chunks: places, highlights: spans, onChunk, name }) {
  const at = useMemo(() => offsetsOf(text), [text]);
  const chunk = useMemo(() => inText(place, at), [place, at]);
  const chunks = useMemo(() => places.map((each) => inText(each, at)), [places, at]);
  const begin = place?.start ?? 0;
  const highlights = useMemo(
    () => spans?.map(([one, other]) => /** @type {[number, number]} */ ([at(begin + one) - at(begin), at(begin + other) - at(begin)])),
    [spans, begin, at],
  );
  const view = useSignal({ from: 0, to: WINDOW });
  const marked = useRef(/** @type {HTMLElement | null} */ (null));
  const start = chunk?.start ?? null;
  useEffect(() => {
    if (start === null) return;
    const { from, to } = view.value;
    if (start < from || (chunk?.end ?? start) > to) view.value = { from: Math.max(0, start - WINDOW / 2), to: start + WINDOW };
  }, [chunk?.id, start]);
  useEffect(() => marked.current?.scrollIntoView({ block: "center" }), [chunk?.id, view.value.from]);
  const { from, to } = view.value;
  const pieces = useMemo(() => piecesOf(text, from, to, chunk, chunks, highlights), [text, from, to, chunk, chunks, highlights]);
  if (!text) return Failure({ error: { message: t("document.no_text") }, small: true });
  return html`<div class="document-view">
    <div class="document-scroll document-text" tabindex="0" role="region" aria-label=${name}>
      ${chunk && start === null ? html`<p class="document-note">${t("document.written_by_hand")}</p>` : null}
      ${from > 0 ? html`<button class="document-more" type="button" onClick=${() => (view.value = { from: Math.max(0, from - WINDOW), to })}>${t("document.before")}</button>` : null}
      ${pieces.map((piece) => Piece({ piece, marked, onChunk }))}
      ${to < text.length ? html`<button class="document-more" type="button" onClick=${() => (view.value = { from, to: to + WINDOW })}>${t("document.after")}</button>` : null}
    </div>
  </div>`;
}

/** @typedef {{ text: string, begins: { id: number, number: number }[], current: boolean, first: boolean, mark: boolean, odd: boolean, id: number | null }} PieceOfText */

/**
 * The text between two offsets, cut wherever a chunk begins or ends, or a highlight does.
 * @param {string} text @param {number} from @param {number} to @param {Place | null | undefined} chunk @param {Place[]} chunks @param {[number, number][]} [highlights] @returns {PieceOfText[]}
 */
function piecesOf(text, from, to, chunk, chunks, highlights) {
  const placed = chunks.map((each, index) => ({ ...each, number: index + 1 })).filter((each) => each.start !== null && each.start !== undefined);
  if (chunk && chunk.start !== null && chunk.start !== undefined && !placed.some((each) => each.id === chunk.id)) placed.push({ ...chunk, number: 0 });
  const same = chunk?.start !== null && chunk?.start !== undefined && (chunk.text === undefined || text.slice(chunk.start, chunk.end ?? chunk.start) === chunk.text);
  const spans = same ? (highlights ?? []).map(([begin, end]) => [begin + Number(chunk?.start), end + Number(chunk?.start)]) : [];
  const inside = (/** @type {number} */ at) => at > from && at < to;
  const cuts = [from, Math.min(to, text.length), ...placed.flatMap((each) => [Number(each.start), Number(each.end)]), ...spans.flat()];
  const edges = [...new Set(cuts.filter((at) => at === from || at === Math.min(to, text.length) || inside(at)))].sort((one, other) => one - other);
  let began = false;
  return edges.slice(0, -1).map((begin, index) => {
    const end = edges[index + 1];
    const owners = placed.filter((each) => Number(each.start) <= begin && Number(each.end) >= end);
    const current = owners.some((each) => each.id === chunk?.id);
    const first = current && !began;
    began ||= current;
    const latest = owners.at(-1);
    return {
      text: text.slice(begin, end),
      begins: placed.filter((each) => each.start === begin && each.number > 0).map(({ id, number }) => ({ id, number })),
      current,
      first,
      mark: spans.some(([one, other]) => one <= begin && other >= end),
      odd: Boolean(latest && latest.number % 2),
      id: latest?.id ?? null,
    };
  });
}

/** @param {{ piece: PieceOfText, marked: { current: HTMLElement | null }, onChunk?: (chunk: number) => void }} props */
function Piece({ piece, marked, onChunk }) {
  const { id } = piece;
  const classes = ["document-piece", piece.id === null ? "document-outside" : piece.odd ? "document-odd" : "", piece.current ? "document-current" : ""].join(" ");
  const inside = piece.mark ? html`<mark>${piece.text}</mark>` : piece.text;
  return html`${piece.begins.map((each) => html`<span class="document-number" aria-hidden="true">${each.number}</span>`)}<span
      class=${classes}
      ref=${piece.first ? marked : undefined}
      onClick=${onChunk && id !== null ? () => !getSelection()?.toString() && onChunk(id) : undefined}
      >${inside}</span
    >`;
}
