// The lines in which two texts differ, by their longest common subsequence.

/** @typedef {{ kind: "same" | "added" | "removed", line: string }} Line */

/** Whether two lines say the same; a comma more or less says nothing. @param {string} one @param {string} other */
const same = (one, other) => one.replace(/,$/, "") === other.replace(/,$/, "");

/** @param {string} before @param {string} after @returns {Line[]} */
export function differences(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  /** The length of the longest common part of the rests that begin at each pair of lines. @type {Uint16Array[]} */
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--) common[i][j] = same(a[i], b[j]) ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  /** @type {Line[]} */
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(a[i], b[j])) {
      lines.push({ kind: "same", line: b[j] });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) lines.push({ kind: "removed", line: a[i++] });
    else lines.push({ kind: "added", line: b[j++] });
  }
  return lines;
}
