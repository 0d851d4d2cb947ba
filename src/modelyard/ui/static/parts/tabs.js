// Tabs whose choice is in the address: links with the look of tabs.
import { html } from "../lib/html.js";

/** @param {{ label: string, tabs: { name: string, label: string, href: string, count?: string | number | null }[], active: string }} props */
export function Tabs({ label, tabs, active }) {
  return html`<nav class="tabs" aria-label=${label}>
    ${tabs.map(
      ({ name, label: text, href, count }) => html`<a class="tab" href=${href} aria-current=${name === active ? "page" : undefined} ref=${name === active ? bringIntoView : undefined}>
        ${text}${count === undefined || count === null ? null : html`<span class="tab-count">${count}</span>`}
      </a>`,
    )}
  </nav>`;
}

/** Scroll the tabs so far that one of them is seen, on narrow screens. @param {HTMLElement | null} tab */
function bringIntoView(tab) {
  const bar = tab?.parentElement;
  if (tab && bar) bar.scrollLeft = tab.offsetLeft - bar.offsetLeft - (bar.clientWidth - tab.offsetWidth) / 2;
}

/** A choice among few, as buttons side by side. @param {{ label: string, choices: { value: string, label: string, title?: string }[], value: string, onInput: (value: string) => void }} props */
export function Segments({ label, choices, value, onInput }) {
  return html`<div class="segments" role="group" aria-label=${label}>
    ${choices.map(
      (each) => html`<button type="button" class="segment" title=${each.title} aria-pressed=${String(each.value === value)} onClick=${() => onInput(each.value)}>${each.label}</button>`,
    )}
  </div>`;
}
