// One chat: the messages of the branch that is shown, and everything that is done with them. Answers are followed while they are made.
import { del, get, path, patch, post } from "../../lib/api.js";
import { batch, computed, signal } from "../../lib/html.js";
import { complain } from "../../parts/toast.js";

/** @typedef {import("../../../types/api").MessageInfo} MessageInfo */
/** @typedef {import("../../../types/api").ChatInfo} ChatInfo */
/** @typedef {{ id: string, message: import("@preact/signals").Signal<MessageInfo> }} Entry a message that is shown */
/**
 * @typedef {object} AnswerSetup how a question is answered; what is left out is as the chat's settings say
 * @property {string} [mode] @property {string | null} [model] @property {string} [system] @property {Record<string, any>} [parameters]
 * @property {string[]} [bases] @property {string[]} [tools] @property {string | null} [search_engine] @property {number} [top_k]
 */

/** Messages that are loaded at once. */
export const PORTION = 50;

export class Conversation {
  /** @param {string | null} id null for a chat that does not exist yet */
  constructor(id) {
    /** @type {import("@preact/signals").Signal<string | null>} */
    this.id = signal(id);
    /** @type {import("@preact/signals").Signal<ChatInfo | null>} */
    this.chat = signal(null);
    /** @type {import("@preact/signals").Signal<Entry[]>} */
    this.entries = signal([]);
    /** @type {import("@preact/signals").Signal<Record<string, string[]>>} */
    this.siblings = signal({});
    /** Messages of the branch before those that are loaded. */
    this.earlier = signal(0);
    this.loading = signal(false);
    /** @type {import("@preact/signals").Signal<any>} */
    this.error = signal(null);
    /** The answer that is being made on this branch, if any. */
    this.running = computed(() => this.entries.value.find((each) => each.message.value.state === "running") ?? null);
    /** What screen readers are told of an answer that grows. */
    this.spoken = signal("");
    /** @type {Map<string, AbortController>} */
    this.followed = new Map();
    /** The load that is under way: a question waits for it, for it goes to the end of the branch. @type {Promise<void> | null} */
    this.reading = null;
  }

  /** Load the end of the branch that is shown. */
  load() {
    return (this.reading = this.#load());
  }

  async #load() {
    const id = this.id.value;
    if (id === null) return;
    this.loading.value = true;
    try {
      this.#take(await get(path`v1/chats/${id}/messages`, { limit: PORTION }));
    } catch (error) {
      this.error.value = error;
    }
    this.loading.value = false;
  }

  /** @param {any} page @param {Entry[]} [before] messages before the page that are loaded already */
  #take(page, before = []) {
    this.#leave();
    batch(() => {
      this.chat.value = page.chat;
      this.entries.value = [...before, ...page.data.map(entryOf)];
      this.siblings.value = before.length > 0 ? { ...this.siblings.value, ...page.siblings } : page.siblings;
      if (before.length === 0) this.earlier.value = page.earlier;
      this.error.value = null;
      this.spoken.value = "";
    });
    this.#followRunning();
  }

  /** Load the end of the branch again if the chat has changed since. What is done here meanwhile goes before. */
  async renew() {
    const [updated, entries] = [this.chat.value?.updated_at, this.entries.value];
    const page = await get(path`v1/chats/${/** @type {string} */ (this.id.value)}/messages`, { limit: PORTION }).catch(() => null);
    if (!page || this.entries.value !== entries || this.running.value) return;
    const last = page.data.at(-1);
    const same = last?.id === entries.at(-1)?.id; // an imported chat may be dated later than what is added to it
    if (same && page.chat.updated_at === updated) return;
    if (last && same && last.state !== "running") {
      this.chat.value = page.chat; // it is the end of this page's own last answer that made the chat newer
      return;
    }
    const first = entries.findIndex((each) => each.id === page.data[0]?.id);
    this.#take(page, entries.slice(0, Math.max(0, first)));
  }

  /** The chat as it is now, with the title that its first question gave it. */
  async refreshChat() {
    const page = await get(path`v1/chats/${/** @type {string} */ (this.id.value)}/messages`, { limit: 1 });
    this.chat.value = page.chat;
  }

  /** Load the portion before the first message that is shown. */
  async loadEarlier() {
    const [first] = this.entries.value;
    if (!first || this.loading.value || this.earlier.value === 0) return;
    this.loading.value = true;
    try {
      const leaf = this.entries.value.at(-1)?.id;
      const page = await get(path`v1/chats/${/** @type {string} */ (this.id.value)}/messages`, { limit: PORTION, before: first.id, leaf });
      batch(() => {
        this.entries.value = [...page.data.map(entryOf), ...this.entries.value];
        this.siblings.value = { ...page.siblings, ...this.siblings.value };
        this.earlier.value = page.earlier;
      });
    } catch (error) {
      complain(error);
    }
    this.loading.value = false;
  }

  /** Ask a question at the end of the branch, or after `parent`. @param {any} content @param {AnswerSetup} setup @param {string | null} [parent] */
  async ask(content, setup, parent) {
    await this.reading;
    if (this.error.value) throw this.error.value;
    const after = parent === undefined ? (this.entries.value.at(-1)?.id ?? null) : parent;
    await this.#answer({ content, parent: after, ...setup }, after);
  }

  /** Answer a question once more. @param {string} question @param {AnswerSetup} setup */
  async again(question, setup) {
    await this.#answer({ parent: question, ...setup }, question);
  }

  /** @param {any} body @param {string | null} parent */
  async #answer(body, parent) {
    const begun = await post(path`v1/chats/${/** @type {string} */ (this.id.value)}/answers`, body);
    const added = begun.question ? [begun.question, begun.message] : [begun.message];
    const kept = this.#upTo(parent);
    const replaced = this.entries.value[kept.length];
    batch(() => {
      if (replaced) {
        const group = [...(this.siblings.value[replaced.id] ?? [replaced.id]), added[0].id];
        this.siblings.value = { ...this.siblings.value, ...Object.fromEntries(group.map((each) => [each, group])) };
      }
      this.entries.value = [...kept, ...added.map(entryOf)];
      this.spoken.value = "";
    });
    this.#followRunning();
  }

  /** @param {string | null} parent */
  #upTo(parent) {
    const at = this.entries.value.findIndex((each) => each.id === parent);
    return parent === null ? [] : this.entries.value.slice(0, at + 1);
  }

  /** Stop the answer that is being made. */
  async stop() {
    const running = this.running.value;
    if (running) await post(path`v1/chats/${/** @type {string} */ (this.id.value)}/messages/${running.id}/stop`);
  }

  /** Show the branch of a sibling. @param {string} message */
  async show(message) {
    await patch(path`v1/chats/${/** @type {string} */ (this.id.value)}`, { active_leaf: message });
    await this.load();
  }

  /** Replace the text of an answer by another one, as its sibling. @param {string} message @param {any} content */
  async rewrite(message, content) {
    await patch(path`v1/chats/${/** @type {string} */ (this.id.value)}/messages/${message}`, { content });
    await this.load();
  }

  /** Delete a message with all below it. @param {string} message */
  async remove(message) {
    await del(path`v1/chats/${/** @type {string} */ (this.id.value)}/messages/${message}`);
    await this.load();
  }

  /** @param {string} message @param {number} score @param {string} reason */
  async rate(message, score, reason) {
    const rated = await post(path`v1/chats/messages/${message}/feedback`, { score, reason });
    const entry = this.entries.value.find((each) => each.id === message);
    if (entry) entry.message.value = { ...entry.message.value, score: rated.score, reason: rated.reason };
  }

  #followRunning() {
    for (const entry of this.entries.value) {
      if (entry.message.value.state === "running" && !this.followed.has(entry.id)) void this.#follow(entry);
    }
  }

  /** @param {Entry} entry */
  async #follow(entry) {
    const control = new AbortController();
    this.followed.set(entry.id, control);
    const chat = /** @type {string} */ (this.id.value);
    try {
      const { followAnswer } = await import("./following.js");
      await followAnswer(chat, entry.message, control.signal, this.spoken);
    } catch (error) {
      if (!control.signal.aborted) entry.message.value = await get(path`v1/chats/${chat}/messages`, { leaf: entry.id, limit: 1 }).then((page) => page.data[0], () => entry.message.value);
    }
    if (this.followed.get(entry.id) === control) this.followed.delete(entry.id);
  }

  #leave() {
    for (const control of this.followed.values()) control.abort();
    this.followed.clear();
  }

  /** Follow nothing any more; the server goes on with its answers. */
  close() {
    this.#leave();
  }
}

/** @param {MessageInfo} message @returns {Entry} */
export function entryOf(message) {
  return { id: message.id, message: signal(message) };
}
