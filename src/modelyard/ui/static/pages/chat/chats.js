// The list of chats as the server has it: pages, search, folders, and what is done with several.
import { del, get, path, patch, post } from "../../lib/api.js";
import { connection } from "../../lib/events.js";
import { batch, effect, signal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { confirm } from "../../parts/dialog.js";
import { attempt, complain, say } from "../../parts/toast.js";

/** @typedef {import("../../../types/api").ChatInfo} ChatInfo */
/** @typedef {import("../../../types/api").ChatFolderInfo} ChatFolderInfo */

const PORTION = 100;

/** @type {import("@preact/signals").Signal<ChatInfo[]>} */
export const chats = signal([]);
/** @type {import("@preact/signals").Signal<ChatFolderInfo[]>} */
export const folders = signal([]);
/** What is searched for, and the folder that is shown: "" for all. */
export const query = signal("");
export const folder = signal("");
export const loaded = signal(false);
/** @type {import("@preact/signals").Signal<any>} */
export const failure = signal(null);
/** @type {import("@preact/signals").Signal<string | null>} */
export const cursor = signal(null);
/** Chats that are chosen; null while none can be. @type {import("@preact/signals").Signal<Set<string> | null>} */
export const chosen = signal(null);
let request = new AbortController();
/** Whether a page of the list is on its way, which may be older than what is changed now. */
let loading = false;

/** Load the first page. */
export async function loadChats() {
  request.abort();
  const own = (request = new AbortController());
  loading = true;
  try {
    const [page, found] = await Promise.all([get("v1/chats", filters(null), own.signal), get("v1/chat_folders", undefined, own.signal)]);
    batch(() => {
      chats.value = page.data;
      cursor.value = page.next_cursor;
      folders.value = found.data;
      failure.value = null;
      loaded.value = true;
    });
  } catch (error) {
    if (!own.signal.aborted) failure.value = error;
  }
  if (own === request) loading = false;
}

/** Load the next page. */
export async function loadMore() {
  const from = cursor.value;
  if (!from) return;
  cursor.value = null;
  const page = await attempt(get("v1/chats", filters(from)));
  if (!page) return;
  const there = new Set(chats.value.map((each) => each.id));
  batch(() => {
    chats.value = [...chats.value, ...page.data.filter((/** @type {ChatInfo} */ each) => !there.has(each.id))];
    cursor.value = page.next_cursor;
  });
}

/** @param {string | null} from */
function filters(from) {
  return { q: query.value.trim(), folder: folder.value, own: true, limit: PORTION, cursor: from };
}

/** Put a chat that was made or changed into the list. @param {ChatInfo} chat */
export function putChat(chat) {
  const others = chats.value.filter((each) => each.id !== chat.id);
  chats.value = [chat, ...others].sort((a, b) => b.updated_at - a.updated_at);
  if (loading) void loadChats();
}

/** @param {ChatInfo} chat @param {Partial<ChatInfo>} changes */
export async function changeChat(chat, changes) {
  const changed = await attempt(patch(path`v1/chats/${chat.id}`, changes));
  if (changed) putChat(changed);
  return changed;
}

/** @param {ChatInfo} chat */
export async function renameChat(chat) {
  const title = await confirm({ title: t("chat.rename"), action: t("common.save"), input: { label: t("chat.name"), value: chat.title } });
  if (title) await changeChat(chat, { title });
}

/** Delete chats; what was deleted can be brought back for some seconds, from an export of before. @param {string[]} ids @returns {Promise<boolean>} */
export async function deleteChats(ids) {
  const sure = ids.length === 1 || (await confirm({ title: tn("chat.delete_chats", ids.length), action: t("common.delete"), danger: true }));
  if (!sure) return false;
  try {
    const kept = await post("v1/chats/export", { ids, format: "json" });
    await post("v1/chats/delete", { ids });
    const gone = new Set(ids);
    chats.value = chats.value.filter((each) => !gone.has(each.id));
    chosen.value = null;
    say(tn("chat.chats_deleted", ids.length), { label: t("chat.undo"), run: () => void restore(kept) });
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

/** @param {any} kept */
async function restore(kept) {
  await attempt(post("v1/chats/import", { chats: kept.chats, folders: kept.folders }));
  await loadChats();
}

/** Make a folder, and put chats into it. @param {string[]} ids */
export async function newFolder(ids) {
  const name = await confirm({ title: t("chat.new_folder"), action: t("common.save"), input: { label: t("chat.name"), value: "" } });
  if (!name) return;
  const made = await attempt(post("v1/chat_folders", { name }));
  if (!made) return;
  await moveTo(ids, made.id);
  await loadChats();
}

/** @param {string[]} ids @param {string | null} target */
export async function moveTo(ids, target) {
  for (const id of ids) await attempt(patch(path`v1/chats/${id}`, { folder: target }));
  await loadChats();
}

/** @param {ChatFolderInfo} shown */
export async function renameFolder(shown) {
  const name = await confirm({ title: t("chat.rename_folder"), action: t("common.save"), input: { label: t("chat.name"), value: shown.name } });
  if (name && (await attempt(patch(path`v1/chat_folders/${shown.id}`, { name })))) await loadChats();
}

/** @param {ChatFolderInfo} shown */
export async function deleteFolder(shown) {
  if (!(await confirm({ title: t("chat.delete_folder", { name: shown.name }), text: t("chat.delete_folder_text"), action: t("common.delete"), danger: true }))) return;
  if ((await attempt(del(path`v1/chat_folders/${shown.id}`))) === undefined) return;
  folder.value = "";
  await loadChats();
}

/** The group of the list that a chat stands in. @param {ChatInfo} chat @param {number} now milliseconds @returns {string} a text's key, or a month as 2026-11 */
export function groupOf(chat, now) {
  if (chat.pinned) return "chat.pinned";
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const days = Math.ceil((midnight - chat.updated_at * 1000) / 86_400_000);
  if (days <= 0) return "chat.today";
  if (days === 1) return "chat.yesterday";
  if (days <= 7) return "chat.this_week";
  if (days <= 30) return "chat.this_month";
  const date = new Date(chat.updated_at * 1000);
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}`;
}

effect(() => {
  if (connection.value.state === "open" && failure.peek()?.status === 0) void loadChats(); // the server has come back
});
