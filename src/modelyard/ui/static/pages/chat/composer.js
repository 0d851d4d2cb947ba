// Where questions are written: text, attachments, the model, the sources, Send and Stop.
import { useDrops } from "../../lib/drops.js";
import { html, useEffect, useRef, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { href } from "../../lib/router.js";
import { Button, IconButton } from "../../parts/button.js";
import { draftOf, keepDraft } from "./drafts.js";

/**
 * @param {{
 *   chat: string | null, running: boolean, hint?: any, pickers?: any, missing: (files: boolean) => string | null,
 *   onSend: (content: any, files: boolean) => Promise<boolean>, onStop: () => void, onEditLast?: () => void,
 * }} props `missing` is why a question cannot be sent, the key of a text; `onSend` resolves to whether it was taken, else it stays
 */
export function Composer({ chat, missing, running, onSend, onStop, onEditLast, hint, pickers }) {
  const text = useSignal(draftOf(chat));
  const sending = useSignal(false);
  const dropping = useSignal(false);
  const attached = useSignal(/** @type {{ of: import("./attachments.js").Attachments, List: any } | null} */ (null));
  const attachments = attached.value?.of;
  const attach = async (/** @type {File[]} */ files) => {
    const { Attachments, AttachmentList } = await import("./attachments.js");
    attached.value ??= { of: new Attachments(), List: AttachmentList };
    attached.value.of.add(files);
  };
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const chooser = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    text.value = draftOf(chat);
    if (matchMedia("(hover: hover)").matches) area.current?.focus({ preventScroll: true });
  }, [chat]);
  const write = (/** @type {string} */ value) => {
    text.value = value;
    keepDraft(chat, value);
  };
  const reason = attachments?.failed ? "chat.attachment_missing" : missing(attachments?.files ?? false);
  const empty = text.value.trim() === "" && !attachments?.list.value.length;
  const ready = !empty && !reason && !sending.value;
  const send = async () => {
    if (!ready || running) return;
    const written = text.value.trim();
    sending.value = true;
    if (attachments && !(await attachments.complete())) {
      sending.value = false;
      return;
    }
    const parts = attachments?.parts ?? [];
    const taken = await onSend(parts.length > 0 ? [...(written ? [{ type: "text", text: written }] : []), ...parts] : written, attachments?.files ?? false);
    sending.value = false;
    if (!taken) return;
    keepDraft(chat, "");
    text.value = "";
    attachments?.clear();
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      void send();
    } else if (event.key === "Escape" && running) {
      event.preventDefault();
      onStop();
    } else if (event.key === "Escape") {
      area.current?.blur();
    } else if (event.key === "ArrowUp" && text.value === "" && onEditLast) {
      event.preventDefault();
      onEditLast();
    }
  };
  useDrops(true, dropping, (dropped) => void (dropped.files.length && attach([...dropped.files])));
  const pasted = (/** @type {ClipboardEvent} */ event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    void attach(files);
  };
  return html`<form
    class=${`chat-composer ${dropping.value ? "chat-composer-drop" : ""}`}
    onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), void send())}
  >
    ${attached.value ? html`<${attached.value.List} of=${attached.value.of} />` : null}
    <label class="for-readers" for="chat-question">${t("chat.question")}</label>
    <textarea
      id="chat-question" ref=${area} rows="1" placeholder=${t("chat.placeholder")} value=${text.value} dir="auto"
      onInput=${(/** @type {any} */ event) => write(event.target.value)} onKeyDown=${pressed}
      onPaste=${pasted}
    ></textarea>
    <div class="chat-composer-bar">
      <input ref=${chooser} type="file" multiple hidden onChange=${(/** @type {any} */ event) => (void attach([...event.target.files]), (event.target.value = ""))} />
      ${IconButton({ icon: "paperclip", size: "small", title: t("chat.attach"), onClick: () => chooser.current?.click() })}
      ${pickers ?? null}
      <span class="grow"></span>
      ${running
        ? Button({ icon: "stop", label: t("chat.stop"), size: "small", onClick: onStop })
        : Button({ icon: "send", label: t("chat.send"), kind: "primary", size: "small", type: "submit", disabled: !ready, busy: sending.value, title: !empty && reason ? t(reason) : undefined })}
    </div>
    ${!empty && reason ? html`<p class="chat-composer-note" role="status">${t(reason)}${reason === "chat.no_model" ? html` <a href=${href("models")}>${t("chat.choose_model")}</a>` : null}</p>` : (hint ?? null)}
  </form>`;
}
