// The differences between two texts, word by word. Pure.

/** @typedef {{ kind: "same" | "added" | "removed", text: string }} Piece */

const WORDS = /\s+|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|[\p{L}\p{N}_]+|./gsu;
const MOST_CELLS = 9_000_000;

/**
 * What is in both texts, only in the first (removed) and only in the second (added); null for texts too long to compare.
 * @param {string} first @param {string} second @returns {Piece[] | null}
 */
export function wordDifferences(first, second) {
  const [a, b] = [first.match(WORDS) ?? [], second.match(WORDS) ?? []];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  if (left.length * right.length > MOST_CELLS) return null;
  /** @type {Piece[]} */
  const pieces = [];
  push(pieces, "same", a.slice(0, start).join(""));
  for (const [kind, word] of middle(left, right)) push(pieces, kind, word);
  push(pieces, "same", a.slice(a.length - end).join(""));
  return pieces;
}

/** By the longest common subsequence. @param {string[]} a @param {string[]} b @returns {["same" | "added" | "removed", string][]} */
function middle(a, b) {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const at = i * width + j;
      lengths[at] = a[i] === b[j] ? lengths[at + width + 1] + 1 : Math.max(lengths[at + width], lengths[at + 1]);
    }
  }
  /** @type {["same" | "added" | "removed", string][]} */
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) found.push(["same", a[(j += 1, i++)]]);
    else if (j >= b.length || (i < a.length && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) found.push(["removed", a[i++]]);
    else found.push(["added", b[j++]]);
  }
  return found;
}

/** @param {Piece[]} pieces @param {"same" | "added" | "removed"} kind @param {string} text */
function push(pieces, kind, text) {
  const last = pieces.at(-1);
  if (!text) return;
  if (last?.kind === kind) last.text += text;
  else pieces.push({ kind, text });
}
