// Texts in English and Chinese. An area is a file of texts: `common`, or that of a page, loaded with it.
import { computed, effect, signal } from "./html.js";
import { chosenLanguage } from "./settings.js";

/** @typedef {"en" | "zh"} Language */
/** @typedef {Record<string, string | number | null | undefined>} Values */

/** The language of the page. @type {import("@preact/signals").ReadonlySignal<Language>} */
export const language = computed(
  () => chosenLanguage.value ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"),
);

/** Texts by language and key. @type {import("@preact/signals").Signal<Record<Language, Record<string, string>>>} */
const texts = signal({ en: {}, zh: {} });
/** @type {Set<string>} */
const areas = new Set();

effect(() => {
  document.documentElement.lang = language.value;
});

/** Load the texts of an area in the present language. @param {string} area */
export async function loadTexts(area) {
  areas.add(area);
  const name = language.value;
  if (texts.value[name][`${area}:`] !== undefined) return;
  const { default: found } = await import(`../text/${name}/${area}.js`);
  texts.value = { ...texts.value, [name]: { ...texts.value[name], ...found, [`${area}:`]: "" } };
}

/** Change the language of the page. @param {Language} name */
export async function setLanguage(name) {
  const modules = await Promise.all([...areas].map((area) => import(`../text/${name}/${area}.js`)));
  const found = Object.assign({}, ...modules.map((each) => each.default));
  for (const area of areas) found[`${area}:`] = "";
  texts.value = { ...texts.value, [name]: { ...texts.value[name], ...found } };
  chosenLanguage.value = name;
}

/** The text of a key, with `{name}` replaced by values. A missing key is shown as itself. @param {string} key @param {Values} [values] */
export function t(key, values) {
  const text = texts.value[language.value][key] ?? key;
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole)) : text;
}

/** Whether there is a text for a key, such as one made of a server's word. @param {string} key */
export function has(key) {
  return texts.value[language.value][key] !== undefined;
}

/** The text for a number: `key.one` or `key.other`, as the language has it; `{n}` is the number. @param {string} key @param {number} n @param {Values} [values] */
export function tn(key, n, values) {
  const form = new Intl.PluralRules(language.value).select(n) === "one" ? "one" : "other";
  return t(`${key}.${form}`, { n: new Intl.NumberFormat(language.value).format(n), ...values });
}
