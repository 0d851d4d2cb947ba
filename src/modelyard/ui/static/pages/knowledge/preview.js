// Another chunking of a document beside the present one.
import { get, patch, post } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { number } from "../../lib/format.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { Failure, Loaded } from "../../parts/states.js";
import { attempt } from "../../parts/toast.js";
import { ChunkingFields } from "./base_fields.js";
import { eachPortion } from "./data.js";

/** @typedef {import("./base_fields.js").Chunking} Chunking */
/** @typedef {{ text: string, page: number | null, heading: string }} Piece */

const SHOWN = 300;

/** @param {{ base: import("./data.js").Base, doc: import("./data.js").Doc, onClose: () => void, reload: () => Promise<void> }} props */
export function Preview({ base, doc, onClose, reload }) {
  const present = doc.chunking ?? base.chunking;
  const chunking = useSignal(/** @type {Chunking} */ ({ ...present }));
  const tried = useSignal(/** @type {Chunking} */ ({ ...present }));
  useEffect(() => {
    const timer = setTimeout(() => (tried.value = chunking.value), 400);
    return () => clearTimeout(timer);
  }, [chunking.value]);
  const apply = async () => {
    if (!(await attempt(patch(inBase(base.name, "documents"), { names: [doc.name], chunking: chunking.value })))) return;
    if (await attempt(eachPortion(base.name, "index", [doc.name], { force: true }))) {
      onClose();
      await reload();
    }
  };
  const actions = html`${Button({ label: t("common.cancel"), onClick: onClose })} ${Button({ label: t("knowledge.apply_chunking"), kind: "primary", onClick: apply })}`;
  return html`<${Dialog} title=${t("knowledge.preview_title", { name: doc.name })} wide=${true} onClose=${onClose} actions=${actions}>
    ${ChunkingFields({ name: "preview", value: chunking.value, onInput: (value) => (chunking.value = value) })}
    ${doc.edited ? html`<p class="muted">${t("knowledge.preview_edited")}</p>` : null}
    <${Cuts} base=${base} doc=${doc} chunking=${tried.value} />
  <//>`;
}

/** The present chunks of a document beside those of another chunking. @param {{ base: import("./data.js").Base, doc: import("./data.js").Doc, chunking: Chunking }} props */
export function Cuts({ base, doc, chunking }) {
  return html`<div class="knowledge-cuts">
    <section aria-label=${t("knowledge.present_cut")}><h3>${t("knowledge.present_cut")}</h3><${Present} base=${base} doc=${doc} /></section>
    <section aria-label=${t("knowledge.new_cut")}><h3>${t("knowledge.new_cut")}</h3><${Tried} base=${base.name} id=${doc.id} chunking=${chunking} /></section>
  </div>`;
}

/** @param {{ base: import("./data.js").Base, doc: import("./data.js").Doc }} props */
function Present({ base, doc }) {
  const chunks = useResource((signal) => get(inBase(base.name, "documents", doc.id, "chunks"), { limit: 10_000 }, signal), [doc.id]);
  return Loaded({ of: chunks, draw: (page) => Pieces({ pieces: page.data }) });
}

/** @param {{ base: string, id: number, chunking: Chunking }} props */
function Tried({ base, id, chunking }) {
  const { size, overlap, title_enhance } = chunking;
  const pieces = useResource((signal) => post(inBase(base, "documents", id, "preview"), { chunking: { size, overlap, title_enhance } }, signal), [id, size, overlap, title_enhance]);
  if (pieces.error.value) return Failure({ error: pieces.error.value, small: true });
  return Loaded({ of: pieces, draw: (page) => Pieces({ pieces: page.data }) });
}

/** @param {{ pieces: Piece[] }} props */
function Pieces({ pieces }) {
  const mean = pieces.reduce((sum, piece) => sum + piece.text.length, 0) / Math.max(1, pieces.length);
  return html`<p class="muted">${tn("knowledge.n_chunks", pieces.length)} · ${t("knowledge.mean_length", { n: number(mean) })}</p>
    <ol class="knowledge-cut" tabindex="0">
      ${pieces.slice(0, SHOWN).map(
        (piece, index) => html`<li><span class="muted">${index + 1} · ${piece.page ? t("knowledge.page_n", { n: piece.page }) + " · " : ""}${number(piece.text.length)}</span><p>${piece.text}</p></li>`,
      )}
    </ol>
    ${pieces.length > SHOWN ? html`<p class="muted">${tn("knowledge.n_more", pieces.length - SHOWN)}</p>` : null}`;
}
