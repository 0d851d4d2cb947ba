// The content of a message: its text with citations, pictures, recordings, files.
import { html, useMemo } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { linkAddress, pictureAddress } from "../../lib/links.js";
import { Icon } from "../../parts/icon.js";
import { Markdown } from "../../parts/markdown.js";
import { ToolStep } from "./steps.js";

/** @typedef {import("../../../types/api").MessageInfo} MessageInfo */

/** The parts of a question. @param {{ message: MessageInfo }} props */
export function QuestionContent({ message }) {
  return message.content.map((part, index) => (part.type === "text" ? html`<p class="chat-plain" dir="auto" key=${index}>${part.text}</p>` : Part({ part, key: index })));
}

/** @param {{ part: any, key: number }} props */
function Part({ part, key }) {
  if (part.type === "image_url") return Picture({ address: part.image_url.url, key });
  if (part.type === "input_audio") return Recording({ sound: part.input_audio, key });
  if (part.type === "file") return html`<span class="chat-file" key=${key}>${Icon({ name: "file" })}<span class="cut">${part.file.filename ?? part.file.file_id}</span></span>`;
  return null;
}

/** @param {{ address: string, key: number }} props */
function Picture({ address, key }) {
  const own = pictureAddress(address);
  if (own) return html`<img class="chat-picture" key=${key} src=${own} alt=${t("chat.picture")} />`;
  const link = linkAddress(address);
  return link ? html`<a key=${key} href=${link} target="_blank" rel="noopener noreferrer">${address}</a>` : html`<span key=${key}>${address}</span>`;
}

/** @param {{ sound: { data: string, format: string }, key: number }} props */
function Recording({ sound, key }) {
  const format = /^[a-z0-9]{1,8}$/.test(sound.format) ? sound.format : "wav";
  return html`<audio class="chat-audio" key=${key} controls src=${`data:audio/${format === "mp3" ? "mpeg" : format};base64,${sound.data}`} aria-label=${t("chat.recording")}></audio>`;
}

/**
 * An answer: texts before calls of tools, the calls, and the text after them.
 * @param {{ message: MessageInfo, onSource: (number: number) => void }} props
 */
export function AnswerContent({ message, onSource }) {
  const sources = sourcesOf(message);
  const cite = useMemo(() => citationButton(sources, onSource), [sources.map((each) => each.number).join(), message.id]);
  const running = message.state === "running";
  const last = message.content.length - 1;
  const text = (/** @type {any} */ part, /** @type {number} */ index) =>
    part.type === "text"
      ? html`<${Markdown} key=${`t${index}`} text=${part.text} whole=${!running || index < last} cite=${cite} />`
      : Part({ part, key: index });
  if (message.tool_calls.length === 0) return message.content.map(text);
  const before = last > 0 || (running && message.tool_calls.some((call) => call.output === undefined)) ? message.content.slice(0, last > 0 ? last : last + 1) : [];
  const after = message.content.slice(before.length);
  return [
    ...before.map(text),
    html`<div class="chat-steps" key="steps">${message.tool_calls.map((call) => ToolStep({ call, running }))}</div>`,
    ...after.map((part, index) => text(part, before.length + index)),
  ];
}

/** The sources that an answer was given, or else those that it cites. @param {MessageInfo} message @returns {any[]} */
export function sourcesOf(message) {
  const all = /** @type {any[] | undefined} */ (message.metadata.sources);
  return all?.length ? all : message.citations;
}

/** @param {any[]} sources @param {(number: number) => void} onSource */
function citationButton(sources, onSource) {
  const there = new Map(sources.map((each) => [each.number, each]));
  return (/** @type {number} */ number) => {
    const source = there.get(number);
    if (!source) return null;
    const hint = `${source.title}\n${String(source.text).slice(0, 300)}`;
    return html`<button type="button" class="chat-citation" title=${hint} aria-label=${t("chat.source_number", { n: number })} onClick=${() => onSource(number)}>${number}</button>`;
  };
}
