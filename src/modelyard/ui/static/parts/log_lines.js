// The lines of a log as they are kept in the page: at most so many, and those of them that match a filter.

/** @typedef {"debug" | "info" | "warning" | "error" | "critical"} Level */
/** @typedef {{ number: number, text: string, level: Level | null, source: string, at: number | null }} LogLine */

export const MOST_LINES = 100_000;
const LEVELS = ["debug", "info", "warning", "error", "critical"];
// Colours and cursor movements that programs print for terminals.
const ANSI = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g;
const NAMED_LEVEL = /\b(debug|info|warn(?:ing)?|error|critical|fatal)\b/i;

/** The level that a line names near its beginning. @param {string} text @returns {Level | null} */
function levelOf(text) {
  const found = NAMED_LEVEL.exec(text.slice(0, 60))?.[1].toLowerCase();
  if (found === "warn") return "warning";
  if (found === "fatal") return "critical";
  return /** @type {Level | null} */ (found ?? null);
}

/** Lines of an event: of `v1/logs` with their levels, or plain ones of a model's log. @param {any} event @returns {Omit<LogLine, "number">[]} */
export function linesOf(event) {
  const found = [];
  for (const each of event.data ?? []) {
    const source = each.replica ?? each.model ?? (each.job ? each.job.slice(0, 8) : each.source);
    for (const text of each.text.split("\n")) found.push({ text: text.replace(ANSI, ""), level: each.level, source, at: each.at });
  }
  for (const line of event.lines ?? []) {
    const text = line.replace(ANSI, "");
    found.push({ text, level: levelOf(text), source: event.replica ?? "", at: null });
  }
  return found;
}

/** @typedef {{ text: string, regex: boolean, level: "" | Level }} LogFilter */

/** What a filter looks for; null for everything, undefined for a wrong regular expression. @param {LogFilter} filter @returns {RegExp | null | undefined} */
export function patternOf({ text, regex }) {
  if (!text) return null;
  try {
    return new RegExp(regex ? text : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
  } catch {
    return undefined;
  }
}

/** The lines, and those that match. */
export class LogLines {
  constructor() {
    /** @type {LogLine[]} */
    this.all = [];
    /** @type {LogLine[]} those that match the filter */
    this.shown = [];
    /** @type {LogFilter} */
    this.filter = { text: "", regex: false, level: "" };
    this.count = 0;
    /** @type {RegExp | null} */
    this.pattern = null;
  }

  /** @param {Omit<LogLine, "number">[]} lines */
  add(lines) {
    for (const line of lines) {
      const made = { ...line, number: ++this.count };
      this.all.push(made);
      if (this.matches(made)) this.shown.push(made);
    }
    if (this.all.length > MOST_LINES * 1.1) {
      this.all = this.all.slice(-MOST_LINES);
      const first = this.all[0].number;
      this.shown = this.shown.filter((line) => line.number >= first);
    }
  }

  /** Show what matches a filter; false if its expression is wrong. @param {LogFilter} filter */
  setFilter(filter) {
    const pattern = patternOf(filter);
    if (pattern === undefined) return false;
    this.filter = filter;
    this.pattern = pattern;
    this.shown = this.all.filter((line) => this.matches(line));
    return true;
  }

  /** @param {LogLine} line */
  matches({ text, level }) {
    if (this.filter.level && LEVELS.indexOf(level ?? "") < LEVELS.indexOf(this.filter.level)) return false;
    return !this.pattern || this.pattern.test(text);
  }

  clear() {
    this.all = [];
    this.shown = [];
  }

  /** The lines that match, as text. */
  text() {
    return this.shown.map((line) => line.text).join("\n");
  }
}
