// Server-sent events, read with fetch: resumed after the last one when the connection breaks.
import { ApiError, request, url } from "./api.js";

/** @typedef {{ id: string, type: string, data: any }} StreamEvent */
/**
 * @typedef {object} FollowOptions
 * @property {import("./api.js").Query} [query]
 * @property {string | number} [after] the id of the last event that is known
 * @property {AbortSignal} [signal] ends the stream
 * @property {boolean} [resume] whether a broken connection is made again; true if left out
 * @property {(state: "open" | "broken", wait: number) => void} [onConnection] called when it opens or breaks, with the seconds until the next attempt
 * @property {RequestInit} [init] method and body, of a POST that answers with a stream
 */

const LONGEST_WAIT = 10;

/**
 * Read a stream of events to its end. `onEvent` returns true when it needs no more of it.
 * @param {string} target @param {FollowOptions} options @param {(event: StreamEvent) => boolean | void} onEvent
 */
export async function follow(target, options, onEvent) {
  const { query, signal, resume = true, onConnection, init } = options;
  let last = options.after === undefined ? "" : String(options.after);
  let wait = 0.5;
  for (;;) {
    try {
      const headers = { accept: "text/event-stream", ...(init?.headers ?? {}), ...(last ? { "last-event-id": last } : {}) };
      const answer = await request(url(target, query), { ...init, headers, signal });
      onConnection?.("open", 0);
      wait = 0.5;
      const complete = await readEvents(answer, (event) => {
        if (event.id) last = event.id;
        return onEvent(event);
      });
      if (complete || !resume || signal?.aborted) return;
    } catch (error) {
      if (signal?.aborted) return;
      const final = error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
      if (!resume || final) throw error;
    }
    onConnection?.("broken", wait);
    await pause(wait, signal);
    if (signal?.aborted) return;
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

/** Read the events of one answer; true if the reader needs no more. @param {Response} answer @param {(event: StreamEvent) => boolean | void} onEvent */
async function readEvents(answer, onEvent) {
  const reader = /** @type {ReadableStream<any>} */ (answer.body).pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return false;
      buffer += value;
      const parts = buffer.split(/\r?\n\r?\n/);
      buffer = /** @type {string} */ (parts.pop());
      for (const part of parts) {
        const event = parseEvent(part);
        if (event && onEvent(event)) return true;
      }
    }
  } finally {
    await reader.cancel().catch(() => null); // the connection is given back, however the reading ended
  }
}

/** @param {string} text @returns {StreamEvent | null} null for comments */
export function parseEvent(text) {
  let [id, type] = ["", "message"];
  const data = [];
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = /^([a-z]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === "id") id = value;
    else if (name === "event") type = value;
    else if (name === "data") data.push(value);
  }
  if (!data.length) return null;
  const joined = data.join("\n");
  if (joined === "[DONE]") return { id, type: "done", data: null };
  return { id, type, data: JSON.parse(joined) };
}

/** @param {number} seconds @param {AbortSignal} [signal] @returns {Promise<void>} */
function pause(seconds, signal) {
  return new Promise((resolve) => {
    const listening = new AbortController();
    const end = () => (clearTimeout(timer), listening.abort(), resolve());
    const timer = setTimeout(end, seconds * 1000);
    signal?.addEventListener("abort", end, { signal: listening.signal });
    addEventListener("online", end, { signal: listening.signal });
  });
}
