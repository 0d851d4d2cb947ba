// Trials of models that make texts, vectors and rankings.
import { post } from "../../lib/api.js";
import { number } from "../../lib/format.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { NumberField, TextArea, TextField } from "../../parts/field.js";
import { Bar } from "../../parts/page.js";
import { Trial, useTrial } from "./try.js";

/** @param {{ model: any }} props */
export function TryCompletion({ model }) {
  const trial = useTrial();
  const text = useSignal(t("models.sample_beginning"));
  const most = useSignal(/** @type {number | null} */ (64));
  const request = { model: model.id, prompt: text.value, max_tokens: most.value ?? 64 };
  const answer = trial.answer.value;
  return Trial({
    trial,
    request,
    send: () => void trial.run((signal) => post("v1/completions", request, signal)),
    fields: html`${TextArea({ name: "try-prompt", label: t("models.try_prompt"), value: text.value, rows: 5, onInput: (value) => (text.value = value) })}${NumberField({ name: "try-most", label: t("models.max_tokens"), value: most.value, min: 1, step: 1, onInput: (value) => (most.value = value) })}`,
    notes: answer?.usage ? [tn("models.tokens", answer.usage.completion_tokens)] : [],
    result: answer ? html`<p class="models-said"><span class="muted">${text.value}</span>${answer.choices[0].text}</p>` : null,
  });
}

/** Two texts and how near they are. @param {{ model: any }} props */
export function TryEmbedding({ model }) {
  const trial = useTrial();
  const one = useSignal(t("models.sample_one"));
  const two = useSignal(t("models.sample_two"));
  const request = { model: model.id, input: [one.value, two.value].filter(Boolean) };
  const vectors = trial.answer.value?.data?.map((/** @type {any} */ each) => each.embedding);
  const near = vectors?.length === 2 ? cosine(vectors[0], vectors[1]) : null;
  return Trial({
    trial,
    request,
    send: () => void trial.run((signal) => post("v1/embeddings", request, signal)),
    fields: html`${TextArea({ name: "try-one", label: t("models.try_first_text"), value: one.value, rows: 3, onInput: (value) => (one.value = value) })}${TextArea({ name: "try-two", label: t("models.try_second_text"), value: two.value, rows: 3, onInput: (value) => (two.value = value) })}`,
    notes: vectors ? [tn("models.dims", vectors[0].length)] : [],
    result: vectors
      ? html`${near === null ? null : html`<div class="models-score"><span>${t("models.similarity")}</span><strong>${number(near, 4)}</strong>${Bar({ value: Math.max(0, near), label: t("models.similarity") })}</div>`}
          ${vectors.map((/** @type {number[]} */ vector, /** @type {number} */ index) => html`<p class="mono models-vector">${index + 1}: [${vector.slice(0, 6).map((each) => number(each, 4)).join(", ")}, …]</p>`)}`
      : null,
  });
}

/** @param {number[]} a @param {number[]} b */
function cosine(a, b) {
  const dot = (/** @type {number[]} */ x, /** @type {number[]} */ y) => x.reduce((sum, each, index) => sum + each * y[index], 0);
  return dot(a, b) / (Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b)) || 1);
}

/** @param {{ model: any }} props */
export function TryRerank({ model }) {
  const trial = useTrial();
  const question = useSignal(t("models.sample_question"));
  const texts = useSignal(t("models.sample_documents"));
  const documents = texts.value.split("\n").map((each) => each.trim()).filter(Boolean);
  const request = { model: model.id, query: question.value, documents };
  const results = trial.answer.value?.results;
  const sent = useSignal(/** @type {string[]} */ ([]));
  return Trial({
    trial,
    request,
    send: () => {
      sent.value = documents;
      void trial.run((signal) => post("v1/rerank", request, signal));
    },
    fields: html`${TextField({ name: "try-question", label: t("models.try_question"), value: question.value, onInput: (value) => (question.value = value) })}${TextArea({ name: "try-texts", label: t("models.try_documents"), hint: t("options.one_a_line") === "options.one_a_line" ? undefined : t("options.one_a_line"), value: texts.value, rows: 5, onInput: (value) => (texts.value = value) })}`,
    result: results
      ? html`<ol class="models-ranks">${results.map((/** @type {any} */ each) => html`<li><span>${sent.value[each.index]}</span><strong class="number">${number(each.relevance_score, 4)}</strong>${Bar({ value: Math.min(1, Math.max(0, each.relevance_score)), label: sent.value[each.index] ?? "" })}</li>`)}</ol>`
      : null,
  });
}
