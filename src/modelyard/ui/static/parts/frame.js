// The frame of all pages: navigation, the state of the server, login, palette, messages; and the page of the address in it.
import { loginNeeded } from "../lib/api.js";
import { html, signal, useEffect, useRef } from "../lib/html.js";
import { language, loadTexts, t } from "../lib/i18n.js";
import { useKeys } from "../lib/keys.js";
import { loadStyles, PAGES, pageOf } from "../lib/pages.js";
import { go, href, route } from "../lib/router.js";
import { can, me } from "../lib/session.js";
import { Button } from "./button.js";
import { Questions } from "./dialog.js";
import { KeysHelp, keysShown } from "./keys_help.js";
import { Login } from "./login.js";
import { PageHead } from "./page.js";
import { Palette, paletteShown } from "./palette.js";
import { Rail, railShown } from "./rail.js";
import { Empty, Failure, Loading, NoPermission } from "./states.js";
import { Toasts } from "./toast.js";

/** The page that is loaded: its name, component and why it was not loaded. @type {import("@preact/signals").Signal<{ name: string, component?: any, error?: any }>} */
const loaded = signal({ name: "" });

/** Load module, texts and styles of a page. @param {string} name */
async function loadPage(name) {
  const page = pageOf(name);
  if (!page) return;
  try {
    const [module] = await Promise.all([page.load(), loadTexts(page.area), page.styles ? loadStyles(page.styles) : null]);
    if (route.value.page === name) loaded.value = { name, component: module.default };
  } catch (error) {
    loaded.value = { name, error };
  }
}

export function Frame() {
  const { page: name } = route.value;
  const known = pageOf(name);
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!name) go(PAGES[0].name, {}, { replace: true });
    else void loadPage(name);
    railShown.value = false;
  }, [name]);
  useEffect(() => {
    if (loaded.value.name !== name) return;
    const heading = main.current?.querySelector("h1");
    const focused = document.activeElement;
    if (!focused || focused === document.body || focused.closest(".rail")) heading?.focus({ preventScroll: true });
  }, [name, loaded.value, language.value, me.value]);
  useEffect(() => followTitle(/** @type {HTMLElement} */ (main.current)), []);
  useKeys([
    ...PAGES.filter((page) => page.key).map((page) => ({
      keys: `g ${page.key}`,
      label: t("common.key_go", { page: t(`common.page_${page.name}`) }),
      group: "go",
      run: () => go(page.name),
    })),
    { keys: "Ctrl+k", label: t("common.key_palette"), run: () => (paletteShown.value = true) },
    { keys: "?", label: t("common.key_help"), run: () => (keysShown.value = true) },
    { keys: "/", label: t("common.key_filter"), run: focusFilter },
  ], [language.value]);
  return html`<a class="skip" href="#main" onClick=${(/** @type {Event} */ event) => (event.preventDefault(), main.current?.focus())}>${t("common.skip")}</a>
    <div class="frame">
      ${Rail()}
      <main class=${`page page-${name}`} id="main" tabindex="-1" ref=${main}>${Content({ name, scope: known?.scope ?? null })}</main>
    </div>
    ${paletteShown.value ? html`<${Palette} />` : null} ${keysShown.value ? html`<${KeysHelp} />` : null}
    <${Questions} /> ${loginNeeded.value ? html`<${Login} />` : null} ${Toasts()}`;
}

/** Keep the title of the window that of the page and its tab, which may come later than the page. @param {HTMLElement} main */
function followTitle(main) {
  const update = () => {
    const tab = main.querySelector(".page-head .tab[aria-current]")?.firstChild?.textContent?.trim();
    const heading = main.querySelector("h1")?.firstChild?.textContent?.trim();
    const title = [tab, heading, "Modelyard"].filter(Boolean).join(" · ");
    if (title !== document.title) document.title = title;
  };
  const observer = new MutationObserver(update);
  observer.observe(main, { subtree: true, childList: true, characterData: true, attributeFilter: ["aria-current"] });
  update();
  return () => observer.disconnect();
}

/** @param {{ name: string, scope: string | null }} props */
function Content({ name, scope }) {
  if (!me.value) return loginNeeded.value ? null : Loading();
  if (name && !pageOf(name)) return html`${PageHead({ title: t("common.no_page") })}${Empty({ icon: "search", title: t("common.no_page_text", { name }), action: Button({ label: t(`common.page_${PAGES[0].name}`), kind: "primary", href: href(PAGES[0].name) }) })}`;
  if (!can(scope)) return html`${PageHead({ title: t(`common.page_${name}`) })}${NoPermission({ scope: scope ?? "" })}`;
  const { component, error } = loaded.value.name === name ? loaded.value : {};
  if (error) return Failure({ error: { message: t("common.page_failed"), code: String(error.message ?? error) }, retry: () => loadPage(name) });
  return component ? html`<${component} key=${name} />` : Loading();
}

function focusFilter() {
  const field = document.querySelector("main [data-filter], main input[type=search]");
  if (field instanceof HTMLElement) field.focus();
}
