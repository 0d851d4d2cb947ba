// The drawer at the right: sources of an answer, parameters of the chat, and its requests as programs send them.
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { IconButton } from "../../parts/button.js";
import { Segments } from "../../parts/tabs.js";
import { drawer } from "./drawer_state.js";
import { Parameters } from "./parameters.js";
import { RawRequest } from "./request.js";
import { Sources } from "./sources.js";

/** @param {{ conversation: import("./conversation.js").Conversation, setup: import("./setup.js").Setup }} props */
export function Drawer({ conversation, setup }) {
  const shown = drawer.value;
  if (!shown) return null;
  const tabs = ["sources", "parameters", "request"].map((value) => ({ value, label: t(`chat.tab_${value}`) }));
  const close = () => (drawer.value = null);
  return html`<aside class="chat-drawer" aria-label=${t(`chat.tab_${shown.tab}`)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && close()}>
    <header class="chat-drawer-head">
      ${Segments({ label: t("chat.drawer"), choices: tabs, value: shown.tab, onInput: (tab) => (drawer.value = { ...shown, tab: /** @type {import("./drawer_state.js").DrawerTab} */ (tab) }) })}
      <span class="grow"></span>${IconButton({ icon: "x", size: "small", title: t("common.close"), onClick: close })}
    </header>
    <div class="chat-drawer-body">
      ${shown.tab === "sources" ? html`<${Sources} conversation=${conversation} message=${shown.message} number=${shown.number} />` : null}
      ${shown.tab === "parameters" ? html`<${Parameters} setup=${setup} />` : null}
      ${shown.tab === "request" ? html`<${RawRequest} conversation=${conversation} setup=${setup} />` : null}
    </div>
  </aside>`;
}
