// Lets a message grow with the events of its answer.
import { path } from "../../lib/api.js";
import { t } from "../../lib/i18n.js";
import { follow } from "../../lib/stream.js";
import { AnswerFold, stoppedText, textOf } from "./fold.js";
import { Speech } from "./speaking.js";

/** @typedef {import("../../../types/api").MessageInfo} MessageInfo */

/**
 * Let a message grow with the events of its answer, drawn once a frame.
 * @param {string} chat @param {import("@preact/signals").Signal<MessageInfo>} message @param {AbortSignal} leaving
 * @param {import("@preact/signals").Signal<string>} [spoken] what screen readers are told
 */
export async function followAnswer(chat, message, leaving, spoken) {
  const speech = new Speech();
  const fold = new AnswerFold(message.value);
  let pending = false;
  const draw = () => {
    pending = false;
    if (leaving.aborted) return;
    message.value = fold.now;
    if (spoken) spoken.value = speech.next(textOf(message.value)) || spoken.value;
  };
  const schedule = () => {
    if (pending) return;
    pending = true;
    if (document.hidden) setTimeout(draw, 250);
    else requestAnimationFrame(draw);
  };
  await follow(path`v1/chats/${chat}/messages/${message.value.id}/events`, { signal: leaving }, ({ data }) => {
    if (!data?.number) return false;
    fold.add(data);
    schedule();
    return fold.ended;
  });
  if (leaving.aborted) return;
  message.value = fold.now;
  if (!spoken) return;
  const ending = message.value.state === "stopped" ? t(stoppedText(message.value)) : "";
  spoken.value = [speech.rest(textOf(message.value)), ending].filter(Boolean).join(" ") || spoken.value;
}
