// Try a model: a form for each of its abilities, with the answer and the raw exchange.
import { models } from "../../lib/events.js";
import { duration } from "../../lib/format.js";
import { html, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { route, setQuery } from "../../lib/router.js";
import { Button } from "../../parts/button.js";
import { Copy } from "../../parts/copy.js";
import { Card } from "../../parts/page.js";
import { Empty, Failure } from "../../parts/states.js";
import { Segments } from "../../parts/tabs.js";
import { TryChat } from "./try_chat.js";
import { TryImage, TrySpeech, TryTranscription } from "./try_media.js";
import { TryCompletion, TryEmbedding, TryRerank } from "./try_text.js";

/** What can be tried, by the model. @param {any} model @returns {Record<string, any>} */
function formsOf(model) {
  const able = new Set(model.model_ability);
  /** @type {Record<string, any>} */
  const forms = {};
  if (model.model_type === "LLM") {
    if (model.is_chat !== false) forms.chat = TryChat;
    forms.completion = TryCompletion;
  }
  if (model.model_type === "embedding") forms.embedding = TryEmbedding;
  if (model.model_type === "rerank") forms.rerank = TryRerank;
  if (model.model_type === "image") forms.image = TryImage;
  if (model.model_type === "audio") {
    if (able.has("audio2text") || !able.has("text2audio")) forms.transcription = TryTranscription;
    if (able.has("text2audio") || !able.has("audio2text")) forms.speech = TrySpeech;
  }
  return forms;
}

/** @param {{ uid: string }} props */
export default function Try({ uid }) {
  const model = models.value.get(uid);
  if (!model) return null;
  if (!model.replica_ready) return Empty({ icon: "clock", title: t("models.try_not_ready"), text: t("models.try_not_ready_text") });
  const forms = formsOf(model);
  const names = Object.keys(forms);
  if (!names.length) return Empty({ title: t("models.try_none"), text: t("models.try_none_text") });
  const chosen = route.value.query.as && route.value.query.as in forms ? route.value.query.as : names[0];
  const Form = forms[chosen];
  return html`${names.length > 1 ? Segments({ label: t("models.ability"), value: chosen, onInput: (value) => setQuery({ as: value }), choices: names.map((name) => ({ value: name, label: t(`models.try_${name}`) })) }) : null}
    <${Form} key=${`${uid}/${chosen}`} model=${model} />`;
}

/**
 * What a form of this page needs: sending with the time that it took, the answer, the error.
 * @template T
 */
export function useTrial() {
  const busy = useSignal(false);
  const error = useSignal(/** @type {any} */ (null));
  const answer = useSignal(/** @type {any} */ (null));
  const seconds = useSignal(/** @type {number | null} */ (null));
  const running = useSignal(/** @type {AbortController | null} */ (null));
  /** @param {(signal: AbortSignal) => Promise<any>} work */
  const run = async (work) => {
    if (busy.value) return;
    const abort = (running.value = new AbortController());
    busy.value = true;
    error.value = null;
    answer.value = null;
    const began = performance.now();
    try {
      answer.value = await work(abort.signal);
    } catch (reason) {
      if (!abort.signal.aborted) error.value = reason;
    }
    seconds.value = (performance.now() - began) / 1000;
    busy.value = false;
  };
  return { busy, error, answer, seconds, run, stop: () => running.value?.abort() };
}

/**
 * The form, and what came of it.
 * @param {{ trial: ReturnType<typeof useTrial>, fields: any, send: () => void, label?: string, result: any, request: any, raw?: any, notes?: (string | null)[] }} props
 */
export function Trial({ trial, fields, send, label, result, request, raw, notes = [] }) {
  const { busy, error, answer, seconds } = trial;
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    send();
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  };
  const facts = [seconds.value === null || busy.value ? null : duration(seconds.value), ...notes].filter(Boolean);
  return html`<div class="columns models-try">
    ${Card({
      children: html`<form class="stack" onSubmit=${submit} onKeyDown=${pressed}>${fields}
        <div class="row">${Button({ label: label ?? t("models.try_send"), kind: "primary", icon: "send", type: "submit", busy: busy.value })}
          ${busy.value ? Button({ label: t("models.stop"), icon: "stop", onClick: trial.stop }) : html`<span class="muted"><kbd>Ctrl</kbd> <kbd>Enter</kbd></span>`}</div></form>`,
    })}
    ${Card({
      title: t("models.answer"),
      actions: facts.length ? html`<span class="muted" role="status">${facts.join(" · ")}</span>` : null,
      children: html`${error.value ? Failure({ error: error.value, small: true }) : null}
        <div class="models-result" aria-live="polite" aria-busy=${String(busy.value)}>${result ?? (answer.value || error.value || busy.value ? null : html`<p class="muted">${t("models.no_answer")}</p>`)}</div>
        ${answer.value ? Raw({ request, answer: raw ?? answer.value }) : null}`,
    })}
  </div>`;
}

/** The exchange as JSON. @param {{ request: any, answer: any }} props */
function Raw({ request, answer }) {
  const text = (/** @type {any} */ value) => JSON.stringify(value, (_, each) => (typeof each === "string" && each.length > 2000 ? `${each.slice(0, 200)} … (${each.length})` : Array.isArray(each) && each.length > 64 && typeof each[0] === "number" ? [...each.slice(0, 8), `… (${each.length})`] : each), 2);
  return html`<details class="schema-more"><summary>${t("models.raw")}</summary>
    <div class="spread"><h3>${t("models.raw_request")}</h3>${Copy({ text: () => text(request) })}</div><pre class="models-json" tabindex="0">${text(request)}</pre>
    <div class="spread"><h3>${t("models.raw_answer")}</h3>${Copy({ text: () => text(answer) })}</div><pre class="models-json" tabindex="0">${text(answer)}</pre>
  </details>`;
}
