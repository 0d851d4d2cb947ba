// A menu behind a button: the browser's popover, with arrow keys.
import { html, useRef } from "../lib/html.js";
import { Button } from "./button.js";
import { newId } from "./field.js";
import { Icon } from "./icon.js";

/** @typedef {{ label: string, icon?: string, onClick?: () => void, href?: string, danger?: boolean, disabled?: boolean, checked?: boolean, title?: string } | "line"} MenuItem */

/** @param {{ items: MenuItem[], button: import("./button.js").ButtonProps }} props */
export function Menu({ items, button }) {
  const id = useRef(newId());
  const menu = useRef(/** @type {HTMLElement | null} */ (null));
  const place = (/** @type {any} */ event) => {
    const shown = menu.current;
    if (event.newState !== "open" || !shown) return;
    const anchor = /** @type {HTMLElement} */ (document.querySelector(`[popovertarget="${id.current}"]`)).getBoundingClientRect();
    const box = shown.getBoundingClientRect();
    const below = anchor.bottom + box.height + 8 < innerHeight;
    shown.style.top = `${Math.max(4, below ? anchor.bottom + 4 : anchor.top - box.height - 4)}px`;
    shown.style.left = `${Math.max(4, Math.min(anchor.left, innerWidth - box.width - 8))}px`;
    /** @type {HTMLElement | null} */ (shown.querySelector("[role^=menuitem]:not([disabled])"))?.focus();
  };
  const moved = (/** @type {KeyboardEvent} */ event) => {
    const all = /** @type {HTMLElement[]} */ ([...(menu.current?.querySelectorAll("[role^=menuitem]:not([disabled])") ?? [])]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    all[(next + all.length) % all.length]?.focus();
  };
  const close = () => menu.current?.hidePopover();
  return html`<span class="menu-place">
    ${Button({ kind: "quiet", ...button, more: { ...button.more, popovertarget: id.current, "aria-haspopup": "menu" } })}
    <div ref=${menu} id=${id.current} class="menu" role="menu" popover="auto" onToggle=${place} onKeyDown=${moved} onClick=${close}>
      ${items.map((item) => (item === "line" ? html`<hr />` : Item(item)))}
    </div>
  </span>`;
}

/** @param {Exclude<MenuItem, "line">} item */
function Item({ label, icon, onClick, href, danger, disabled, checked, title }) {
  const role = checked === undefined ? "menuitem" : "menuitemcheckbox";
  const inside = html`${checked ? Icon({ name: "check" }) : Icon({ name: icon ?? "none" })}<span>${label}</span>`;
  const classes = `menu-item ${danger ? "menu-danger" : ""} ${icon || checked ? "" : "menu-plain"}`;
  const state = checked === undefined ? undefined : String(checked);
  return href
    ? html`<a class=${classes} role=${role} href=${href} title=${title}>${inside}</a>`
    : html`<button class=${classes} role=${role} type="button" aria-checked=${state} disabled=${disabled} title=${title} onClick=${onClick}>${inside}</button>`;
}
