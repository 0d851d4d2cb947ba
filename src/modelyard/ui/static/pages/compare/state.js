// A comparison: one chat of the server whose question has an answer of each column, and each column goes on as a branch of its own.
import { get, path, patch, post } from "../../lib/api.js";
import { chatModels } from "../../lib/events.js";
import { batch, computed, signal } from "../../lib/html.js";
import { followAnswer } from "../chat/following.js";
import { Setup } from "../chat/setup.js";

/** @typedef {import("../../../types/api").MessageInfo} MessageInfo */
/** @typedef {{ question: string, message: import("@preact/signals").Signal<MessageInfo> }} Turn */

export const MOST_COLUMNS = 4;
let counter = 0;

/** One side of the comparison. */
export class Column {
  constructor() {
    this.key = ++counter;
    this.setup = new Setup(() => {});
    /** @type {import("@preact/signals").Signal<Turn[]>} */
    this.turns = signal([]);
    /** Why the newest question was not taken. @type {import("@preact/signals").Signal<any>} */
    this.error = signal(null);
    this.running = computed(() => this.turns.value.some((turn) => turn.message.value.state === "running"));
  }

  /** The last answer. @returns {MessageInfo | undefined} */
  get last() {
    return this.turns.value.at(-1)?.message.value;
  }
}

export class Comparison {
  /** @param {string | null} id of its chat */
  constructor(id) {
    /** @type {import("@preact/signals").Signal<string | null>} */
    this.id = signal(id);
    /** @type {import("@preact/signals").Signal<Column[]>} */
    this.columns = signal([]);
    /** @type {import("@preact/signals").Signal<any>} */
    this.error = signal(null);
    /** The seed of all columns, so that only what differs makes a difference; null for none. @type {import("@preact/signals").Signal<number | null>} */
    this.seed = signal(1);
    this.running = computed(() => this.columns.value.some((each) => each.running.value));
    this.control = new AbortController();
  }

  /** Begin with a column for each model; without models, with the first two that run. @param {string[]} names */
  begin(names) {
    const ready = chatModels.value.filter((each) => each.status === "READY").map((each) => each.id);
    const chosen = names.length > 0 ? names : [ready[0] ?? null, ready[1] ?? ready[0] ?? null];
    this.columns.value = [];
    for (const name of chosen.slice(0, MOST_COLUMNS)) this.add(name);
    while (this.columns.value.length < 2) this.add(null);
  }

  /** @param {string | null} [model] */
  add(model) {
    const column = new Column();
    column.setup.model.value = model ?? this.columns.value.at(-1)?.setup.model.value ?? null;
    this.columns.value = [...this.columns.value, column];
    return column;
  }

  /** @param {Column} column */
  remove(column) {
    this.columns.value = this.columns.value.filter((each) => each !== column);
  }

  /** Read a comparison from its chat: the answers of its first question, each with what follows it. */
  async load() {
    try {
      const chat = await get(path`v1/chats/${/** @type {string} */ (this.id.value)}`);
      const children = childrenOf(chat.messages);
      const [question] = children.get(null) ?? [];
      const answers = (question ? (children.get(question.id) ?? []) : []).slice(-MOST_COLUMNS);
      batch(() => {
        this.columns.value = [];
        for (const answer of answers) this.#take(this.add(answer.model), question, answer, children);
        while (this.columns.value.length < 2) this.add(null);
      });
    } catch (error) {
      this.error.value = error;
    }
  }

  /** @param {Column} column @param {MessageInfo} question @param {MessageInfo} answer @param {Map<string | null, MessageInfo[]>} children */
  #take(column, question, answer, children) {
    column.setup.mode.value = /** @type {any} */ (answer.metadata).mode ?? "chat";
    column.setup.parameters.value = answer.parameters;
    /** @type {MessageInfo | undefined} */
    let current = question;
    /** @type {MessageInfo | undefined} */
    let next = answer;
    while (current && next) {
      this.#turn(column, current, next);
      current = children.get(next.id)?.at(-1);
      next = current && children.get(current.id)?.at(-1);
    }
  }

  /** @param {Column} column @param {MessageInfo} question @param {MessageInfo} answer */
  #turn(column, question, answer) {
    const turn = { question: question.content.map((part) => part.text ?? "").join("\n"), message: signal(answer) };
    column.turns.value = [...column.turns.value, turn];
    if (answer.state !== "running") return;
    const chat = /** @type {string} */ (this.id.value);
    followAnswer(chat, turn.message, this.control.signal).catch((error) => (column.error.value = error));
  }

  /** Ask all columns. Raises if the chat cannot be made; a column that fails says so, and the others go on. @param {any} content @param {boolean} files */
  async ask(content, files) {
    if (this.id.value === null) this.id.value = (await post("v1/chats", {})).id;
    const chat = /** @type {string} */ (this.id.value);
    const first = this.columns.value.every((each) => each.turns.value.length === 0) ? await this.#question(content, null) : null;
    for (const column of this.columns.value) await this.#askColumn(chat, column, first, content, files); // in their order, which is kept
  }

  /** @param {any} content @param {string | null} parent */
  #question(content, parent) {
    return post(path`v1/chats/${/** @type {string} */ (this.id.value)}/messages`, { content, parent });
  }

  /** @param {string} chat @param {Column} column @param {MessageInfo | null} first @param {any} content @param {boolean} files */
  async #askColumn(chat, column, first, content, files) {
    column.error.value = null;
    try {
      const question = first ?? (await this.#question(content, column.last?.id ?? null));
      const setup = column.setup.answer({ files });
      const parameters = { ...(this.seed.value === null ? {} : { seed: this.seed.value }), ...column.setup.parameters.value };
      const begun = await post(path`v1/chats/${chat}/answers`, { parent: question.id, ...setup, parameters });
      this.#turn(column, question, begun.message);
    } catch (error) {
      column.error.value = error;
    }
  }

  /** Stop all answers. */
  async stop() {
    const chat = /** @type {string} */ (this.id.value);
    const running = this.columns.value.flatMap((each) => each.turns.value).filter((turn) => turn.message.value.state === "running");
    await Promise.all(running.map((turn) => post(path`v1/chats/${chat}/messages/${turn.message.value.id}/stop`)));
  }

  /** Make the branch of a column the one that its chat shows. @param {Column} column */
  async keep(column) {
    await patch(path`v1/chats/${/** @type {string} */ (this.id.value)}`, { active_leaf: column.last?.id, settings: column.setup.settings });
  }

  /** Whether its answers are followed no more. */
  get closed() {
    return this.control.signal.aborted;
  }

  close() {
    this.control.abort();
  }
}

/** @param {MessageInfo[]} messages @returns {Map<string | null, MessageInfo[]>} */
function childrenOf(messages) {
  const found = new Map();
  for (const each of messages) found.set(each.parent, [...(found.get(each.parent) ?? []), each]);
  return found;
}
