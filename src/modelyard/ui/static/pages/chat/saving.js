// Writes changed settings of a chat: what is typed quickly is written once, in order, and before the page is left.
import { path, patch, request, url } from "../../lib/api.js";
import { complain } from "../../parts/toast.js";

const WAIT = 300;

/** What writes the settings of one chat. */
export class SettingsWriter {
  /** @param {import("./conversation.js").Conversation} conversation */
  constructor(conversation) {
    this.conversation = conversation;
    /** @type {Record<string, any> | null} */
    this.pending = null;
    this.timer = 0;
    this.writing = Promise.resolve();
  }

  /** Write these settings soon. A chat that does not exist yet is made with them. @param {Record<string, any>} settings */
  add(settings) {
    if (this.conversation.id.value === null) return;
    this.pending = { ...this.pending, ...settings };
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.flush(), WAIT);
  }

  /** Write what is not written yet. */
  flush() {
    clearTimeout(this.timer);
    const settings = this.pending;
    const id = this.conversation.id.value;
    this.pending = null;
    if (settings && id !== null) this.writing = this.writing.then(() => patch(path`v1/chats/${id}`, { settings })).then(() => {}, complain);
    return this.writing;
  }

  /** Write what is not written yet while the page is left. */
  leave() {
    const id = this.conversation.id.value;
    if (!this.pending || id === null) return;
    const init = { method: "PATCH", keepalive: true, headers: { "content-type": "application/json" }, body: JSON.stringify({ settings: this.pending }) };
    this.pending = null;
    void request(url(path`v1/chats/${id}`), init, { login: false }).catch(() => null);
  }
}
