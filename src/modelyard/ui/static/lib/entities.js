// Characters that Markdown may write as entities: `&lt;`, `&#960;`. Unknown ones stay as they are written.

/** @type {Record<string, string>} */
const NAMED = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", ensp: "\u2002", emsp: "\u2003", thinsp: "\u2009",
  copy: "©", reg: "®", trade: "™", hellip: "…", mdash: "—", ndash: "–", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”",
  laquo: "«", raquo: "»", bull: "•", middot: "·", sect: "§", para: "¶", deg: "°", plusmn: "±", times: "×", divide: "÷",
  minus: "−", le: "≤", ge: "≥", ne: "≠", asymp: "≈", infin: "∞", radic: "√", sum: "∑", larr: "←", rarr: "→", uarr: "↑",
  darr: "↓", harr: "↔", rArr: "⇒", hArr: "⇔", euro: "€", pound: "£", yen: "¥", cent: "¢", frac12: "½", frac14: "¼",
  frac34: "¾", sup1: "¹", sup2: "²", sup3: "³", micro: "µ", alpha: "α", beta: "β", gamma: "γ", delta: "δ", Delta: "Δ",
  epsilon: "ε", theta: "θ", lambda: "λ", mu: "μ", pi: "π", sigma: "σ", Sigma: "Σ", phi: "φ", omega: "ω", Omega: "Ω",
  check: "✓", cross: "✗", star: "☆", lbrace: "{", rbrace: "}", lbrack: "[", rbrack: "]", ast: "*", lowbar: "_",
  grave: "`", vert: "|", bsol: "\\", num: "#", dollar: "$", percnt: "%", colon: ":", semi: ";", comma: ",", period: ".",
}; // prettier-ignore

/** @param {string} text */
export function withoutEntities(text) {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,9}));/g, (written, decimal, hexadecimal, name) => {
    if (name !== undefined) return Object.hasOwn(NAMED, name) ? NAMED[name] : written;
    const code = decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number.parseInt(decimal, 10);
    const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return valid ? String.fromCodePoint(code) : "\ufffd";
  });
}
