// All shortcuts that work now.
import { html, signal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { shortcuts } from "../lib/keys.js";
import { letterKeys } from "../lib/settings.js";
import { Dialog } from "./dialog.js";
import { CheckField } from "./field.js";

export const keysShown = signal(false);

export function KeysHelp() {
  const list = [...new Map(shortcuts.value.map((each) => [each.keys, each])).values()];
  return html`<${Dialog} title=${t("common.keys")} onClose=${() => (keysShown.value = false)}>
    <dl class="keys">
      ${list.map((each) => html`<div><dt>${each.keys.split(/[ +]/).map((key) => html`<kbd>${key}</kbd>`)}</dt><dd>${each.label}</dd></div>`)}
    </dl>
    ${CheckField({ name: "letter-keys", label: t("common.letter_keys"), value: letterKeys.value, onInput: (value) => (letterKeys.value = value) })}
  <//>`;
}
