// Colors of code: highlight.js, loaded when the first block of code is shown, each language when it first appears.
import { html } from "../lib/html.js";
import hljs from "highlight.js";

const LANGUAGES = new Set([
  "bash", "cpp", "css", "diff", "dockerfile", "go", "java", "javascript", "json", "markdown", "python", "rust", "sql",
  "typescript", "xml", "yaml",
]); // prettier-ignore

/** @type {Record<string, string>} */
const ALIASES = {
  c: "cpp", "c++": "cpp", h: "cpp", hpp: "cpp", cc: "cpp", console: "bash", docker: "dockerfile", golang: "go", html: "xml",
  js: "javascript", jsonc: "json", json5: "json", jsx: "javascript", md: "markdown", mjs: "javascript", patch: "diff", py: "python",
  python3: "python", rs: "rust", sh: "bash", shell: "bash", svg: "xml", ts: "typescript", tsx: "typescript", vue: "xml", yml: "yaml",
  zsh: "bash",
}; // prettier-ignore

/**
 * Code as elements of colors; null for a language that is not there.
 * @param {string} code
 * @param {string} language
 */
export async function highlight(code, language) {
  const lower = language.toLowerCase();
  const name = Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : lower;
  if (!LANGUAGES.has(name)) return null;
  if (!hljs.getLanguage(name)) {
    const loaded = await import(`../vendor/highlight/languages/${name}.min.js`);
    hljs.registerLanguage(name, loaded.default);
  }
  const found = hljs.highlight(code, { language: name, ignoreIllegals: true });
  return nodes(/** @type {any} */ (found)._emitter.rootNode.children);
}

/** @typedef {string | {scope?: string, children: Piece[]}} Piece */

/** @param {Piece[]} pieces @returns {any[]} */
function nodes(pieces) {
  return pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    const children = nodes(piece.children);
    return piece.scope ? html`<span class=${classes(piece.scope)}>${children}</span>` : children;
  });
}

/** `title.function` → `hljs-title hljs-function`. @param {string} scope */
function classes(scope) {
  if (scope.startsWith("language:")) return "";
  return scope.split(".").map((each) => `hljs-${each}`).join(" ");
}
