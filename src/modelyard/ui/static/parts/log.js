// A log that is followed: only the lines in view are drawn, of a hundred thousand that are kept.
import { html, useEffect, useRef, useSignal } from "../lib/html.js";
import { clock, number } from "../lib/format.js";
import { loadTexts, t, tn } from "../lib/i18n.js";
import { loadStyles } from "../lib/pages.js";
import { follow } from "../lib/stream.js";
import { Button, IconButton } from "./button.js";
import { copyText } from "./copy.js";
import { CheckField, SelectField, TextField } from "./field.js";
import { LogLines, linesOf } from "./log_lines.js";
import { saveText } from "./save.js";
import { Failure } from "./states.js";
import { complain, say } from "./toast.js";

await Promise.all([loadTexts("log"), loadStyles("parts/log.css")]);

/**
 * @typedef {object} LogProps
 * @property {string} follow path of a log that can be followed: `v1/logs`, or `v1/models/…/logs`
 * @property {import("../lib/api.js").Query} [query] what of it; the log begins anew when it changes
 * @property {boolean} [sources] says who printed each line
 * @property {string} [name] of the file that is downloaded
 * @property {number} [height] pixels
 */

const LINE = 19;
const OVERSCAN = 30;
const MOST_WRAPPED = 2000;

/** @param {LogProps} props */
export const LogView = (props) => html`<${Log} key=${props.follow + JSON.stringify(props.query ?? {})} ...${props} />`;

/** @param {LogProps} props */
function Log({ follow: path, query, sources, name = "log", height = 420 }) {
  const lines = useRef(/** @type {LogLines} */ (/** @type {any} */ (null)));
  lines.current ??= new LogLines();
  const state = useSignal(/** @type {"connecting" | "open" | "broken" | "ended"} */ ("connecting"));
  const error = useSignal(/** @type {any} */ (null));
  const drawn = useSignal(0);
  const paused = useSignal(false);
  const waiting = useSignal(0);
  const wrapped = useSignal(false);
  const attempt = useSignal(0);
  useEffect(() => followLines(path, query, lines.current, { state, error, drawn, paused, waiting }), [attempt.value]);
  const filter = useSignal(lines.current.filter);
  const wrong = useSignal(false);
  const change = (/** @type {Partial<import("./log_lines.js").LogFilter>} */ part) => {
    filter.value = { ...filter.value, ...part };
    wrong.value = !lines.current.setFilter(filter.value);
    drawn.value += 1;
  };
  const pause = () => {
    paused.value = !paused.value;
    if (!paused.value) waiting.value = 0;
    drawn.value += 1;
  };
  const copy = () => copyText(lines.current.text()).then(() => say(t("log.copied", { n: number(lines.current.shown.length) })), complain);
  return html`<div class="log">
    <div class="log-tools">
      ${TextField({ name: "log-filter", label: t("log.filter"), hideLabel: true, placeholder: t("log.filter"), type: "search", value: filter.value.text, error: wrong.value ? t("log.bad_regex") : null, onInput: (text) => change({ text }), class: "grow" })}
      ${SelectField({ name: "log-level", label: t("log.level"), hideLabel: true, value: filter.value.level, choices: levels(), onInput: (level) => change({ level: /** @type {any} */ (level) }) })}
      ${CheckField({ name: "log-regex", label: t("log.regex"), value: filter.value.regex, onInput: (regex) => change({ regex }) })}
      ${CheckField({ name: "log-wrap", label: t("log.wrap"), value: wrapped.value, onInput: (value) => (wrapped.value = value) })}
      <div class="row log-buttons">
        ${Button({ icon: paused.value ? "play" : "pause", label: paused.value && waiting.value ? t("log.waiting", { n: number(waiting.value) }) : t(paused.value ? "log.resume" : "log.pause"), size: "small", pressed: paused.value, onClick: pause })}
        ${IconButton({ icon: "copy", title: t("log.copy"), size: "small", onClick: copy })}
        ${IconButton({ icon: "download", title: t("log.save"), size: "small", onClick: () => saveText(`${name}.log`, lines.current.text()) })}
      </div>
    </div>
    ${error.value ? Failure({ error: error.value, small: true, retry: () => (attempt.value += 1) }) : null}
    <${Lines} lines=${lines.current} drawn=${drawn} paused=${paused.value} wrapped=${wrapped.value} sources=${sources} height=${height} state=${state.value} />
    <p class="log-state muted" role="status">${stateText(state.value, lines.current, drawn.value)}</p>
  </div>`;
}

/** @returns {import("./field.js").Choice[]} */
const levels = () => ["", "info", "warning", "error"].map((level) => ({ value: level, label: t(`log.level_${level || "any"}`) }));

/** @param {string} state @param {LogLines} lines @param {number} _drawn read so that it is made anew */
function stateText(state, lines, _drawn) {
  const [shown, total] = [lines.shown.length, lines.all.length];
  const count = shown === total ? tn("log.lines", total) : t("log.matches", { n: number(shown), total: number(total) });
  return state === "open" ? count : `${count} · ${t(`log.${state}`)}`;
}

/**
 * Read the log until the view is gone; returns what ends it. Lines are drawn once for each frame.
 * @param {string} path @param {import("../lib/api.js").Query | undefined} query @param {LogLines} lines @param {Record<"state" | "error" | "drawn" | "paused" | "waiting", import("@preact/signals").Signal<any>>} view
 */
function followLines(path, query, lines, { state, error, drawn, paused, waiting }) {
  const ending = new AbortController();
  let frame = 0;
  const draw = () => {
    frame = 0;
    drawn.value += 1;
  };
  error.value = null;
  const options = { query: { ...query, follow: true }, signal: ending.signal, onConnection: (/** @type {"open" | "broken"} */ now) => (state.value = now) };
  const take = (/** @type {import("../lib/stream.js").StreamEvent} */ { data }) => {
    const found = linesOf(data);
    lines.add(found);
    if (paused.value) waiting.value += found.length;
    else frame ||= requestAnimationFrame(draw);
    if (data.ended) state.value = "ended";
    return Boolean(data.ended);
  };
  follow(path, options, take).then(
    () => !ending.signal.aborted && (state.value = "ended"),
    (reason) => {
      error.value = reason;
      state.value = "ended";
    },
  );
  return () => {
    ending.abort();
    cancelAnimationFrame(frame);
  };
}

/** @param {{ lines: LogLines, drawn: import("@preact/signals").Signal<number>, paused: boolean, wrapped: boolean, sources?: boolean, height: number, state: string }} props */
function Lines({ lines, drawn, paused, wrapped, sources, height, state }) {
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const kept = useRef(lines.shown);
  const top = useSignal(0);
  const atEnd = useSignal(true);
  if (!paused) kept.current = lines.shown.slice();
  const all = kept.current;
  useEffect(() => {
    const element = scroller.current;
    if (element && atEnd.value && !paused) element.scrollTop = element.scrollHeight;
  }, [drawn.value, wrapped, paused]);
  const scrolled = () => {
    const element = scroller.current;
    if (!element) return;
    top.value = element.scrollTop;
    atEnd.value = element.scrollTop + element.clientHeight > element.scrollHeight - LINE;
  };
  const toEnd = () => {
    atEnd.value = true;
    if (scroller.current) scroller.current.scrollTop = scroller.current.scrollHeight;
  };
  const from = wrapped ? Math.max(0, all.length - MOST_WRAPPED) : Math.max(0, Math.floor(top.value / LINE) - OVERSCAN);
  const to = wrapped ? all.length : Math.min(all.length, from + Math.ceil(height / LINE) + 2 * OVERSCAN);
  const fill = (/** @type {number} */ count) => (wrapped || count <= 0 ? null : html`<div style=${{ height: `${count * LINE}px` }} aria-hidden="true"></div>`);
  const nothing = state === "connecting" ? "" : t(lines.all.length ? "log.no_match" : "log.empty");
  return html`<div class="log-place">
    <div class=${`log-lines mono ${wrapped ? "log-wrapped" : ""}`} style=${{ height: `${height}px` }} ref=${scroller} onScroll=${scrolled} tabindex="0" role="log" aria-live="off" aria-label=${t("log.label")}>
      ${all.length ? null : html`<p class="log-nothing muted">${nothing}</p>`}
      ${fill(from)} ${all.slice(from, to).map((line) => Line({ line, sources, pattern: lines.pattern }))} ${fill(all.length - to)}
    </div>
    ${atEnd.value ? null : Button({ icon: "arrow-down", label: t("log.to_end"), size: "small", class: "log-end", onClick: toEnd })}
  </div>`;
}

/** @param {{ line: import("./log_lines.js").LogLine, sources?: boolean, pattern: RegExp | null }} props */
function Line({ line, sources, pattern }) {
  return html`<div class=${`log-line ${line.level ? `log-${line.level}` : ""}`} key=${line.number}>
    ${sources ? html`<span class="log-at">${line.at ? clock(line.at) : ""}</span>` : null}
    ${sources ? html`<span class="log-source" title=${line.source}>${line.source}</span>` : null}
    <span class="log-text">${pattern ? marked(line.text, pattern) : line.text || " "}</span>
  </div>`;
}

/** The first match is marked. @param {string} text @param {RegExp} pattern */
function marked(text, pattern) {
  const found = pattern.exec(text);
  if (!found?.[0]) return text;
  const end = found.index + found[0].length;
  return html`${text.slice(0, found.index)}<mark>${found[0]}</mark>${text.slice(end)}`;
}
