// The buttons of the composer's menus: which model answers, and from what. The menus are loaded when they are first opened.
import { post } from "../../lib/api.js";
import { progress } from "../../lib/events.js";
import { percent } from "../../lib/format.js";
import { html, signal, useEffect, useRef, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { Button } from "../../parts/button.js";
import { newId } from "../../parts/field.js";
import { attempt } from "../../parts/toast.js";

/** @typedef {import("./setup.js").Setup} Setup */

/** The module of the menus, once it is there. @type {import("@preact/signals").Signal<any>} */
const menus = signal(null);

/** The icon of each mode. */
export const MODE_ICONS = { chat: "message", knowledge: "book", files: "file", web: "globe", agent: "tool" };

/** A box that opens above or below its button. @param {{ button: import("../../parts/button.js").ButtonProps, label: string, draw: (module: any, close: () => void) => any }} props */
function Popup({ button, label, draw }) {
  const id = useRef(newId());
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const open = useSignal(false);
  const close = () => box.current?.hidePopover();
  const toggled = (/** @type {any} */ event) => {
    open.value = event.newState === "open";
    if (open.value && !menus.value) void import("./picker_menus.js").then((found) => (menus.value = found));
  };
  useEffect(() => {
    const shown = box.current;
    const anchor = document.querySelector(`[popovertarget="${id.current}"]`);
    if (!open.value || !shown || !anchor) return;
    const [place, size] = [anchor.getBoundingClientRect(), shown.getBoundingClientRect()];
    // The side with more room; the box grows away from its button while its content comes.
    const above = place.top > innerHeight / 2;
    shown.style.top = above ? "auto" : `${place.bottom + 6}px`;
    shown.style.bottom = above ? `${innerHeight - place.top + 6}px` : "auto";
    shown.style.left = `${Math.max(4, Math.min(place.left, innerWidth - size.width - 8))}px`;
  });
  return html`<span class="menu-place">
    ${Button({ kind: "quiet", size: "small", ...button, more: { popovertarget: id.current, "aria-haspopup": "dialog", ...button.more } })}
    <div ref=${box} id=${id.current} class="menu chat-popup" role="dialog" aria-label=${label} popover="auto" onToggle=${toggled}>
      ${open.value && menus.value ? draw(menus.value, close) : null}
    </div>
  </span>`;
}

/** @param {{ value: string | null, onChoose: (model: string) => void, present: any }} props */
export function ModelPicker({ value, onChoose, present }) {
  const label = present?.id ?? value ?? t("chat.choose_model");
  const state = present && present.status !== "READY" ? ` · ${stateOf(present)}` : "";
  const button = { icon: "box", label: html`<span class="cut chat-model-name">${label}${state}</span>`, title: t("chat.model"), more: { "data-model-picker": "" } };
  const draw = (/** @type {any} */ { ModelMenu }, /** @type {() => void} */ close) =>
    html`<${ModelMenu} chosen=${present?.id} choose=${(/** @type {string} */ model) => (onChoose(model), close())} />`;
  return html`<${Popup} label=${t("chat.model")} button=${button} draw=${draw} />`;
}

/** @param {{ setup: Setup }} props */
export function SourcePicker({ setup }) {
  const mode = setup.mode.value;
  const chosen = mode === "knowledge" && setup.bases.value.length > 0 ? setup.bases.value.join(", ") : t(`chat.mode_${mode}`);
  const button = { icon: MODE_ICONS[mode], label: html`<span class="cut chat-source-name">${chosen}</span>`, title: t("chat.sources_of_answers"), more: { "data-source-picker": "" } };
  return html`<${Popup} label=${t("chat.sources_of_answers")} button=${button} draw=${(/** @type {any} */ { SourceMenu }) => html`<${SourceMenu} setup=${setup} />`} />`;
}

/** "Loading 42 %". @param {any} model */
export function stateOf(model) {
  const share = progress.value.get(model.id)?.progress;
  const word = t(`chat.state_${String(model.status).toLowerCase()}`);
  return typeof share === "number" && share < 1 && model.status !== "ERROR" ? `${word} ${percent(share)}` : word;
}

/** Launch a model without waiting for it; its state comes as an event. @param {string} name */
export function launch(name) {
  return attempt(post("v1/models?wait_ready=false", { model_name: name }));
}

/** @param {{ setup: Setup }} props */
export function ThinkingSwitch({ setup }) {
  if (!setup.present.value?.model_ability?.includes("hybrid")) return null;
  const on = setup.thinking ?? true;
  return Button({ icon: "sparkle", label: t("chat.thinking"), kind: "quiet", size: "small", pressed: on, title: t("chat.thinking_hint"), onClick: () => setup.setParameter("enable_thinking", !on) });
}
