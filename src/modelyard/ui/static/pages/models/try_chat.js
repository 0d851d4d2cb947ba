// One question to a chat model, answered as a stream.
import { number } from "../../lib/format.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { follow } from "../../lib/stream.js";
import { NumberField, TextArea } from "../../parts/field.js";
import { IconButton } from "../../parts/button.js";
import { complain } from "../../parts/toast.js";
import { Trial, useTrial } from "./try.js";

const MOST_BYTES = 10_000_000;

/** @param {{ model: any }} props */
export function TryChat({ model }) {
  const trial = useTrial();
  const text = useSignal(t("models.sample_hello"));
  const system = useSignal("");
  const most = useSignal(/** @type {number | null} */ (256));
  const heat = useSignal(/** @type {number | null} */ (null));
  const picture = useSignal("");
  const reply = useSignal("");
  const thought = useSignal("");
  const content = picture.value ? [{ type: "text", text: text.value }, { type: "image_url", image_url: { url: picture.value } }] : text.value;
  const messages = [...(system.value ? [{ role: "system", content: system.value }] : []), { role: "user", content }];
  const request = { model: model.id, messages, stream: true, stream_options: { include_usage: true }, ...(most.value ? { max_tokens: most.value } : {}), ...(heat.value === null ? {} : { temperature: heat.value }) };
  const send = () =>
    trial.run(async (signal) => {
      reply.value = thought.value = "";
      /** @type {any} */
      let last = {};
      const began = performance.now();
      let first = 0;
      await follow("v1/chat/completions", { resume: false, signal, init: { method: "POST", body: JSON.stringify(request), headers: { "content-type": "application/json" } } }, ({ data, type }) => {
        if (type === "error" || data?.error) throw new Error(data.error?.message ?? JSON.stringify(data));
        if (!data) return;
        const delta = data.choices?.[0]?.delta ?? {};
        if ((delta.content || delta.reasoning_content) && !first) first = performance.now();
        reply.value += delta.content ?? "";
        thought.value += delta.reasoning_content ?? "";
        last = { ...last, ...data, choices: data.choices?.length ? data.choices : last.choices };
      });
      const seconds = (performance.now() - first) / 1000;
      const { choices, ...rest } = last;
      return { ...rest, text: reply.value, finish_reason: choices?.[0]?.finish_reason, ttft: first ? (first - began) / 1000 : null, rate: last.usage && seconds > 0 ? last.usage.completion_tokens / seconds : null };
    });
  const { answer } = trial;
  const notes = answer.value ? [answer.value.ttft === null ? null : `TTFT ${number(answer.value.ttft * 1000)} ms`, answer.value.usage ? tn("models.tokens", answer.value.usage.completion_tokens) : null, answer.value.rate ? t("models.rate", { n: number(answer.value.rate, 1) }) : null] : [];
  const result = reply.value || thought.value ? html`${thought.value ? html`<details class="models-thought" open><summary>${t("models.thinking")}</summary><p>${thought.value}</p></details>` : null}<p class="models-said">${reply.value}</p>` : null;
  const fields = html`${TextArea({ name: "try-text", label: t("models.try_question"), value: text.value, rows: 4, onInput: (value) => (text.value = value) })}
    ${model.is_multimodal ? Picture({ picture }) : null}
    <details class="schema-more"><summary>${t("models.parameters")}</summary><div class="stack">
      ${TextArea({ name: "try-system", label: t("models.try_system"), value: system.value, rows: 2, onInput: (value) => (system.value = value) })}
      <div class="form-grid">${NumberField({ name: "try-most", label: t("models.max_tokens"), value: most.value, min: 1, step: 1, onInput: (value) => (most.value = value) })}${NumberField({ name: "try-heat", label: t("models.temperature"), value: heat.value, min: 0, max: 2, placeholder: t("models.as_the_model"), onInput: (value) => (heat.value = value) })}</div>
    </div></details>`;
  const raw = answer.value ? { ...answer.value, ttft: undefined, rate: undefined } : undefined;
  return Trial({ trial, fields, send: () => void send(), result, request, raw, notes });
}

/** A picture for the question. @param {{ picture: import("@preact/signals").Signal<string> }} props */
function Picture({ picture }) {
  const read = (/** @type {any} */ event) => {
    const file = event.target.files?.[0];
    if (!file) return;
    if (file.size > MOST_BYTES) return complain(new Error(t("models.too_large")));
    const reader = new FileReader();
    reader.onload = () => (picture.value = String(reader.result));
    reader.readAsDataURL(file);
  };
  if (!picture.value) return html`<label class="field"><span>${t("models.try_picture")}</span><input type="file" accept="image/*" class="input" onChange=${read} /></label>`;
  return html`<div class="row"><img class="models-picture" src=${picture.value} alt=${t("models.try_picture")} />${IconButton({ icon: "x", title: t("models.remove_picture"), onClick: () => (picture.value = "") })}</div>`;
}

