// What this browser remembers: how the page looks. Nothing in it lets anybody in.
import { effect, signal } from "./html.js";

/** @typedef {"auto" | "light" | "dark"} Theme */

const KEY = "modelyard";

/** @returns {Record<string, any>} */
function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

const found = stored();

/** @type {import("@preact/signals").Signal<Theme>} */
export const theme = signal(["light", "dark"].includes(found.theme) ? found.theme : "auto");
/** Whether single letters are shortcuts (WCAG 2.1.4: they can be turned off). */
export const letterKeys = signal(found.letterKeys !== false);
/** @type {import("@preact/signals").Signal<"comfortable" | "compact">} */
export const density = signal(found.density === "compact" ? "compact" : "comfortable");
/** The chosen language, or null to follow the browser. @type {import("@preact/signals").Signal<"en" | "zh" | null>} */
export const chosenLanguage = signal(["en", "zh"].includes(found.language) ? found.language : null);
/** Other small choices of pages by name, such as the columns of a table. @type {import("@preact/signals").Signal<Record<string, any>>} */
export const choices = signal(found.choices ?? {});

/** Remember one choice. @param {string} name @param {any} value */
export function choose(name, value) {
  choices.value = { ...choices.value, [name]: value };
}

effect(() => {
  const root = document.documentElement;
  if (theme.value === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme.value;
  if (density.value === "compact") root.dataset.density = "compact";
  else delete root.dataset.density;
  const kept = {
    theme: theme.value,
    density: density.value,
    letterKeys: letterKeys.value,
    language: chosenLanguage.value ?? undefined,
    choices: choices.value,
  };
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // A browser that stores nothing shows the page all the same.
  }
});
