// The palette of Ctrl+K: go to pages, models, bases and chats, and do what a page offers.
import { get } from "../lib/api.js";
import { models } from "../lib/events.js";
import { html, signal, useEffect, useLayoutEffect, useRef, useSignal } from "../lib/html.js";
import { language, setLanguage, t } from "../lib/i18n.js";
import { PAGES } from "../lib/pages.js";
import { go } from "../lib/router.js";
import { can } from "../lib/session.js";
import { theme } from "../lib/settings.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";

/** @typedef {{ label: string, hint?: string, icon: string, run: () => void }} Command */

export const paletteShown = signal(false);
/** What the present page offers. @type {import("@preact/signals").Signal<Command[]>} */
export const pageCommands = signal([]);

const MOST = 40;

/** Offer commands while a component is shown. @param {Command[]} list @param {any[]} inputs what they depend on */
export function useCommands(list, inputs) {
  useLayoutEffect(() => {
    pageCommands.value = [...pageCommands.value, ...list];
    return () => (pageCommands.value = pageCommands.value.filter((each) => !list.includes(each)));
  }, inputs);
}

/** @returns {Command[]} */
function fixedCommands() {
  const pages = PAGES.filter((page) => can(page.scope)).map((page) => ({ label: t(`common.page_${page.name}`), hint: t("common.go_to"), icon: page.icon, run: () => go(page.name) }));
  const looks = /** @type {const} */ (["auto", "light", "dark"]).map((each) => ({ label: t(`common.theme_${each}`), hint: t("common.theme"), icon: each === "dark" ? "moon" : "sun", run: () => void (theme.value = each) }));
  const other = language.value === "zh" ? "en" : "zh";
  const languages = [{ label: other === "zh" ? "中文" : "English", hint: t("common.language"), icon: "globe", run: () => void setLanguage(other) }];
  return [...pageCommands.value, ...pages, ...modelCommands(), ...looks, ...languages];
}

function modelCommands() {
  return [...models.value.values()].map((model) => ({ label: model.id, hint: t("common.model"), icon: "box", run: () => go(["models", model.id]) }));
}

/** @param {string} query @returns {Promise<Command[]>} */
async function foundCommands(query) {
  const found = [];
  if (can("models:read")) {
    const chats = await get("v1/chats", { q: query, limit: 8 }).catch(() => ({ data: [] }));
    found.push(...chats.data.map((/** @type {any} */ chat) => ({ label: chat.title || t("common.untitled"), hint: t("common.page_chat"), icon: "message", run: () => go(["chat", chat.id]) })));
  }
  if (can("knowledge:read")) {
    const bases = await get("v1/knowledge_bases").catch(() => ({ data: [] }));
    const named = bases.data.filter((/** @type {any} */ base) => base.name.toLowerCase().includes(query.toLowerCase()));
    found.push(...named.slice(0, 8).map((/** @type {any} */ base) => ({ label: base.name, hint: t("common.page_knowledge"), icon: "book", run: () => go(["knowledge", base.name]) })));
  }
  return found;
}

export function Palette() {
  const query = useSignal("");
  const at = useSignal(0);
  const found = useSignal(/** @type {Command[]} */ ([]));
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const text = query.value.trim();
    let current = true;
    const timer = setTimeout(async () => {
      const commands = text.length > 1 ? await foundCommands(text) : [];
      if (current) found.value = commands;
    }, 150);
    return () => ((current = false), clearTimeout(timer));
  }, [query.value]);
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = fixedCommands().filter((each) => words.every((word) => `${each.label} ${each.hint ?? ""}`.toLowerCase().includes(word)));
  const shown = [...matching, ...found.value].slice(0, MOST);
  const index = Math.min(at.value, shown.length - 1);
  useEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [index, shown.length]);
  const close = () => (paletteShown.value = false);
  const run = (/** @type {Command | undefined} */ command) => {
    if (!command) return;
    close();
    command.run();
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      at.value = (index + step + shown.length) % Math.max(1, shown.length);
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      run(shown[index]);
    }
  };
  return html`<${Dialog} title=${t("common.palette")} onClose=${close}>
    <input class="input" type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant=${shown.length ? `palette-${index}` : undefined} aria-label=${t("common.palette")} placeholder=${t("common.palette_hint")} value=${query.value} autofocus onInput=${(/** @type {any} */ event) => ((query.value = event.target.value), (at.value = 0))} onKeyDown=${pressed} />
    <ul class="palette" id="palette-list" role="listbox" aria-label=${t("common.palette")} ref=${list}>
      ${shown.map(
        (each, number) => html`<li id=${`palette-${number}`} role="option" aria-selected=${String(number === index)} class="palette-item" onClick=${() => run(each)} onMouseMove=${() => (at.value = number)}>${Icon({ name: each.icon })}<span>${each.label}</span><span class="muted">${each.hint}</span></li>`,
      )}
    </ul>
    ${shown.length ? null : html`<p class="muted" role="status">${t("common.nothing_found")}</p>`}
  <//>`;
}
