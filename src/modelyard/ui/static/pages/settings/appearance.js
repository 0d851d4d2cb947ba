// What this browser remembers: language, theme, density, and whether single letters are shortcuts.
import { html } from "../../lib/html.js";
import { language, setLanguage, t } from "../../lib/i18n.js";
import { density, letterKeys, theme } from "../../lib/settings.js";
import { Button } from "../../parts/button.js";
import { CheckField } from "../../parts/field.js";
import { keysShown } from "../../parts/keys_help.js";
import { Card } from "../../parts/page.js";
import { Segments } from "../../parts/tabs.js";

/** One choice with its name. @param {string} label @param {any} control */
const Choice = (label, control) => html`<div class="settings-choice"><h2>${label}</h2>${control}</div>`;

export function Appearance() {
  const languages = [{ value: "en", label: "English" }, { value: "zh", label: "中文" }];
  const themes = ["auto", "light", "dark"].map((value) => ({ value, label: t(`common.theme_${value}`) }));
  const densities = ["comfortable", "compact"].map((value) => ({ value, label: t(`settings.density_${value}`) }));
  return Card({
    class: "settings-look",
    children: html`${Choice(t("common.language"), Segments({ label: t("common.language"), choices: languages, value: language.value, onInput: (value) => void setLanguage(/** @type {any} */ (value)) }))}
      ${Choice(t("common.theme"), Segments({ label: t("common.theme"), choices: themes, value: theme.value, onInput: (value) => (theme.value = /** @type {any} */ (value)) }))}
      ${Choice(t("settings.density"), Segments({ label: t("settings.density"), choices: densities, value: density.value, onInput: (value) => (density.value = /** @type {any} */ (value)) }))}
      ${Choice(
        t("common.keys"),
        html`<div class="stack">
          ${CheckField({ name: "letter-keys", label: t("common.letter_keys"), hint: t("settings.letter_keys_hint"), value: letterKeys.value, onInput: (value) => (letterKeys.value = value) })}
          <div>${Button({ label: t("settings.show_keys"), icon: "command", size: "small", onClick: () => (keysShown.value = true) })}</div>
        </div>`,
      )}
      <p class="muted">${t("settings.in_browser")}</p>`,
  });
}
