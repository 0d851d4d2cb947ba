// How the page looks, and how the server is set up: settings, engines, the doctor's findings, prompts and tools, versions.
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { href, route } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { PageHead } from "../../parts/page.js";
import { NoPermission } from "../../parts/states.js";
import { Tabs } from "../../parts/tabs.js";
import { About } from "./about.js";
import { Appearance } from "./appearance.js";
import { Doctor } from "./doctor.js";
import { Engines } from "./engines.js";
import { Prompts } from "./prompts.js";
import { ServerSettings } from "./server.js";

/** Each view, and the permission that it takes. @type {Record<string, { view: any, scope: string | null }>} */
const VIEWS = {
  appearance: { view: Appearance, scope: null },
  server: { view: ServerSettings, scope: "settings:read" },
  engines: { view: Engines, scope: "models:list" },
  doctor: { view: Doctor, scope: "settings:read" },
  prompts: { view: Prompts, scope: null },
  about: { view: About, scope: null },
};

export default function Page() {
  const [name] = route.value.parts;
  const active = name && VIEWS[name] ? name : "appearance";
  const permitted = (/** @type {string} */ each) => each === active || can(VIEWS[each].scope);
  const tabs = Object.keys(VIEWS).filter(permitted).map((each) => ({ name: each, label: t(`settings.tab_${each}`), href: href(["settings", each]) }));
  const { view, scope } = VIEWS[active];
  return html`${PageHead({ title: t("settings.title"), children: Tabs({ label: t("settings.title"), tabs, active }) })}
    ${can(scope) ? html`<${view} key=${active} />` : NoPermission({ scope: scope ?? "" })}`;
}
