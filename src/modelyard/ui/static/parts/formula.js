// A formula in LaTeX as MathML. Its source stands there until it is drawn, and where it cannot be drawn.
import { h, html, useEffect, useSignal } from "../lib/html.js";
import { loadScript } from "../lib/script.js";

const LONGEST = 10_000;
const BOUNDS = { throwOnError: true, trust: false, strict: false, maxExpand: 300, maxSize: [20, 100] };

/** @typedef {{ type?: string, text?: string, attributes?: Record<string, string>, classes?: string[], style?: Record<string, string>, children?: MathNode[] }} MathNode */

/** @param {{ source: string, display?: boolean }} props */
export function Formula({ source, display = false }) {
  const drawn = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    let current = true;
    drawn.value = null;
    if (source.length <= LONGEST) {
      loadScript("vendor/temml/temml.min.js").then(() => {
        if (current) drawn.value = draw(/** @type {any} */ (window).temml, source, display);
      }, ignore);
    }
    return () => {
      current = false;
    };
  }, [source, display]);
  const kind = display ? "formula formula-display" : "formula";
  const copied = (/** @type {ClipboardEvent} */ event) => {
    event.clipboardData?.setData("text/plain", source);
    event.preventDefault();
  };
  return html`<span class=${kind} title=${source} onCopy=${copied}>
    ${drawn.value ?? html`<code class="formula-source">${source}</code>`}
  </span>`;
}

/** Without the library the source stays. */
function ignore() {}

/** MathML of a formula; null if it is none. @param {any} drawing @param {string} source @param {boolean} display */
function draw(drawing, source, display) {
  try {
    return node(drawing.__renderToMathMLTree(source, { ...BOUNDS, displayMode: display }));
  } catch (error) {
    if (error instanceof drawing.ParseError || error instanceof TypeError || error instanceof RangeError) return null;
    throw error;
  }
}

/** Elements that formulas are made of; anything else that a macro would make is left out. */
const ELEMENTS = new Set([
  "math", "mrow", "mi", "mo", "mn", "ms", "mtext", "mspace", "msup", "msub", "msubsup", "mfrac", "msqrt", "mroot", "mover", "munder",
  "munderover", "mtable", "mtr", "mtd", "mlabeledtr", "mstyle", "mpadded", "mphantom", "menclose", "mmultiscripts", "mprescripts", "none",
  "semantics", "merror", "span",
]); // prettier-ignore
const ATTRIBUTES = /^(?:display|displaystyle|scriptlevel|mathvariant|mathsize|mathcolor|mathbackground|width|height|depth|lspace|rspace|voffset|stretchy|fence|separator|form|symmetric|minsize|maxsize|largeop|movablelimits|accent|accentunder|linethickness|columnalign|rowalign|columnspacing|rowspacing|columnlines|rowlines|columnspan|frame|notation|side|xmlns|bevelled)$/;

/** @param {MathNode} tree @returns {any} */
function node(tree) {
  if (tree.type === undefined) return tree.text ?? (tree.children ?? []).map(node);
  if (!ELEMENTS.has(tree.type)) return (tree.children ?? []).map(node);
  /** @type {Record<string, any>} */
  const properties = {};
  for (const [name, value] of Object.entries(tree.attributes ?? {})) {
    if (ATTRIBUTES.test(name)) properties[name] = value;
    else if (name === "style") properties.style = styles(value);
  }
  if (tree.style && Object.keys(tree.style).length > 0) properties.style = { ...properties.style, ...tree.style };
  if (tree.classes?.length) properties.class = tree.classes.filter(Boolean).join(" ");
  return h(tree.type, properties, (tree.children ?? []).map(node));
}

/** `a:b;c:d` as an object, whose values are set through the DOM. @param {string} text */
function styles(text) {
  const pairs = text.split(";").map((each) => each.split(":").map((part) => part.trim()));
  return Object.fromEntries(pairs.filter((pair) => pair.length === 2 && pair[0]).map(([name, value]) => [name.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase()), value]));
}
