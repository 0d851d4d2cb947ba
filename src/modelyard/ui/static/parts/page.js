// The head of a page, and boxes that pages are made of.
import { html } from "../lib/html.js";

/** Title, actions and what stands below the title. @param {{ title: import("../lib/html.js").Children, actions?: any, children?: any, back?: any }} props */
export function PageHead({ title, actions, children, back }) {
  return html`<header class="page-head">
    <div class="page-title">
      ${back ?? null}
      <h1 tabindex="-1">${title}</h1>
      ${actions ? html`<div class="page-actions">${actions}</div>` : null}
    </div>
    ${children ?? null}
  </header>`;
}

/** A box with a heading. @param {{ title?: import("../lib/html.js").Children, actions?: any, children?: any, class?: string }} props */
export function Card({ title, actions, children, class: name }) {
  return html`<section class=${`card ${name ?? ""}`}>
    ${title || actions ? html`<header class="card-head">${title ? html`<h2>${title}</h2>` : null}${actions ? html`<div class="row">${actions}</div>` : null}</header>` : null}
    ${children}
  </section>`;
}

/** Names and values. @param {{ items: ([string, any] | null | false | undefined)[] }} props */
export function Facts({ items }) {
  const shown = /** @type {[string, any][]} */ (items.filter(Boolean));
  return html`<dl class="facts">${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A word about a state. @param {{ kind?: "ok" | "warn" | "danger" | "busy" | "plain", children: any, title?: string }} props */
export function Badge({ kind = "plain", children, title }) {
  return html`<span class=${`badge badge-${kind}`} title=${title}>${children}</span>`;
}

/** A bar of a share. @param {{ value: number | null, max?: number, label: string, kind?: "ok" | "warn" | "danger" }} props null is unknown */
export function Bar({ value, max = 1, label, kind }) {
  if (value === null) return html`<progress class="bar" aria-label=${label}></progress>`;
  return html`<progress class=${`bar ${kind ? `bar-${kind}` : ""}`} value=${value} max=${max} aria-label=${label}></progress>`;
}
