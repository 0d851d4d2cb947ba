// The answer that a base gives to a question, as it is made, with its sources.
import { inBase } from "../../lib/bases.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { href } from "../../lib/router.js";
import { follow } from "../../lib/stream.js";
import { IconButton } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";
import { Failure } from "../../parts/states.js";
import { bodyOf } from "./search_setting.js";

/** @param {{ base: string, question: string, setting: import("./search_setting.js").Setting, onClose: () => void }} props */
export function AskView({ base, question, setting, onClose }) {
  const text = useSignal("");
  const sources = useSignal(/** @type {any[]} */ ([]));
  const answer = useSignal(/** @type {any} */ (null));
  const error = useSignal(/** @type {any} */ (null));
  const done = useSignal(false);
  useEffect(() => {
    const abort = new AbortController();
    const take = (/** @type {any} */ data) => {
      if (data.type === "sources") sources.value = data.sources;
      else if (data.type === "token") text.value += data.text;
      else if (data.type === "answer") answer.value = data;
      else if (data.error) error.value = data.error;
    };
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ question, stream: true, ...bodyOf(setting) }) };
    follow(inBase(base, "answer"), { init, resume: false, signal: abort.signal }, (event) => event.data && take(event.data)).then(
      () => (done.value = true),
      (reason) => ((error.value = reason), (done.value = true)),
    );
    return () => abort.abort();
  }, []);
  const shown = answer.value?.answer ?? text.value;
  const cited = new Set((answer.value?.citations ?? []).map((/** @type {any} */ each) => each.number));
  return html`<section class="card" aria-label=${t("knowledge.answer")} aria-busy=${String(!done.value)}>
    <header class="card-head">
      <h2>${t("knowledge.answer")}</h2>
      <div class="row"><span class="muted">${answer.value?.model ?? ""}</span>${IconButton({ icon: "x", title: t("common.close"), size: "small", onClick: onClose })}</div>
    </header>
    ${error.value ? Failure({ error: error.value, small: true }) : null}
    ${shown ? html`<p class="knowledge-answer">${Linked({ text: shown, sources: sources.value, base })}</p>` : done.value || error.value ? null : html`<p class="muted" role="status">${t("knowledge.answering")}</p>`}
    ${(answer.value?.notes ?? []).map((/** @type {string} */ note) => html`<p class="muted">${note}</p>`)}
    ${answer.value && !answer.value.evidence ? html`<p class="knowledge-warning">${Icon({ name: "info" })}<span>${t("knowledge.no_evidence")}</span></p>` : null}
    ${sources.value.length
      ? html`<ol class="knowledge-sources">${sources.value.map((/** @type {any} */ source) => html`<li class=${answer.value && !cited.has(source.number) ? "muted" : ""}><strong>[${source.number}]</strong> <a href=${placeOf(base, source)}>${source.document}</a>${source.page ? ` · ${t("knowledge.page_n", { n: source.page })}` : ""}</li>`)}</ol>`
      : null}
  </section>`;
}

/** @param {string} base @param {any} source */
const placeOf = (base, source) => href(["knowledge", source.knowledge_base ?? base, "documents", String(source.document_id)], { chunk: source.chunk_id, page: source.page });

/** A text whose [1] are links to the sources. @param {{ text: string, sources: any[], base: string }} props */
function Linked({ text, sources, base }) {
  return text.split(/(\[\d+\])/).map((part) => {
    const source = /^\[\d+\]$/.test(part) ? sources.find((each) => `[${each.number}]` === part) : null;
    return source ? html`<a href=${placeOf(base, source)} title=${source.document}>${part}</a>` : part;
  });
}
