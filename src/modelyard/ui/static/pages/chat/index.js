// The page of chats: the list at the left, the conversation, and a drawer at the right.
import { html, signal, useEffect } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { go, href, route } from "../../lib/router.js";
import { IconButton } from "../../parts/button.js";
import { drawer, toggleDrawer } from "./drawer_state.js";
import { ChatList, listShown } from "./list.js";
import { chats, renameChat } from "./chats.js";
import { ConversationView } from "./view.js";
import { openConversation } from "./opening.js";

/** The module of the drawer, once it is needed. @type {import("@preact/signals").Signal<any>} */
const drawerModule = signal(null);

export default function Page() {
  const { parts, query } = route.value;
  const id = parts[0] ?? null;
  const only = query.only !== undefined;
  const { conversation, setup } = openConversation(id, query);
  useEffect(() => {
    if (drawer.value && !drawerModule.value) void import("./drawer.js").then((found) => (drawerModule.value = found));
  }, [drawer.value]);
  useKeys([{ keys: "n", label: t("chat.new"), run: () => go("chat", only ? { only: "true" } : {}) }], [only]);
  const listed = chats.value.find((each) => each.id === id);
  const title = (listed ?? conversation.chat.value)?.title || (id ? t("common.untitled") : t("chat.new"));
  const deleted = (/** @type {string[]} */ ids) => {
    if (id && ids.includes(id)) go("chat", {}, { replace: true });
  };
  const open = (/** @type {import("./drawer_state.js").DrawerTab} */ tab, /** @type {string} */ icon) =>
    IconButton({ icon, size: "small", title: t(`chat.tab_${tab}`), pressed: drawer.value?.tab === tab, onClick: () => toggleDrawer(tab) });
  return html`<div class=${`chat-layout ${only ? "chat-only" : ""} ${drawer.value ? "chat-with-drawer" : ""}`}>
    ${only ? null : html`<${ChatList} current=${id} onDeleted=${deleted} />`}
    ${listShown.value && !only ? html`<div class="chat-list-shade" onClick=${() => (listShown.value = false)}></div>` : null}
    <section class="chat-main" aria-label=${title}>
      <header class="chat-head">
        ${only ? null : IconButton({ icon: "history", size: "small", title: t("chat.chats"), class: "chat-list-open", onClick: () => (listShown.value = true) })}
        <h1 class="cut" tabindex="-1" title=${title} onDblClick=${() => conversation.chat.value && void renameChat(conversation.chat.value)}>${title}</h1>
        ${only ? null : IconButton({ icon: "columns", size: "small", title: t("chat.compare"), href: href("compare") })}
        ${open("sources", "book")} ${open("parameters", "sliders")} ${open("request", "terminal")}
      </header>
      <${ConversationView} key=${conversation} conversation=${conversation} setup=${setup} />
    </section>
    ${drawer.value && drawerModule.value ? html`<${drawerModule.value.Drawer} conversation=${conversation} setup=${setup} />` : null}
  </div>`;
}
