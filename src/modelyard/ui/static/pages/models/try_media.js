// Trials of models that make pictures and speech, or write down what was said.
import { post, request as send, upload, url } from "../../lib/api.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { SelectField, TextArea, TextField } from "../../parts/field.js";
import { Trial, useTrial } from "./try.js";

const SIZES = ["512*512", "768*768", "1024*1024"];

/** @param {{ model: any }} props */
export function TryImage({ model }) {
  const trial = useTrial();
  const text = useSignal(t("models.sample_picture"));
  const size = useSignal(SIZES[0]);
  const request = { model: model.id, prompt: text.value, n: 1, size: size.value, response_format: "b64_json" };
  const pictures = trial.answer.value?.data ?? [];
  return Trial({
    trial,
    request,
    send: () => void trial.run((signal) => post("v1/images/generations", request, signal)),
    fields: html`${TextArea({ name: "try-prompt", label: t("models.try_prompt"), value: text.value, rows: 4, onInput: (value) => (text.value = value) })}${SelectField({ name: "try-size", label: t("models.size"), value: size.value, choices: SIZES, onInput: (value) => (size.value = value) })}`,
    result: pictures.length ? pictures.map((/** @type {any} */ each) => (each.b64_json ? html`<img class="models-picture-large" src=${`data:image/png;base64,${each.b64_json}`} alt=${text.value} />` : null)) : null,
  });
}

/** @param {{ model: any }} props */
export function TrySpeech({ model }) {
  const trial = useTrial();
  const text = useSignal(t("models.sample_speech"));
  const voice = useSignal("");
  const request = { model: model.id, input: text.value, voice: voice.value };
  const address = trial.answer.value?.address;
  useEffect(() => () => void (address && URL.revokeObjectURL(address)), [address]);
  const work = async (/** @type {AbortSignal} */ signal) => {
    const answer = await send(url("v1/audio/speech"), { method: "POST", body: JSON.stringify(request), headers: { "content-type": "application/json" }, signal });
    const sound = await answer.blob();
    return { address: URL.createObjectURL(sound), type: sound.type, bytes: sound.size };
  };
  return Trial({
    trial,
    request,
    send: () => void trial.run(work),
    fields: html`${TextArea({ name: "try-speech", label: t("models.try_to_say"), value: text.value, rows: 3, onInput: (value) => (text.value = value) })}${TextField({ name: "try-voice", label: t("models.voice"), hint: t("models.as_the_model"), value: voice.value, onInput: (value) => (voice.value = value) })}`,
    result: address ? html`<audio controls src=${address} aria-label=${t("models.try_speech_result")}></audio>` : null,
  });
}

/** @param {{ model: any }} props */
export function TryTranscription({ model }) {
  const trial = useTrial();
  const file = useSignal(/** @type {File | null} */ (null));
  const request = { model: model.id, file: file.value?.name ?? null };
  const work = (/** @type {AbortSignal} */ signal) => {
    const form = new FormData();
    form.set("model", model.id);
    form.set("file", /** @type {File} */ (file.value));
    return upload("v1/audio/transcriptions", form, { signal });
  };
  return Trial({
    trial,
    request,
    send: () => void (file.value && trial.run(work)),
    fields: html`<label class="field"><span>${t("models.try_sound")}</span><input type="file" accept="audio/*" class="input" required onChange=${(/** @type {any} */ event) => (file.value = event.target.files?.[0] ?? null)} /></label>`,
    result: trial.answer.value ? html`<p class="models-said">${trial.answer.value.text}</p>` : null,
  });
}
