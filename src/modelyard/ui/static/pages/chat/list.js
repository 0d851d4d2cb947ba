// The chats at the left: search, folders, days, and a menu for each.
import { ago } from "../../lib/format.js";
import { html, signal, useEffect, useRef } from "../../lib/html.js";
import { language, t, tn } from "../../lib/i18n.js";
import { href } from "../../lib/router.js";
import { Button, IconButton } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Empty, Failure, Loading } from "../../parts/states.js";
import { changeChat, chats, chosen, cursor, deleteChats, deleteFolder, failure, folder, folders, groupOf, loadChats, loaded, loadMore, moveTo, newFolder, query, renameChat, renameFolder } from "./chats.js";

/** @typedef {import("../../../types/api").ChatInfo} ChatInfo */

/** Whether the list is shown where there is no room for it beside the chat. */
export const listShown = signal(false);

/** @param {{ current: string | null, onDeleted: (ids: string[]) => void }} props */
export function ChatList({ current, onDeleted }) {
  const timer = useRef(0);
  useEffect(() => void loadChats(), []);
  const search = (/** @type {string} */ text) => {
    query.value = text;
    clearTimeout(timer.current);
    timer.current = window.setTimeout(loadChats, 200);
  };
  const remove = async (/** @type {string[]} */ ids) => (await deleteChats(ids)) && onDeleted(ids);
  return html`<nav class=${`chat-list ${listShown.value ? "chat-list-shown" : ""}`} aria-label=${t("chat.chats")}>
    <div class="chat-list-head">
      ${Button({ icon: "plus", label: t("chat.new"), kind: "plain", size: "small", href: href("chat"), title: t("chat.new_key") })}
      <span class="grow"></span>
      <${ListMenu} />
      ${IconButton({ icon: "x", size: "small", title: t("common.close"), class: "chat-list-close", onClick: () => (listShown.value = false) })}
    </div>
    <div class="chat-list-search">${Icon({ name: "search", size: 14 })}
      <input class="input" type="search" data-filter aria-label=${t("chat.search")} placeholder=${t("chat.search")} value=${query.value} onInput=${(/** @type {any} */ event) => search(event.target.value)} />
    </div>
    ${Folders()}
    <div class="chat-list-scroll">${Groups({ current, remove })}</div>
    ${chosen.value ? Chosen({ remove }) : null}
  </nav>`;
}

function Folders() {
  if (folders.value.length === 0) return null;
  const choose = (/** @type {string} */ value) => {
    folder.value = value;
    void loadChats();
  };
  const shown = folders.value.find((each) => each.id === folder.value);
  return html`<div class="chat-folders row">
    ${Icon({ name: "folder", size: 14 })}
    <select class="input grow" aria-label=${t("chat.folder")} value=${folder.value} onChange=${(/** @type {any} */ event) => choose(event.target.value)}>
      <option value="">${t("chat.all_chats")}</option>
      ${folders.value.map((each) => html`<option key=${each.id} value=${each.id} selected=${each.id === folder.value}>${each.name} (${each.chats})</option>`)}
      <option value="none" selected=${folder.value === "none"}>${t("chat.no_folder")}</option>
    </select>
    ${shown
      ? html`<${Menu} items=${[{ label: t("chat.rename_folder"), icon: "edit", onClick: () => void renameFolder(shown) }, { label: t("common.delete"), icon: "trash", danger: true, onClick: () => void deleteFolder(shown) }]} button=${{ icon: "more", size: "small", title: t("chat.folder") }} />`
      : null}
  </div>`;
}

/** @param {{ current: string | null, remove: (ids: string[]) => any }} props */
function Groups({ current, remove }) {
  if (failure.value) return Failure({ error: failure.value, retry: loadChats, small: true });
  if (!loaded.value) return Loading({ lines: 8 });
  if (chats.value.length === 0) return Empty({ icon: "message", title: query.value ? t("common.nothing_found") : t("chat.no_chats"), text: query.value ? undefined : t("chat.no_chats_text") });
  const now = Date.now();
  /** @type {Map<string, ChatInfo[]>} */
  const groups = new Map([["chat.pinned", []]]);
  for (const each of chats.value) {
    const name = groupOf(each, now);
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  return html`${[...groups].filter(([, members]) => members.length > 0).map(([name, members]) => html`<section key=${name}>
      <h2 class="chat-list-group">${groupName(name)}</h2>
      <ul>${members.map((chat) => html`<${Row} key=${chat.id} chat=${chat} current=${chat.id === current} remove=${remove} />`)}</ul>
    </section>`)}
    ${cursor.value ? html`<div class="chat-list-more">${Button({ label: t("chat.more"), kind: "quiet", size: "small", onClick: () => void loadMore() })}</div>` : null}`;
}

/** @param {string} name */
function groupName(name) {
  if (name.startsWith("chat.")) return t(name);
  return new Intl.DateTimeFormat(language.value, { year: "numeric", month: "long" }).format(new Date(`${name}-15T00:00:00`));
}

/** @param {{ chat: ChatInfo, current: boolean, remove: (ids: string[]) => any }} props */
function Row({ chat, current, remove }) {
  const title = chat.title || t("common.untitled");
  const selection = chosen.value;
  const choose = (/** @type {boolean} */ on) => {
    const next = new Set(selection);
    if (on) next.add(chat.id);
    else next.delete(chat.id);
    chosen.value = next;
  };
  return html`<li class=${`chat-row ${current ? "chat-row-current" : ""}`}>
    ${selection ? html`<input type="checkbox" aria-label=${t("common.select", { name: title })} checked=${selection.has(chat.id)} onChange=${(/** @type {any} */ event) => choose(event.target.checked)} />` : null}
    <a class="chat-row-link" href=${href(["chat", chat.id])} aria-current=${current ? "page" : undefined} title=${`${title} · ${ago(chat.updated_at)}`} onClick=${() => (listShown.value = false)}>
      <span class="cut">${chat.pinned ? html`${Icon({ name: "pin", size: 12 })} ` : null}${title}</span>
      ${chat.match ? html`<span class="cut muted chat-row-match">${chat.match.text}</span>` : null}
    </a>
    ${selection ? null : html`<${RowMenu} chat=${chat} title=${title} remove=${remove} />`}
  </li>`;
}

/** @param {{ chat: ChatInfo, title: string, remove: (ids: string[]) => any }} props */
function RowMenu({ chat, title, remove }) {
  /** @type {import("../../parts/menu.js").MenuItem[]} */
  const items = [
    { label: t("chat.rename"), icon: "edit", onClick: () => void renameChat(chat) },
    { label: chat.pinned ? t("chat.unpin") : t("chat.pin"), icon: "pin", onClick: () => void changeChat(chat, { pinned: !chat.pinned }) },
    { label: t("chat.export_markdown"), icon: "download", onClick: () => void exporting([chat.id], "markdown") },
    { label: t("chat.export_json"), icon: "download", onClick: () => void exporting([chat.id], "json") },
    "line",
    ...folders.value.filter((each) => each.id !== chat.folder).map((each) => ({ label: t("chat.move_to", { name: each.name }), icon: "folder", onClick: () => void moveTo([chat.id], each.id) })),
    ...(chat.folder ? [{ label: t("chat.out_of_folder"), icon: "folder", onClick: () => void moveTo([chat.id], null) }] : []),
    { label: t("chat.new_folder"), icon: "folder", onClick: () => void newFolder([chat.id]) },
    "line",
    { label: t("common.delete"), icon: "trash", danger: true, onClick: () => void remove([chat.id]) },
  ];
  return html`<${Menu} items=${items} button=${{ icon: "more", size: "small", title: t("chat.menu_of", { name: title }), class: "chat-row-menu" }} />`;
}

function ListMenu() {
  /** @type {import("../../parts/menu.js").MenuItem[]} */
  const items = [
    { label: t("chat.select"), icon: "check", onClick: () => (chosen.value = chosen.value ? null : new Set()) },
    { label: t("chat.new_folder"), icon: "folder", onClick: () => void newFolder([]) },
    "line",
    { label: t("chat.import"), icon: "upload", onClick: () => void import("./transfer.js").then((each) => each.chooseImport()) },
    { label: t("chat.export_all"), icon: "download", onClick: () => void exporting(null, "json") },
  ];
  return html`<${Menu} items=${items} button=${{ icon: "more", size: "small", title: t("chat.list_menu") }} />`;
}

/** @param {string[] | null} ids @param {"json" | "markdown"} format */
async function exporting(ids, format) {
  const { exportChats } = await import("./transfer.js");
  await exportChats(ids, format);
}

/** @param {{ remove: (ids: string[]) => any }} props */
function Chosen({ remove }) {
  const ids = [...(chosen.value ?? [])];
  return html`<div class="chat-chosen row">
    <span class="grow">${tn("chat.chosen", ids.length)}</span>
    ${IconButton({ icon: "download", size: "small", title: t("chat.export_json"), disabled: ids.length === 0, onClick: () => void exporting(ids, "json") })}
    ${IconButton({ icon: "trash", size: "small", title: t("common.delete"), disabled: ids.length === 0, onClick: () => void remove(ids) })}
    ${IconButton({ icon: "x", size: "small", title: t("common.cancel"), onClick: () => (chosen.value = null) })}
  </div>`;
}
