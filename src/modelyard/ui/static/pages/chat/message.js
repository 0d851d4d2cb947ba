// One message: who says it, what it says, and what can be done with it.
import { chatModels } from "../../lib/events.js";
import { moment } from "../../lib/format.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { Button, IconButton } from "../../parts/button.js";
import { Copy } from "../../parts/copy.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { AnswerContent, QuestionContent, sourcesOf } from "./content.js";
import { Figures } from "./figures.js";
import { stoppedText, textOf } from "./fold.js";
import { Thinking } from "./steps.js";

/** @typedef {import("../../../types/api").MessageInfo} MessageInfo */
/**
 * @typedef {object} MessageActions
 * @property {(message: MessageInfo, text: string) => Promise<boolean>} edit
 * @property {(message: MessageInfo, model?: string) => void} again
 * @property {(message: MessageInfo) => void} goOn
 * @property {(message: MessageInfo) => void} remove
 * @property {(message: MessageInfo, good: boolean) => void} rate
 * @property {(id: string) => void} show the branch of a sibling
 * @property {(message: MessageInfo, number?: number) => void} sources
 */

/**
 * @param {{
 *   entry: import("./conversation.js").Entry, siblings: string[] | undefined, last: boolean, busy: boolean, actions: MessageActions,
 *   editing: import("@preact/signals").Signal<string | null>,
 * }} props
 */
export function MessageView({ entry, siblings, last, busy, actions, editing }) {
  const message = entry.message.value;
  const answer = message.role === "assistant";
  const edited = () => {
    editing.value = null;
    document.getElementById("chat-question")?.focus({ preventScroll: true }); // what had the focus goes
  };
  const name = answer ? message.model || t("chat.answer") : t(`chat.role_${message.role}`);
  return html`<article class=${`chat-message chat-${answer ? "answer" : "question"}`} aria-label=${name} data-message=${message.id}>
    <header class="chat-message-head">
      <span class="chat-message-name cut" title=${moment(message.created_at)}>${name}</span>
      ${message.state === "running" ? html`<span class="chat-working" role="status">${Icon({ name: "loader", size: 14 })}<span class="for-readers">${t("chat.answering")}</span></span>` : null}
    </header>
    ${editing.value === message.id
      ? html`<${Editor} message=${message} onDone=${edited} save=${actions.edit} />`
      : answer
        ? html`<${Answer} message=${message} actions=${actions} last=${last} busy=${busy} />`
        : html`<div class="chat-bubble">${QuestionContent({ message })}</div>`}
    ${editing.value === message.id ? null : Foot({ message, siblings, actions, busy, edit: () => (editing.value = message.id) })}
  </article>`;
}

/** @param {{ message: MessageInfo, actions: MessageActions, last: boolean, busy: boolean }} props */
function Answer({ message, actions, last, busy }) {
  const metadata = /** @type {any} */ (message.metadata);
  const waiting = message.state === "running" && message.content.length === 0 && !message.reasoning && message.tool_calls.length === 0;
  return html`<div class="chat-answer-content">
    ${Thinking({ message })} ${Notes({ metadata })}
    ${waiting ? html`<p class="chat-waiting muted">${metadata.sources?.length ? tn("chat.sources_found", metadata.sources.length) : t("chat.waiting")}</p>` : null}
    <${AnswerContent} message=${message} onSource=${(/** @type {number} */ number) => actions.sources(message, number)} />
    ${metadata.evidence === false ? html`<p class="chat-no-evidence">${Icon({ name: "info" })}<span>${t("chat.no_evidence")}</span></p>` : null}
    ${Ending({ message, actions, last, busy })}
  </div>`;
}

/** @param {{ metadata: any }} props */
function Notes({ metadata }) {
  const notes = [...(metadata.notices ?? []).map((/** @type {any} */ each) => each.text), ...(metadata.notes ?? [])];
  return notes.map((note) => html`<p class="chat-note" key=${note}>${Icon({ name: "info", size: 14 })}<span>${note}</span></p>`);
}

/** Why an answer is not whole, and what can be done. @param {{ message: MessageInfo, actions: MessageActions, last: boolean, busy: boolean }} props */
function Ending({ message, actions, last, busy }) {
  const { state, error, finish_reason: reason } = message;
  const cut = state === "complete" && reason === "length";
  if (state === "running" || (state === "complete" && !cut)) return null;
  const filtered = /** @type {any} */ (error)?.code === "content_filter";
  const text = state === "failed" ? (/** @type {any} */ (error)?.message ?? t("chat.failed")) : cut ? t("chat.cut") : filtered ? t("chat.filtered") : t(stoppedText(message));
  return html`<div class=${`chat-ending ${state === "failed" ? "chat-ending-failed" : ""}`} role=${state === "failed" ? "alert" : undefined}>
    ${Icon({ name: state === "failed" ? "alert" : "info" })}
    <div class="grow"><p>${text}</p>${state === "failed" && error ? html`<p class="failure-details mono">${/** @type {any} */ (error).code}</p>` : null}</div>
    ${last && message.content.length > 0 ? Button({ label: t("chat.continue"), size: "small", disabled: busy, onClick: () => actions.goOn(message) }) : null}
    ${Button({ label: t("chat.again"), icon: "refresh", size: "small", disabled: busy, onClick: () => actions.again(message) })}
  </div>`;
}

/** @param {{ message: MessageInfo, siblings: string[] | undefined, actions: MessageActions, busy: boolean, edit: () => void }} props */
function Foot({ message, siblings, actions, busy, edit }) {
  if (message.state === "running") return siblings ? html`<footer class="chat-foot">${Branches({ message, siblings, show: actions.show, busy: true })}</footer>` : null;
  const answer = message.role === "assistant";
  const sources = answer ? sourcesOf(message).length : 0;
  return html`<footer class="chat-foot">
    ${siblings ? Branches({ message, siblings, show: actions.show, busy }) : null}
    <span class="chat-foot-actions">
      ${Copy({ text: () => textOf(message) })}
      ${IconButton({ icon: "edit", size: "small", title: t("chat.edit"), disabled: busy, onClick: edit })}
      ${answer ? html`<${AgainMenu} message=${message} actions=${actions} busy=${busy} />` : null}
      ${answer ? IconButton({ icon: "thumb-up", size: "small", title: t("chat.good"), pressed: (message.score ?? 50) > 50, onClick: () => actions.rate(message, true) }) : null}
      ${answer ? IconButton({ icon: "thumb-down", size: "small", title: t("chat.bad"), pressed: (message.score ?? 50) < 50, onClick: () => actions.rate(message, false) }) : null}
      ${IconButton({ icon: "trash", size: "small", title: t("chat.delete_message"), disabled: busy, onClick: () => actions.remove(message) })}
    </span>
    ${sources > 0 ? Button({ icon: "book", label: tn("chat.sources", sources), kind: "quiet", size: "small", onClick: () => actions.sources(message) }) : null}
    ${answer ? Figures({ message }) : null}
  </footer>`;
}

/** @param {{ message: MessageInfo, actions: MessageActions, busy: boolean }} props */
function AgainMenu({ message, actions, busy }) {
  const others = chatModels.value.filter((each) => each.status === "READY" && each.id !== message.model);
  if (others.length === 0) return IconButton({ icon: "refresh", size: "small", title: t("chat.again"), disabled: busy, onClick: () => actions.again(message) });
  /** @type {import("../../parts/menu.js").MenuItem[]} */
  const items = [{ label: t("chat.again"), icon: "refresh", disabled: busy, onClick: () => actions.again(message) }, "line"];
  for (const each of others) items.push({ label: t("chat.again_with", { model: each.id }), icon: "box", disabled: busy, onClick: () => actions.again(message, each.id) });
  return html`<${Menu} items=${items} button=${{ icon: "refresh", size: "small", title: t("chat.again") }} />`;
}

/** ‹ 2/3 ›. @param {{ message: MessageInfo, siblings: string[], show: (id: string) => void, busy: boolean }} props */
function Branches({ message, siblings, show, busy }) {
  const at = siblings.indexOf(message.id);
  return html`<span class="chat-branches" role="group" aria-label=${t("chat.branches")}>
    ${IconButton({ icon: "chevron-left", size: "small", title: t("chat.branch_before"), disabled: busy || at <= 0, onClick: () => show(siblings[at - 1]) })}
    <span class="chat-branch-number">${at + 1}/${siblings.length}</span>
    ${IconButton({ icon: "chevron-right", size: "small", title: t("chat.branch_after"), disabled: busy || at >= siblings.length - 1, onClick: () => show(siblings[at + 1]) })}
  </span>`;
}

/** @param {{ message: MessageInfo, onDone: () => void, save: (message: MessageInfo, text: string) => Promise<boolean> }} props */
function Editor({ message, onDone, save }) {
  const text = useSignal(textOf(message));
  const saving = useSignal(false);
  const send = async () => {
    if (!text.value.trim() || saving.value) return;
    saving.value = true;
    if (await save(message, text.value.trim())) onDone();
    saving.value = false;
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      onDone();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void send();
    }
  };
  return html`<form class="chat-editor" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), void send())}>
    <textarea class="input" aria-label=${t("chat.edit")} value=${text.value} ref=${focusOnce} dir="auto" onInput=${(/** @type {any} */ event) => (text.value = event.target.value)} onKeyDown=${pressed}></textarea>
    <p class="field-hint">${message.role === "user" ? t("chat.edit_hint") : t("chat.edit_answer_hint")}</p>
    <div class="dialog-actions">
      ${Button({ label: t("common.cancel"), size: "small", onClick: onDone })}
      ${Button({ label: message.role === "user" ? t("chat.send") : t("common.save"), size: "small", kind: "primary", type: "submit", busy: saving.value })}
    </div>
  </form>`;
}

/** @param {HTMLTextAreaElement | null} area */
function focusOnce(area) {
  if (!area || area.dataset.focused) return;
  area.dataset.focused = "true";
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}
