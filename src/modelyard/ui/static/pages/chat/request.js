// The next request as a program sends it, for curl and for Python.
import { ROOT } from "../../lib/api.js";
import { html, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { CodeBlock } from "../../parts/code.js";
import { Segments } from "../../parts/tabs.js";
import { textOf } from "./fold.js";

/** The body of the request to the OpenAI door, or null where only answers of chats can do it. @param {import("./conversation.js").Conversation} conversation @param {import("./setup.js").Setup} setup */
export function requestBody(conversation, setup) {
  const mode = setup.mode.value;
  const messages = conversation.entries.value.map(({ message }) => ({ role: message.value.role, content: textOf(message.value) })).filter((each) => each.content);
  if (messages.at(-1)?.role === "assistant") messages.pop();
  if (messages.length === 0) messages.push({ role: "user", content: t("chat.example_question") });
  if (setup.system.value) messages.unshift({ role: "system", content: setup.system.value });
  const body = { model: setup.present.value?.id ?? setup.model.value ?? "", messages, ...setup.parameters.value };
  if (mode === "knowledge") return { ...body, knowledge: { bases: setup.bases.value, top_k: setup.sources.value } };
  return mode === "chat" ? body : null;
}

/** @param {import("./conversation.js").Conversation} conversation @param {import("./setup.js").Setup} setup */
function answerBody(conversation, setup) {
  const question = conversation.entries.value.findLast(({ message }) => message.value.role === "user");
  return { content: question ? textOf(question.message.value) : t("chat.example_question"), ...setup.answer() };
}

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** @param {any} body @param {string | null} chat */
export function asCurl(body, chat) {
  const target = new URL(chat === null ? "v1/chat/completions" : `v1/chats/${chat}/answers`, ROOT).href;
  return `curl ${quoted(target)} \\\n  -H 'Authorization: Bearer '"$MODELYARD_API_KEY" \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(body, null, 2))}\n`;
}

/** A value as Python writes it. @param {any} value @param {string} indent @returns {string} */
export function python(value, indent = "") {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  const inner = `${indent}    `;
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `[\n${value.map((each) => inner + python(each, inner)).join(",\n")},\n${indent}]`;
  const pairs = Object.entries(value);
  return pairs.length === 0 ? "{}" : `{\n${pairs.map(([name, each]) => `${inner}${JSON.stringify(name)}: ${python(each, inner)}`).join(",\n")},\n${indent}}`;
}

const OPENAI = new Set(["model", "messages", "temperature", "max_tokens", "top_p", "frequency_penalty", "presence_penalty", "seed", "stop"]);

/** @param {any} body @param {string | null} chat */
export function asPython(body, chat) {
  if (chat !== null) {
    const { content, ...others } = body;
    const fields = Object.entries(others).map(([name, value]) => `        ${name}=${python(value, "        ")},\n`).join("");
    return `from modelyard.client import Client\n\nwith Client(${JSON.stringify(ROOT.href.replace(/\/$/, ""))}) as client:\n    chat = client.chats.create()["id"]\n    begun = client.answers.begin(\n        chat,\n        ${python(content)},\n${fields}    )\n    for event in client.answers.follow(chat, begun["message"]["id"]):\n        print(event["type"], event["data"])\n`;
  }
  const known = Object.entries(body).filter(([name]) => OPENAI.has(name));
  const extra = Object.fromEntries(Object.entries(body).filter(([name]) => !OPENAI.has(name)));
  const lines = known.map(([name, value]) => `    ${name}=${python(value, "    ")},\n`).join("");
  const more = Object.keys(extra).length > 0 ? `    extra_body=${python(extra, "    ")},\n` : "";
  return `import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(base_url=${JSON.stringify(new URL("v1", ROOT).href)}, api_key=os.environ.get("MODELYARD_API_KEY", "none"))\nanswer = client.chat.completions.create(\n${lines}${more})\nprint(answer.choices[0].message.content)\n`;
}

/** @param {{ conversation: import("./conversation.js").Conversation, setup: import("./setup.js").Setup }} props */
export function RawRequest({ conversation, setup }) {
  const kind = useSignal("curl");
  const direct = requestBody(conversation, setup);
  const body = direct ?? answerBody(conversation, setup);
  const chat = direct ? null : (conversation.id.value ?? "CHAT");
  const choices = [{ value: "curl", label: "curl" }, { value: "python", label: "Python" }];
  return html`<div class="stack">
    <p class="muted">${t("chat.request_hint")}</p>
    ${Segments({ label: t("chat.tab_request"), choices, value: kind.value, onInput: (value) => (kind.value = value) })}
    <${CodeBlock} key=${kind.value} code=${kind.value === "curl" ? asCurl(body, chat) : asPython(body, chat)} language=${kind.value === "curl" ? "bash" : "python"} />
  </div>`;
}
