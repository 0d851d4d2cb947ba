// The messages of a conversation, and what can be done with each.
import { html } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { copyText } from "../../parts/copy.js";
import { confirm } from "../../parts/dialog.js";
import { attempt, say } from "../../parts/toast.js";
import { drawer } from "./drawer_state.js";
import { figuresOf } from "./figures.js";
import { textOf } from "./fold.js";
import { MessageView } from "./message.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {import("./setup.js").Setup} Setup */

/** @param {{ conversation: Conversation, setup: Setup, editing: import("@preact/signals").Signal<string | null>, toEnd: () => void }} props */
export function Messages({ conversation, setup, editing, toEnd }) {
  const actions = actionsOf(conversation, setup, toEnd);
  const entries = conversation.entries.value;
  const running = conversation.running.value !== null;
  useChatKeys(conversation, actions, editing);
  return entries.map(
    (entry, index) => html`<${MessageView} key=${entry.id} entry=${entry} siblings=${conversation.siblings.value[entry.id]} last=${index === entries.length - 1} busy=${running} actions=${actions} editing=${editing} />`,
  );
}

/** How full the model's context is, once it matters. @param {{ conversation: Conversation }} props */
export function ContextHint({ conversation }) {
  const last = conversation.entries.value.findLast(({ message }) => message.value.role === "assistant" && message.value.usage.total_tokens);
  if (!last) return null;
  const { used, context, share } = figuresOf(last.message.value);
  if (share === null || share < 0.75) return null;
  return html`<p class=${`chat-composer-note ${share > 0.95 ? "danger" : ""}`} role="status">${t("chat.context_full", { used: number(used), context: number(context) })}</p>`;
}

/** @param {Conversation} conversation @param {Setup} setup @param {() => void} toEnd @returns {import("./message.js").MessageActions} */
function actionsOf(conversation, setup, toEnd) {
  const setupOf = (/** @type {any} */ message, /** @type {string | undefined} */ model) => {
    const files = message.metadata?.mode === "files";
    return setup.answer({ files, model });
  };
  return {
    edit: async (message, text) => {
      const rest = message.content.filter((part) => part.type !== "text");
      const content = rest.length > 0 ? [{ type: "text", text }, ...rest] : text;
      if (message.role !== "user") return (await attempt(conversation.rewrite(message.id, content).then(() => true))) ?? false;
      toEnd();
      const files = rest.some((part) => part.type === "file");
      return (await attempt(conversation.ask(content, setup.answer({ files }), message.parent).then(() => true))) ?? false;
    },
    again: (message, model) => message.parent && void attempt(conversation.again(message.parent, setupOf(message, model))),
    goOn: () => {
      toEnd();
      void attempt(conversation.ask(t("chat.continue_question"), setup.answer()));
    },
    remove: async (message) => {
      if (await confirm({ title: t("chat.delete_message"), text: t("chat.delete_message_text"), action: t("common.delete"), danger: true })) await attempt(conversation.remove(message.id));
    },
    rate: async (message, good) => {
      const reason = good ? "" : await confirm({ title: t("chat.bad"), action: t("chat.send"), input: { label: t("chat.reason"), value: message.reason } });
      if (reason === null) return;
      await attempt(conversation.rate(message.id, good ? 100 : 0, reason), t("chat.rated"));
    },
    show: (id) => void attempt(conversation.show(id)),
    sources: (message, at) => (drawer.value = { tab: "sources", message: message.id, number: at }),
  };
}

/** @param {Conversation} conversation @param {import("@preact/signals").Signal<string | null>} editing */
export function editLast(conversation, editing) {
  const last = conversation.entries.value.findLast(({ message }) => message.value.role === "user");
  if (last && !conversation.running.value) editing.value = last.id;
}

/** @param {Conversation} conversation @param {import("./message.js").MessageActions} actions @param {import("@preact/signals").Signal<string | null>} editing */
function useChatKeys(conversation, actions, editing) {
  const branch = (/** @type {number} */ step) => {
    const focused = document.activeElement?.closest("[data-message]")?.getAttribute("data-message");
    const siblings = conversation.siblings.value;
    const entry = conversation.entries.value.findLast((each) => siblings[each.id] && (!focused || each.id === focused));
    const target = entry && siblings[entry.id][siblings[entry.id].indexOf(entry.id) + step];
    if (target && !conversation.running.value) actions.show(target);
  };
  const withLast = (/** @type {(message: import("./message.js").MessageInfo) => void} */ run) => {
    const last = conversation.entries.value.findLast(({ message }) => message.value.role === "assistant");
    if (last && !conversation.running.value) run(last.message.value);
  };
  const copyCode = async () => {
    const answer = conversation.entries.value.findLast(({ message }) => message.value.role === "assistant" && textOf(message.value).includes("```"));
    const blocks = answer ? [...textOf(answer.message.value).matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)] : [];
    const code = blocks.at(-1)?.[1];
    if (code !== undefined) await attempt(copyText(code), t("common.copied"));
    else say(t("chat.no_code"));
  };
  const running = conversation.running.value !== null;
  useKeys(
    [
      ...(running ? [{ keys: "Escape", label: t("chat.stop"), run: () => void attempt(conversation.stop()) }] : []),
      { keys: "Alt+ArrowLeft", label: t("chat.branch_before"), run: () => branch(-1) },
      { keys: "Alt+ArrowRight", label: t("chat.branch_after"), run: () => branch(1) },
      { keys: "Ctrl+Shift+c", label: t("chat.copy_code"), run: () => void copyCode() },
      { keys: "r", label: t("chat.again"), run: () => withLast((message) => actions.again(message)) },
      { keys: "c", label: t("chat.copy_answer"), run: () => withLast((message) => void attempt(copyText(textOf(message)), t("common.copied"))) },
      { keys: "e", label: t("chat.edit"), run: () => editLast(conversation, editing) },
    ],
    [conversation, running],
  );
}
