// The figures of an answer: how fast it came, how long it is, and how full the model's context is.
import { models } from "../../lib/events.js";
import { compact, duration, number, percent } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";

/** @typedef {import("../../../types/api").MessageInfo} MessageInfo */

/** @typedef {Record<string, number | undefined>} Figure */

/** The figures that are known. @param {MessageInfo} message */
export function figuresOf({ usage: counts, timings: times, model }) {
  const [usage, timings] = [/** @type {Figure} */ (counts), /** @type {Figure} */ (times)];
  const tokens = usage.completion_tokens ?? null;
  const first = timings.first_token ?? null;
  const writing = first !== null && (timings.total ?? 0) > first ? ((timings.total ?? 0) - first) / 1000 : null;
  const context = models.value.get(model)?.context_length ?? null;
  const used = usage.total_tokens ?? null;
  return {
    tokens,
    firstToken: first === null ? null : first / 1000,
    speed: tokens !== null && tokens > 1 && writing !== null && writing > 0.01 ? (tokens - 1) / writing : null,
    seconds: timings.total === undefined ? null : timings.total / 1000,
    prompt: usage.prompt_tokens ?? null,
    used,
    context,
    share: context && used !== null ? used / context : null,
  };
}

/** Seconds of the model's thinking, or null. @param {MessageInfo} message */
export function thinkingSeconds({ reasoning, timings: times }) {
  const timings = /** @type {Figure} */ (times);
  if (!reasoning || timings.first_token === undefined) return null;
  const end = timings.first_text ?? timings.total;
  return end === undefined ? null : Math.max(0, end - timings.first_token) / 1000;
}

/** @param {{ message: MessageInfo }} props */
export function Figures({ message }) {
  if (message.state === "running") return null;
  const found = figuresOf(message);
  const items = [
    found.firstToken === null ? null : [t("chat.first_token"), duration(found.firstToken)],
    found.speed === null ? null : [t("chat.speed"), t("chat.tokens_per_second", { n: number(found.speed, found.speed < 10 ? 1 : 0) })],
    found.tokens === null ? null : [t("chat.tokens"), number(found.tokens)],
    found.share === null ? null : [t("chat.context"), `${compact(found.used)} / ${compact(found.context)} (${percent(found.share)})`],
  ];
  const shown = /** @type {[string, string][]} */ (items.filter(Boolean));
  if (shown.length === 0) return null;
  return html`<dl class="chat-figures">${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
