// Markdown as blocks of tokens. A text that grows is parsed from its last blocks on; the blocks before them stay the same objects.
// Nothing here makes elements: parts/markdown.js does.
import { Marked } from "marked";

/** @typedef {{type: string, raw: string, text?: string, tokens?: Token[], [more: string]: any}} Token */
/** @typedef {{key: number, token: Token, settled: boolean}} Block `settled`: no further text can change it. */

const DISPLAY = /^ {0,3}(\$\$|\\\[)/;
const DISPLAY_BEGIN = /\n {0,3}(?:\$\$|\\\[)/;
const BLANK_LINE = /\n[ \t]*(?:\n|$)/;

/**
 * A formula that begins a line: up to its end sign or to the next blank line. Without an end sign it is shown as it is written.
 * Whether a line begins one depends on no later text, so the blocks before it are settled.
 */
const displayFormula = {
  name: "formula",
  level: /** @type {const} */ ("block"),
  /** @param {string} text */
  start(text) {
    const found = DISPLAY_BEGIN.exec(text);
    return found ? found.index + 1 : undefined;
  },
  /** @param {string} text */
  tokenizer(text) {
    const found = DISPLAY.exec(text);
    if (!found) return undefined;
    const sign = found[1] === "$$" ? "$$" : "\\]";
    const begin = found[0].length;
    const blank = BLANK_LINE.exec(text.slice(begin));
    const limit = blank ? begin + blank.index : text.length;
    const end = text.indexOf(sign, begin);
    if (end < 0 || end + 2 > limit) return { type: "formula", raw: text.slice(0, limit), text: "", display: true };
    const rest = /^[ \t]*\n?/.exec(text.slice(end + 2))?.[0] ?? "";
    return { type: "formula", raw: text.slice(0, end + 2) + rest, text: text.slice(begin, end).trim(), display: true };
  },
};

const INLINE_FORMULAS = [
  /^\$\$([^$]+?)\$\$/,
  /^\\\[((?:(?!\\\]).)+?)\\\]/s,
  /^\\\(((?:(?!\\\)).)+?)\\\)/s,
  /^\$((?:[^$\s\\]|\\.)(?:(?:[^$\\]|\\.)*?(?:[^$\s\\]|\\.))?)\$(?!\d)/s,
];

const inlineFormula = {
  name: "inline_formula",
  level: /** @type {const} */ ("inline"),
  /** @param {string} text */
  start(text) {
    const found = /\$|\\[([]/.exec(text);
    return found ? found.index : undefined;
  },
  /** @param {string} text */
  tokenizer(text) {
    for (const [kind, pattern] of INLINE_FORMULAS.entries()) {
      const found = pattern.exec(text);
      if (found) return { type: "inline_formula", raw: found[0], text: found[1].trim(), display: kind < 2 };
    }
    return undefined;
  },
};

const CITATION = /^(?:\[(\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)\](?!\()|【(\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)】)/;

const citation = {
  name: "citation",
  level: /** @type {const} */ ("inline"),
  /** @param {string} text */
  start(text) {
    const found = /[[【]\d/.exec(text);
    return found ? found.index : undefined;
  },
  /** @param {string} text */
  tokenizer(text) {
    const found = CITATION.exec(text);
    if (!found) return undefined;
    const numbers = (found[1] ?? found[2]).split(/\s*[,，、]\s*/).map(Number);
    return { type: "citation", raw: found[0], numbers };
  },
};

/** Without definitions of links, which would change what stands before them; two tildes strike out; no heading goes over a formula. */
const parser = new Marked({
  gfm: true,
  breaks: true,
  extensions: [displayFormula, inlineFormula, citation],
  tokenizer: {
    def: () => undefined,
    del: (text) => (text.startsWith("~~") ? false : undefined),
    lheading(text) {
      const found = this.rules.block.lheading.exec(text);
      return found && DISPLAY_BEGIN.test(found[0]) ? undefined : false;
    },
  },
});

/** A text with line feeds alone. @param {string} text */
function normal(text) {
  return text.replace(/\r\n?/g, "\n");
}

/**
 * The blocks of a text.
 * @param {string} text
 * @returns {Token[]}
 */
export function lex(text) {
  return /** @type {Token[]} */ (parser.lexer(normal(text)));
}

/**
 * The number of tokens of whole lines that no further line can change: all before the last one. Lists, tables and paragraphs go on as
 * long as the next line may belong to them, and a new block begins where it does not.
 * @param {Token[]} tokens
 */
function settledCount(tokens) {
  return Math.max(0, tokens.findLastIndex(shown));
}

/** The blocks of a text that grows. */
export class GrowingText {
  /** @type {Block[]} */
  #settled = [];
  /** What was read so far. */
  #text = "";
  /** Where the first block that is not settled begins. */
  #offset = 0;
  /** Where the last whole line ends that was looked at. */
  #lines = 0;

  /**
   * The blocks of the text as it is now. Those that no further text changes are the same objects each time.
   * @param {string} written
   * @param {boolean} whole whether the text has ended
   * @returns {Block[]}
   */
  update(written, whole) {
    const text = normal(written);
    if (!text.startsWith(this.#text)) {
      this.#settled = [];
      this.#offset = 0;
      this.#lines = 0;
    }
    this.#text = text;
    this.#settle();
    const open = lex(text.slice(this.#offset)).filter(shown);
    const first = this.#settled.length;
    return [...this.#settled, ...open.map((token, index) => ({ key: first + index, token, settled: whole }))];
  }

  /** Keep blocks for good, as whole lines show them: half a line may look like the row of a table and be none. */
  #settle() {
    const end = this.#text.lastIndexOf("\n") + 1;
    if (end <= this.#lines) return;
    this.#lines = end;
    const tokens = lex(this.#text.slice(this.#offset, end));
    const settled = tokens.slice(0, settledCount(tokens));
    const raw = settled.map((each) => each.raw).join("");
    if (!this.#text.startsWith(raw, this.#offset)) return;
    this.#offset += raw.length;
    for (const token of settled.filter(shown)) this.#settled.push({ key: this.#settled.length, token, settled: true });
  }
}

/** @param {Token} token */
function shown(token) {
  return token.type !== "space";
}
