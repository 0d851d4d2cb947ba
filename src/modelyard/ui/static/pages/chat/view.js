// The conversation: its messages, and the composer below them.
import { del, path, post } from "../../lib/api.js";
import { html, signal, useEffect, useRef, useSignal } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { go, href, route } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { Empty, Failure, Loading } from "../../parts/states.js";
import { attempt, complain } from "../../parts/toast.js";
import { putChat } from "./chats.js";
import { Composer } from "./composer.js";
import { launchDemo, nothingRuns, nowAt } from "./opening.js";
import { ModelPicker, SourcePicker, stateOf, ThinkingSwitch } from "./pickers.js";
import { useBottom } from "./scrolling.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {import("./setup.js").Setup} Setup */

/** The module that draws messages, once it is there. @type {import("@preact/signals").Signal<any>} */
const drawing = signal(null);

/** Load what draws messages: at once for a chat that has some, else when the browser has nothing else to do. */
export async function loadMessages() {
  drawing.value ??= await import("./messages.js");
}

/** @param {{ conversation: Conversation, setup: Setup }} props */
export function ConversationView({ conversation, setup }) {
  const editing = useSignal(/** @type {string | null} */ (null));
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const bottom = useBottom(scroller, conversation);
  const running = conversation.running.value !== null;
  useEffect(() => {
    if (conversation.id.value !== null) void loadMessages();
    else setTimeout(loadMessages, 500);
  }, [conversation]);
  const send = async (/** @type {any} */ content, /** @type {boolean} */ files) => {
    bottom.toEnd();
    return ask(conversation, setup, content, files);
  };
  const pickers = html`<${ModelPicker} value=${setup.model.value} present=${setup.present.value} onChoose=${(/** @type {string} */ model) => setup.chooseModel(model)} />
    ${SourcePicker({ setup })} ${ThinkingSwitch({ setup })}`;
  const editLast = () => drawing.value?.editLast(conversation, editing);
  const drawn = conversation.entries.value.length > 0 ? drawing.value : null;
  return html`<div class="chat-scroll" ref=${scroller} tabindex="0" role="region" aria-label=${t("chat.messages")}>
      <div class="chat-messages">
        ${Head({ conversation, setup, earlier: bottom.earlier })}
        ${drawn ? html`<${drawn.Messages} conversation=${conversation} setup=${setup} editing=${editing} toEnd=${bottom.toEnd} />` : null}
      </div>
    </div>
    <div class="chat-below">
      ${bottom.away.value ? html`<div class="chat-to-end">${Button({ icon: "arrow-down", title: t("chat.to_end"), size: "small", onClick: bottom.toEnd })}</div>` : null}
      <${Composer} chat=${conversation.id.value} missing=${(/** @type {boolean} */ files) => setup.missing(files)} pickers=${pickers} running=${running} onSend=${send} onStop=${() => void attempt(conversation.stop())} onEditLast=${editLast} hint=${drawn ? html`<${drawn.ContextHint} conversation=${conversation} />` : null} />
    </div>
    <${Spoken} conversation=${conversation} />`;
}

/** What screen readers are told. @param {{ conversation: Conversation }} props */
function Spoken({ conversation }) {
  return html`<div class="for-readers" role="status" aria-live="polite" data-spoken>${conversation.spoken.value}</div>`;
}

/** What stands above the messages: what came before, what is loading, or what to do first. @param {{ conversation: Conversation, setup: Setup, earlier: () => Promise<void> }} props */
function Head({ conversation, setup, earlier: load }) {
  const { error, loading, entries, earlier, id } = conversation;
  if (error.value) return Failure({ error: error.value, retry: () => void conversation.load() });
  if (entries.value.length === 0 && loading.value) return Loading({ lines: 6 });
  if (earlier.value > 0) {
    return html`<div class="chat-earlier">${Button({ label: t("chat.earlier", { n: number(earlier.value) }), kind: "quiet", size: "small", busy: loading.value, onClick: () => void load() })}</div>`;
  }
  if (entries.value.length > 0) return null;
  if (nothingRuns()) return NoModel();
  const model = setup.present.value;
  if (model && model.status !== "READY") return Empty({ icon: "box", title: t("chat.model_loading", { model: model.id }), text: html`<span role="status">${stateOf(model)}</span>${model.error ? html`<br />${model.error}` : null}` });
  return id.value === null ? Empty({ icon: "message", title: t("chat.begin"), text: t("chat.begin_text") }) : null;
}

function NoModel() {
  const action = html`<div class="row">
    ${can("models:write") ? Button({ label: t("chat.launch_demo"), icon: "play", kind: "primary", onClick: () => void launchDemo() }) : null}
    ${can("models:list") ? Button({ label: t("chat.choose_model"), href: href("models") }) : null}
  </div>`;
  return Empty({ icon: "box", title: t("chat.nothing_runs"), text: can("models:write") ? t("chat.nothing_runs_text") : t("common.no_permission_text", { scope: "models:write" }), action });
}

/** Send a question; the chat is made with the first one. @param {Conversation} conversation @param {Setup} setup @param {any} content @param {boolean} files */
async function ask(conversation, setup, content, files) {
  let begun = false;
  try {
    if (conversation.id.value === null) {
      begun = true;
      const made = await post("v1/chats", { settings: setup.settings });
      nowAt(made.id);
      conversation.chat.value = made;
      const { only } = route.value.query;
      go(["chat", made.id], only === undefined ? {} : { only: "true" }, { replace: true });
    }
    await conversation.ask(content, setup.answer({ files }));
    await conversation.refreshChat().catch(() => null); // the question is taken in any case
    if (conversation.chat.value) putChat(conversation.chat.value);
    return true;
  } catch (error) {
    complain(error);
    if (begun && conversation.entries.value.length === 0) await forget(conversation);
    return false;
  }
}

/** Delete a chat that was made for a question which was refused. @param {Conversation} conversation */
async function forget(conversation) {
  const id = conversation.id.value;
  if (id === null) return;
  await del(path`v1/chats/${id}`).catch(() => null);
  nowAt(null);
  conversation.chat.value = null;
  go("chat", route.value.query, { replace: true });
}
