// A button that copies a text.
import { html, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Button } from "./button.js";
import { complain } from "./toast.js";

/** Put a text onto the clipboard, also where the page has no https. @param {string} text */
export async function copyText(text) {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "for-readers";
  const place = document.querySelector("dialog[open]") ?? document.body;
  place.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error(t("common.copy_failed"));
}

/** @param {{ text: string | (() => string), label?: string, size?: "small", kind?: "plain" | "quiet" }} props */
export function CopyButton({ text, label, size = "small", kind = "quiet" }) {
  const done = useSignal(false);
  const copy = async () => {
    try {
      await copyText(typeof text === "function" ? text() : text);
      done.value = true;
      setTimeout(() => (done.value = false), 1500);
    } catch (error) {
      complain(error);
    }
  };
  const title = done.value ? t("common.copied") : t("common.copy");
  return Button({ icon: done.value ? "check" : "copy", title, label, size, kind, onClick: copy });
}

/** @param {Parameters<typeof CopyButton>[0]} props */
export const Copy = (props) => html`<${CopyButton} ...${props} />`;
