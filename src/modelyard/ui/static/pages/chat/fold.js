// What the events of an answer make of its message, in the way in which the server stores it.

/** @typedef {import("../../../types/api").MessageInfo} MessageInfo */
/** @typedef {{ type: string, at: number, number: number, data: any }} AnswerEvent */

const STATES = /** @type {const} */ ({ completed: "complete", failed: "failed", stopped: "stopped", interrupted: "stopped" });

/** The events of one answer, added in their order. */
export class AnswerFold {
  /** The message before its first event. @param {MessageInfo} message */
  constructor(message) {
    this.message = message;
    /** Whether the last event has come. */
    this.ended = false;
    /** Notices such as that the model cannot call tools. @type {{ code: string, text: string }[]} */
    this.notices = [];
    /** @type {string[]} */
    this.texts = [""];
    this.reasoning = "";
    /** @type {Map<string, any>} */
    this.calls = new Map();
    /** @type {any[]} */
    this.sources = [];
    /** @type {string[]} */
    this.notes = [];
    /** @type {any} */
    this.result = {};
    /** @type {Record<string, number>} */
    this.times = {};
    /** @type {any} */
    this.end = null;
  }

  /** @param {AnswerEvent} event */
  add({ type, at, data }) {
    if (type === "start") this.times.start = at;
    else if (type === "text") this.#text(data.text, at);
    else if (type === "reasoning") {
      this.times.first_token ??= at;
      this.reasoning += data.text;
    } else if (type === "sources") {
      this.times.sources = at;
      this.sources = data.sources;
      this.notes = data.notes;
    } else if (type === "tool_started" || type === "tool_ended") this.#call(data);
    else if (type === "notice") this.notices.push(data);
    else if (type === "result") this.result = data;
    else if (type === "end") {
      this.ended = true;
      this.end = data;
    }
    this.times.total = at;
  }

  /** @param {string} text @param {number} at */
  #text(text, at) {
    this.times.first_token ??= at;
    this.times.first_text ??= at;
    this.texts[this.texts.length - 1] += text;
  }

  /** @param {any} call */
  #call(call) {
    if (this.texts.at(-1)) this.texts.push("");
    this.calls.set(call.id, { ...this.calls.get(call.id), ...call });
  }

  /** Milliseconds from the start. */
  get timings() {
    const { start = 0, ...others } = this.times;
    return Object.fromEntries(Object.entries(others).map(([name, at]) => [name, Math.round((at - start) * 10_000) / 10]));
  }

  /** The message as it is now. @returns {MessageInfo} */
  get now() {
    const notes = [...this.notes, ...(this.result.notes ?? [])];
    /** @type {keyof typeof STATES | undefined} */
    const state = this.end?.state;
    return {
      ...this.message,
      content: this.texts.filter(Boolean).map((text) => ({ type: "text", text })),
      reasoning: this.reasoning,
      tool_calls: [...this.calls.values()],
      citations: this.result.citations ?? [],
      model: this.result.model ?? this.message.model,
      usage: this.result.usage ?? {},
      timings: this.result.timings ?? this.timings,
      state: state ? STATES[state] : "running",
      finish_reason: this.result.finish_reason ?? "",
      error: this.end?.error ?? null,
      metadata: { ...this.message.metadata, sources: this.sources, notes, evidence: this.result.evidence ?? null, notices: this.notices },
    };
  }
}

/** The text of a message. @param {{ content: any[] }} message */
export function textOf(message) {
  return message.content.filter((part) => part.type === "text").map((part) => part.text).join("\n");
}

/** The key of the text that says that an answer was stopped. @param {MessageInfo} message */
export function stoppedText(message) {
  return textOf(message) || message.reasoning ? "chat.stopped" : "chat.stopped_empty";
}
