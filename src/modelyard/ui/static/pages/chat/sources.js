// The sources of an answer, and a source at its place: a page of a PDF with rectangles, or the document's text with the span marked.
import { get, path, url } from "../../lib/api.js";
import { number as digits } from "../../lib/format.js";
import { html, useEffect, useRef, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { linkAddress } from "../../lib/links.js";
import { useResource } from "../../lib/resource.js";
import { Button, IconButton } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";
import { Empty, Failure, Loaded, Loading } from "../../parts/states.js";
import { sourcesOf } from "./content.js";

/** The sources of a message, or of the last one that has some. @param {{ conversation: import("./conversation.js").Conversation, message?: string, number?: number }} props */
export function Sources({ conversation, message, number }) {
  const entries = conversation.entries.value;
  const entry = entries.find((each) => each.id === message) ?? entries.findLast((each) => sourcesOf(each.message.value).length > 0);
  return html`<${SourcesOf} message=${entry?.message.value} number=${number} />`;
}

/** The sources of one message; `number` is the one that is opened. @param {{ message?: import("../../../types/api").MessageInfo, number?: number }} props */
export function SourcesOf({ message, number }) {
  const shown = useSignal(/** @type {number | undefined} */ (number));
  useEffect(() => {
    shown.value = number;
  }, [message?.id, number]);
  const sources = message ? sourcesOf(message) : [];
  const cited = new Set(message?.citations.map((each) => each.number));
  const step = (/** @type {number} */ by) => {
    const next = sources[(sources.findIndex((each) => each.number === shown.value) + by + sources.length) % sources.length];
    if (next) shown.value = next.number;
  };
  useKeys([{ keys: "[", label: t("chat.source_before"), run: () => step(-1) }, { keys: "]", label: t("chat.source_after"), run: () => step(1) }], [message?.id]);
  if (sources.length === 0) return Empty({ icon: "book", title: t("chat.no_sources"), text: t("chat.no_sources_text") });
  const at = sources.findIndex((each) => each.number === shown.value);
  if (at >= 0) {
    return html`<nav class="chat-source-nav" aria-label=${t("chat.tab_sources")}>
        ${Button({ icon: "chevron-left", label: t("chat.all_sources"), kind: "quiet", size: "small", onClick: () => (shown.value = undefined) })}
        <span class="grow"></span>
        ${IconButton({ icon: "chevron-left", size: "small", title: t("chat.source_before"), disabled: at === 0, onClick: () => (shown.value = sources[at - 1].number) })}
        <span class="muted">${at + 1}/${sources.length}</span>
        ${IconButton({ icon: "chevron-right", size: "small", title: t("chat.source_after"), disabled: at === sources.length - 1, onClick: () => (shown.value = sources[at + 1].number) })}
      </nav>
      <${SourceView} key=${`${message?.id}-${sources[at].number}`} source=${sources[at]} />`;
  }
  return html`<ol class="chat-sources">
    ${sources.map((source) => html`<li key=${source.number}>
      <button type="button" class="chat-source" onClick=${() => (shown.value = source.number)}>
        <span class="chat-source-head"><span class=${`chat-citation ${cited.has(source.number) ? "" : "chat-citation-unused"}`}>${source.number}</span><strong class="cut grow">${source.title}</strong>${Place({ source })}</span>
        <span class="chat-source-text"><${Marked} text=${source.text.slice(0, 400)} spans=${source.highlights ?? []} /></span>
      </button>
    </li>`)}
  </ol>`;
}

/** @param {{ source: any }} props */
function Place({ source }) {
  if (source.page) return html`<span class="muted nowrap">${t("chat.page", { n: source.page })}</span>`;
  return source.score ? html`<span class="muted nowrap" title=${t("chat.score")}>${digits(source.score, 2)}</span>` : null;
}

/** A text with marked spans. @param {{ text: string, spans: [number, number][] }} props */
function Marked({ text, spans }) {
  const characters = spans.length > 0 ? [...text] : [];
  const pieces = [];
  let position = 0;
  for (const [start, end] of spans) {
    if (start < position || start >= characters.length) continue;
    pieces.push(characters.slice(position, start).join(""), html`<mark>${characters.slice(start, end).join("")}</mark>`);
    position = end;
  }
  return html`${pieces}${spans.length > 0 ? characters.slice(position).join("") : text}`;
}

/** What two texts are compared by: a chunk has lost markup and blanks of its document. @param {string} text */
const letters = (text) => text.normalize("NFKC").replace(/[^\p{L}\p{N}]+/gu, "");

/** Scroll to the first marked words of a span. @param {HTMLElement | null} element */
function bringFirst(element) {
  (element?.querySelector("mark") ?? element)?.scrollIntoView({ block: "center" });
}

/** One source at its place. @param {{ source: any }} props */
function SourceView({ source }) {
  const stored = source.knowledge_base && source.document_id !== null && source.document_id !== undefined;
  const link = stored ? null : linkAddress(source.url ?? "");
  return html`<section class="stack">
    <header><h2 class="chat-source-title">${source.title}</h2>
      <p class="muted">${[source.knowledge_base, source.heading, source.page ? t("chat.page", { n: source.page }) : ""].filter(Boolean).join(" · ")}</p>
      ${link ? html`<a href=${link} target="_blank" rel="noopener noreferrer">${link} ${Icon({ name: "external", size: 13 })}</a>` : null}
    </header>
    ${stored && source.page && /\.pdf$/i.test(source.document ?? "") ? html`<${PagesView} source=${source} />` : stored ? html`<${TextView} source=${source} />` : html`<p class="chat-excerpt" dir="auto"><${Marked} text=${source.text} spans=${source.highlights ?? []} /></p>`}
  </section>`;
}

const WIDTH = 1000;

/** The pages of a PDF that a chunk is on, with rectangles around it. @param {{ source: any }} props */
function PagesView({ source }) {
  const boxes = useResource((signal) => get(path`v1/knowledge_bases/${source.knowledge_base}/chunks/${source.chunk_id}/boxes`, undefined, signal), [source.chunk_id]);
  if (boxes.error.value) return html`<p class="chat-note">${Icon({ name: "info", size: 14 })}<span>${t("chat.source_changed")}</span></p><${TextView} source=${source} />`;
  return Loaded({ of: boxes, draw: (found) => found.pages.map((/** @type {any} */ page) => html`<${PageView} key=${page.page} source=${source} page=${page} />`) });
}

/** @param {{ source: any, page: any }} props */
function PageView({ source, page }) {
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  const failed = useSignal(false);
  const address = url(path`v1/knowledge_bases/${source.knowledge_base}/documents/${source.document_id}/pages/${page.page}`, { width: WIDTH });
  const share = (/** @type {number} */ value, /** @type {number} */ whole) => `${(100 * value) / whole}%`;
  useEffect(() => frame.current?.querySelector(".chat-box")?.scrollIntoView({ block: "center" }), []);
  if (failed.value) return html`<${TextView} source=${source} />`;
  return html`<figure class="chat-page" ref=${frame} style=${{ aspectRatio: `${page.width} / ${page.height}` }}>
    <img src=${address} alt=${t("chat.page_of", { n: page.page, name: source.title })} onError=${() => (failed.value = true)} />
    ${page.exact ? page.rectangles.map((/** @type {any} */ box) => html`<span class="chat-box" style=${{ left: share(box.left, page.width), top: share(box.top, page.height), width: share(box.width, page.width), height: share(box.height, page.height) }}></span>`) : null}
  </figure>`;
}

const AROUND = 3000;

/** The text of a document around a span. @param {{ source: any }} props */
function TextView({ source }) {
  const whole = useSignal(false);
  const text = useResource((signal) => get(path`v1/knowledge_bases/${source.knowledge_base}/documents/${source.document_id}/text`, undefined, signal), [source.document_id]);
  if (text.error.value?.status === 404 || text.error.value?.status === 403 || source.start === null || source.start === undefined) {
    return html`${text.error.value ? html`<p class="chat-note">${Icon({ name: "info", size: 14 })}<span>${t("chat.source_gone")}</span></p>` : null}<p class="chat-excerpt" dir="auto"><${Marked} text=${source.text} spans=${source.highlights ?? []} /></p>`;
  }
  if (text.error.value) return Failure({ error: text.error.value, retry: text.reload });
  if (text.data.value === undefined) return Loading();
  const characters = [...String(text.data.value)];
  const [start, end] = [source.start, source.end];
  const [from, to] = whole.value ? [0, characters.length] : [Math.max(0, start - AROUND), Math.min(characters.length, end + AROUND)];
  const piece = (/** @type {number} */ a, /** @type {number} */ b) => characters.slice(a, b).join("");
  const span = piece(start, end);
  const inner = span === source.text ? source.highlights ?? [] : [];
  const corrected = letters(span) !== letters(source.text);
  return html`${corrected ? html`<p class="chat-excerpt" dir="auto"><${Marked} text=${source.text} spans=${source.highlights ?? []} /></p>
      <p class="chat-note">${Icon({ name: "info", size: 14 })}<span>${t("chat.source_corrected")}</span></p>` : null}
    ${from > 0 || to < characters.length ? Button({ label: t("chat.whole_document"), kind: "quiet", size: "small", onClick: () => (whole.value = true) }) : null}
    <div class="chat-excerpt chat-document" dir="auto" tabindex="0" role="region" aria-label=${source.title}>
      ${from > 0 ? "… " : ""}${piece(from, start)}<span class="chat-span" ref=${bringFirst}><${Marked} text=${span} spans=${inner} /></span>${piece(end, to)}${to < characters.length ? " …" : ""}
    </div>`;
}
