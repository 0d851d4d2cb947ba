// Keyboard shortcuts: combinations anywhere, single letters and sequences (`g c`) outside of fields.
import { signal, useLayoutEffect } from "./html.js";
import { letterKeys } from "./settings.js";

/** @typedef {{ keys: string, label: string, run: (event: KeyboardEvent) => void, group?: string }} Shortcut */

/** All shortcuts that work now; later ones go before earlier ones. @type {import("@preact/signals").Signal<Shortcut[]>} */
export const shortcuts = signal([]);
let prefix = "";
let prefixTimer = 0;

/** The name of a pressed key with its modifiers: `Ctrl+Shift+c`, `Alt+ArrowLeft`, `/`, `?`. Cmd counts as Ctrl. @param {KeyboardEvent} event */
export function nameOf(event) {
  const letter = event.key.length === 1;
  const parts = [event.ctrlKey || event.metaKey ? "Ctrl" : "", event.altKey ? "Alt" : ""];
  if (event.shiftKey && (!letter || event.ctrlKey || event.metaKey)) parts.push("Shift");
  parts.push(letter && parts.some(Boolean) ? event.key.toLowerCase() : event.key);
  return parts.filter(Boolean).join("+");
}

/** @param {EventTarget | null} target */
function isField(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT") return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit", "range"].includes(target.type);
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || event.isComposing) return;
  const name = nameOf(event);
  const plain = !/^(Ctrl|Alt)\+/.test(name) && name.length === 1;
  if (isField(event.target) && !/^(Ctrl|Alt)\+/.test(name)) return;
  if (plain && !letterKeys.value) return;
  if (document.querySelector("dialog[open]") && !(event.target instanceof Element && event.target.closest("dialog[open]"))) return;
  const full = prefix ? `${prefix} ${name}` : name;
  const found = [...shortcuts.value].reverse().find((each) => each.keys === full);
  clearTimeout(prefixTimer);
  prefix = "";
  if (found) {
    event.preventDefault();
    found.run(event);
  } else if (plain && shortcuts.value.some((each) => each.keys.startsWith(`${name} `))) {
    prefix = name;
    prefixTimer = window.setTimeout(() => (prefix = ""), 1500);
  }
}

addEventListener("keydown", pressed);

/** Shortcuts that work while a component is shown. @param {Shortcut[]} list @param {any[]} [inputs] what the functions depend on */
export function useKeys(list, inputs = []) {
  useLayoutEffect(() => {
    shortcuts.value = [...shortcuts.value, ...list];
    return () => {
      shortcuts.value = shortcuts.value.filter((each) => !list.includes(each));
    };
  }, inputs);
}
