// What an answer does before and between its texts: thinking, and calls of tools.
import { duration } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { Copy } from "../../parts/copy.js";
import { Icon } from "../../parts/icon.js";
import { thinkingSeconds } from "./figures.js";

/** @typedef {import("../../../types/api").MessageInfo} MessageInfo */

/** The model's thinking, closed unless it is what the model does now. @param {{ message: MessageInfo }} props */
export function Thinking({ message }) {
  if (!message.reasoning) return null;
  const now = message.state === "running" && message.content.length === 0;
  const seconds = thinkingSeconds(message);
  const title = now ? t("chat.thinks") : seconds === null ? t("chat.thought") : t("chat.thought_seconds", { time: duration(seconds) });
  return html`<details class="chat-thinking" open=${now}>
    <summary>${Icon({ name: now ? "loader" : "sparkle" })}<span>${title}</span></summary>
    <div class="chat-thinking-text" dir="auto">${message.reasoning}</div>
  </details>`;
}

/** One call of a tool. @param {{ call: any, running: boolean }} props */
export function ToolStep({ call, running }) {
  const ended = call.output !== undefined;
  const waits = running && !ended;
  const icon = waits ? "loader" : ended && !call.ok ? "alert" : "tool";
  return html`<details class=${`chat-step ${ended && !call.ok ? "chat-step-failed" : ""}`} key=${call.id}>
    <summary>
      ${Icon({ name: icon })}<span class="mono">${call.name}</span>
      <span class="muted cut grow">${short(call.arguments)}</span>
      ${ended ? html`<span class="muted nowrap">${call.ok ? "" : `${t("chat.tool_failed")} · `}${duration(call.ms / 1000)}</span>` : null}
    </summary>
    <div class="chat-step-body">
      ${Block(t("chat.arguments"), pretty(call.arguments))}
      ${call.error ? Block(t("chat.tool_error"), call.error) : ended ? Block(t("chat.output"), call.output) : null}
    </div>
  </details>`;
}

/** @param {string} title @param {string} text */
function Block(title, text) {
  return html`<div class="chat-step-block"><div class="spread"><h3>${title}</h3>${Copy({ text })}</div><pre tabindex="0">${text}</pre></div>`;
}

/** @param {any} value */
function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** @param {any} value */
function short(value) {
  const text = typeof value === "string" ? value : Object.entries(value ?? {}).map(([name, each]) => `${name}: ${typeof each === "string" ? each : JSON.stringify(each)}`).join(", ");
  return text.slice(0, 200);
}
