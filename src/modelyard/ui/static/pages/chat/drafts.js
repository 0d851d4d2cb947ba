// What was typed and not sent, by chat, for as long as the browser's tab is there.
const PREFIX = "modelyard.draft.";

/** @param {string | null} chat */
export function draftOf(chat) {
  try {
    return sessionStorage.getItem(PREFIX + (chat ?? "new")) ?? "";
  } catch {
    return "";
  }
}

/** @param {string | null} chat @param {string} text */
export function keepDraft(chat, text) {
  try {
    if (text) sessionStorage.setItem(PREFIX + (chat ?? "new"), text);
    else sessionStorage.removeItem(PREFIX + (chat ?? "new"));
  } catch {
    // A browser that stores nothing forgets drafts with the page.
  }
}
