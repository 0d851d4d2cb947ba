// Shows Markdown of models, files and people. Everything is text and elements that are made here: markup in it stays text, links
// lead to web pages and mail only, pictures of other servers are links.
import { html, useMemo, useRef } from "../lib/html.js";
import { withoutEntities } from "../lib/entities.js";
import { linkAddress, pictureAddress } from "../lib/links.js";
import { GrowingText } from "../lib/markdown.js";
import { loadStyles } from "../lib/pages.js";
import { CodeBlock } from "./code.js";
import { Formula } from "./formula.js";
import { MarkdownTable } from "./markdown_table.js";

void loadStyles("parts/markdown.css");

/** @typedef {import("../lib/markdown.js").Token} Token */
/** @typedef {import("../lib/markdown.js").Block} Block */
/**
 * @typedef {{
 *   cite?: (number: number) => any,
 *   open?: boolean,
 * }} Surroundings `cite` makes what stands for a citation, or null where there is no such source; `open`: more text may follow
 */

/**
 * A text that may grow: settled blocks are made once.
 * @param {{text: string, whole?: boolean, cite?: (number: number) => any}} props `cite` must stay the same function while its
 *   citations are the same
 */
export function Markdown({ text, whole = true, cite }) {
  const growing = useMemo(() => new GrowingText(), []);
  const made = useRef(/** @type {{cite: unknown, vnodes: WeakMap<Block, any>}} */ ({ cite, vnodes: new WeakMap() }));
  if (made.current.cite !== cite) made.current = { cite, vnodes: new WeakMap() };
  const { vnodes } = made.current;
  const blocks = growing.update(text, whole);
  const children = blocks.map((block) => {
    const before = block.settled ? vnodes.get(block) : undefined;
    if (before) return before;
    const vnode = html`<${BlockView} key=${block.key} token=${block.token} cite=${cite} open=${!block.settled} />`;
    if (block.settled) vnodes.set(block, vnode);
    return vnode;
  });
  return html`<div class="markdown">${children}</div>`;
}

/** @param {{token: Token} & Surroundings} props */
function BlockView({ token, cite, open }) {
  return block(token, { cite, open });
}

/** @param {Token[] | undefined} tokens @param {Surroundings} around */
function blocks(tokens, around) {
  return (tokens ?? []).map((token) => block(token, around));
}

/** @type {Record<string, (token: Token, around: Surroundings) => any>} */
const BLOCKS = {
  space: () => null,
  hr: () => html`<hr />`,
  heading: (token, around) => heading(token, around),
  paragraph: (token, around) => html`<p dir="auto">${inline(token.tokens, around)}</p>`,
  text: (token, around) => (token.tokens ? inline(token.tokens, around) : withoutEntities(token.text ?? "")),
  html: (token) => html`<p class="markdown-raw" dir="auto">${(token.text ?? token.raw).trimEnd()}</p>`,
  blockquote: (token, around) => html`<blockquote>${blocks(token.tokens, around)}</blockquote>`,
  code: (token, around) => html`<${CodeBlock} code=${token.text ?? ""} language=${language(token)} open=${around.open} />`,
  formula: (token) => formulaBlock(token),
  list: (token, around) => list(token, around),
  table: (token, around) => html`<${MarkdownTable} token=${token} cell=${(/** @type {Token[]} */ tokens) => inline(tokens, around)} />`,
  checkbox: (token) => html`<input type="checkbox" disabled checked=${token.checked} />`,
};

/** @param {Token} token @param {Surroundings} around */
function block(token, around) {
  const make = BLOCKS[token.type] ?? INLINE[token.type];
  return make ? make(token, around) : token.raw;
}

/** A heading below those of the page. @param {Token} token @param {Surroundings} around */
function heading(token, around) {
  const content = inline(token.tokens, around);
  const depth = Math.min(6, token.depth + 2);
  return html`<${`h${depth}`} class=${`markdown-h${token.depth}`} dir="auto">${content}<//>`;
}

/** @param {Token} token */
function language(token) {
  return /^[\w#+.-]*/.exec(token.lang ?? "")?.[0] ?? "";
}

/** @param {Token} token */
function formulaBlock(token) {
  if (!token.text) return html`<p class="markdown-raw" dir="auto">${token.raw.trim()}</p>`;
  return html`<${Formula} source=${token.text} display />`;
}

/** @param {Token} token @param {Surroundings} around */
function list(token, around) {
  const items = token.items.map((/** @type {Token} */ item) => {
    return html`<li class=${item.task ? "markdown-task" : ""} dir="auto">${blocks(item.tokens, around)}</li>`;
  });
  return token.ordered ? html`<ol start=${token.start === "" ? 1 : token.start}>${items}</ol>` : html`<ul>${items}</ul>`;
}

/** @type {Record<string, (token: Token, around: Surroundings) => any>} */
const INLINE = {
  escape: (token) => token.text,
  html: (token) => (/^<br\s*\/?>$/i.test(token.raw) ? html`<br />` : token.raw),
  strong: (token, around) => html`<strong>${inline(token.tokens, around)}</strong>`,
  em: (token, around) => html`<em>${inline(token.tokens, around)}</em>`,
  del: (token, around) => html`<del>${inline(token.tokens, around)}</del>`,
  codespan: (token) => html`<code>${token.text}</code>`,
  br: () => html`<br />`,
  link: (token, around) => link(token, around),
  image: (token) => picture(token),
  inline_formula: (token) => html`<${Formula} source=${token.text} display=${token.display} />`,
  citation: (token, around) => citations(token, around),
  checkbox: BLOCKS.checkbox,
};

/** @param {Token[] | undefined} tokens @param {Surroundings} around @returns {any} */
function inline(tokens, around) {
  return (tokens ?? []).map((token) => {
    const make = INLINE[token.type];
    if (make) return make(token, around);
    return token.tokens ? inline(token.tokens, around) : withoutEntities(token.text ?? token.raw);
  });
}

/** @param {Token} token @param {Surroundings} around */
function link(token, around) {
  const address = linkAddress(withoutEntities(token.href ?? ""));
  const content = inline(token.tokens, { ...around, cite: undefined });
  if (address === null) return html`<span class="markdown-refused" title=${token.href}>${content}</span>`;
  if (address.startsWith("#")) return html`<a href=${address}>${content}</a>`;
  return html`<a href=${address} title=${address} target="_blank" rel="noopener noreferrer">${content}</a>`;
}

/** @param {Token} token */
function picture(token) {
  const source = withoutEntities(token.href ?? "");
  const words = withoutEntities(token.text ?? "");
  const own = pictureAddress(source);
  if (own !== null) return html`<img src=${own} alt=${words} loading="lazy" />`;
  const address = linkAddress(source);
  if (address === null || address.startsWith("#")) return words || source;
  return html`<a href=${address} title=${address} target="_blank" rel="noopener noreferrer">${words || address}</a>`;
}

/** @param {Token} token @param {Surroundings} around */
function citations(token, { cite }) {
  const made = cite ? token.numbers.map(cite) : [];
  return made.length > 0 && made.every((/** @type {any} */ each) => each !== null) ? made : token.raw;
}
