// The conversation that is open: kept while the address says so, so that an answer goes on growing when the page is drawn anew.
import { chatModels, known } from "../../lib/events.js";
import { Conversation } from "./conversation.js";
import { SettingsWriter } from "./saving.js";
import { launch } from "./pickers.js";
import { Setup } from "./setup.js";

/** @typedef {{ conversation: Conversation, setup: Setup, wishes: string, writer: SettingsWriter }} Opened */

/** @type {Opened | null} */
let opened = null;

/**
 * The conversation of an address; a new one where it names none.
 * @param {string | null} id @param {{ model?: string, bases?: string }} query what a new chat is with: a model, and bases with commas between @returns {Opened}
 */
export function openConversation(id, { model = "", bases = "" }) {
  const wishes = `${model}?${bases}`;
  if (opened && opened.conversation.id.peek() === id && (id !== null || opened.wishes === wishes)) return opened;
  void opened?.writer.flush();
  opened?.conversation.close();
  const conversation = new Conversation(id);
  const writer = new SettingsWriter(conversation);
  const setup = new Setup((settings) => writer.add(settings));
  if (model) setup.model.value = model;
  if (bases) [setup.bases.value, setup.mode.value] = [bases.split(","), "knowledge"];
  opened = { conversation, setup, wishes, writer };
  if (id !== null) void conversation.load().then(() => takeSettings(conversation, setup));
  return opened;
}

/** A conversation whose chat was just made stays the one that is open. @param {string | null} id */
export function nowAt(id) {
  if (opened) opened.conversation.id.value = id;
}

/** @param {Conversation} conversation @param {Setup} setup */
function takeSettings(conversation, setup) {
  const chat = conversation.chat.value;
  if (!chat) return;
  const last = conversation.entries.value.findLast(({ message }) => message.value.role === "assistant");
  const settings = { ...chat.settings, model: chat.settings.model ?? (last?.message.value.model || null) };
  setup.take(settings, /** @type {any} */ (last?.message.value.metadata)?.mode);
}

/** Launch the small model that comes with the server. */
export const launchDemo = () => launch("modelyard-demo");

/** Whether it is known that no chat model is there. */
export const nothingRuns = () => known.value && chatModels.value.length === 0;

addEventListener("pagehide", () => opened?.writer.leave());

// Another tab may have gone on with the chat: when this one is looked at again, its end is loaded anew.
addEventListener("visibilitychange", () => {
  const conversation = opened?.conversation;
  if (!document.hidden && conversation?.id.peek() && !conversation.running.peek() && conversation.chat.peek()) void conversation.renew();
});
