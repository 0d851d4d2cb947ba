// Export of chats as a file, and import of exports of this server, ChatGPT and Open WebUI.
import { post } from "../../lib/api.js";
import { t, tn } from "../../lib/i18n.js";
import { saveText } from "../../parts/save.js";
import { complain, say } from "../../parts/toast.js";
import { loadChats } from "./chats.js";

const PORTION_BYTES = 4_000_000;

/** @param {string[] | null} ids null for all @param {"json" | "markdown"} format */
export async function exportChats(ids, format) {
  try {
    const found = await post("v1/chats/export", { format, ...(ids ? { ids } : {}) });
    const text = typeof found === "string" ? found : JSON.stringify(found);
    const day = new Date().toISOString().slice(0, 10);
    saveText(`modelyard-chats-${day}.${format === "json" ? "json" : "md"}`, text, format === "json" ? "application/json" : "text/markdown");
  } catch (error) {
    complain(error);
  }
}

/** Let the person choose a file, and import it. */
export function chooseImport() {
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.accept = ".json,application/json";
  chooser.onchange = () => {
    const [file] = chooser.files ?? [];
    if (file) void importFile(file);
  };
  chooser.click();
}

/** @param {File} file */
export async function importFile(file) {
  try {
    const read = JSON.parse(await file.text());
    const list = Array.isArray(read) ? read : read.chats;
    if (!Array.isArray(list)) throw new SyntaxError();
    const added = { conversations: 0, messages: 0 };
    for (const portion of portions(list)) {
      const done = await post("v1/chats/import", { chats: portion, folders: Array.isArray(read) ? [] : (read.folders ?? []) });
      added.conversations += done.conversations;
      added.messages += done.messages;
    }
    say(tn("chat.imported", added.conversations, { messages: added.messages }));
    await loadChats();
  } catch (error) {
    complain(error instanceof SyntaxError ? new Error(t("chat.not_an_export")) : error);
  }
}

/** Chats in portions that one request may have. @param {any[]} list */
function* portions(list) {
  let [portion, size] = [/** @type {any[]} */ ([]), 0];
  for (const each of list) {
    const length = JSON.stringify(each).length;
    if (portion.length > 0 && size + length > PORTION_BYTES) {
      yield portion;
      [portion, size] = [[], 0];
    }
    portion.push(each);
    size += length;
  }
  if (portion.length > 0) yield portion;
}
