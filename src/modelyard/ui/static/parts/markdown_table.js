// A table in Markdown, which scrolls by itself and is copied as CSV.
import { csvOf } from "../lib/csv.js";
import { html } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Copy } from "./copy.js";

/** @typedef {import("../lib/markdown.js").Token} Token */

/** @param {{token: Token, cell: (tokens: Token[]) => any}} props */
export function MarkdownTable({ token, cell }) {
  const head = token.header.map((/** @type {any} */ each) => html`<th scope="col" class=${side(each.align)}>${cell(each.tokens)}</th>`);
  const rows = token.rows.map((/** @type {any[]} */ row) => {
    return html`<tr>${row.map((each) => html`<td class=${side(each.align)}>${cell(each.tokens)}</td>`)}</tr>`;
  });
  return html`<div class="markdown-table">
    <div class="markdown-table-scroll" tabindex="0" role="region" aria-label=${t("common.table")}>
      <table><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table>
    </div>
    <div class="markdown-tools">${Copy({ label: t("common.copy_csv"), text: () => csv(token) })}</div>
  </div>`;
}

/** @param {string | null} align */
function side(align) {
  return align === "right" || align === "center" ? `markdown-${align}` : "";
}

/** The table as CSV. @param {Token} token */
export function csv(token) {
  return csvOf([token.header, ...token.rows].map((row) => row.map((/** @type {any} */ each) => plain(each.tokens))));
}

/** The text of tokens without its marks. @param {Token[]} tokens @returns {string} */
export function plain(tokens) {
  return tokens.map((each) => (each.tokens ? plain(each.tokens) : each.type === "br" ? "\n" : (each.text ?? each.raw))).join("");
}
