// The page of models: its views by the address. A model's own page has a tab behind the uid, so that no uid is taken for a view.
import { models } from "../../lib/events.js";
import { html, useEffect } from "../../lib/html.js";
import { language, loadTexts, t } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { useResource } from "../../lib/resource.js";
import { go, href, route } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { PageHead } from "../../parts/page.js";
import { Failure, Loading } from "../../parts/states.js";
import { Tabs } from "../../parts/tabs.js";
import { Running } from "./running.js";

/** @type {Record<string, () => Promise<{ default: any }>>} */
const VIEWS = {
  catalog: () => import("./catalog.js"),
  launch: async () => (await Promise.all([import("./launch.js"), loadTexts("options")]))[0],
  register: () => import("./register.js"),
  cache: () => import("./cache.js"),
};

export default function Page() {
  const [first, tab] = route.value.parts;
  const status = models.value.get(first ?? "")?.status;
  useEffect(() => {
    const heading = document.querySelector("main h1")?.textContent;
    if (heading) document.title = `${heading.trim()} · Modelyard`;
  }, [first, status, language.value]);
  useKeys([{ keys: "l", label: t("models.key_launch"), run: () => go(["models", "launch"]) }]);
  if (first && (tab || !(first in VIEWS))) return html`<${Lazy} key=${first} load=${() => import("./model.js")} uid=${first} />`;
  if (first === "launch") return html`<${Lazy} key=${location.hash} load=${VIEWS.launch} />`;
  return html`${Head({ active: first ?? "running" })}${first ? html`<${Lazy} key=${first} load=${VIEWS[first]} />` : html`<${Running} />`}`;
}

/** @param {{ active: string }} props */
function Head({ active }) {
  const tabs = ["running", "catalog", "register", "cache"].map((name) => ({ name, label: t(`models.tab_${name}`), href: href(name === "running" ? ["models"] : ["models", name]) }));
  const launch = can("models:write") ? Button({ label: t("models.launch"), icon: "play", kind: "primary", href: href(["models", "launch"]) }) : null;
  return PageHead({ title: t("models.title"), actions: launch, children: Tabs({ label: t("models.title"), tabs, active }) });
}

/** A view whose module is loaded when it is first shown. @param {{ load: () => Promise<{ default: any }>, uid?: string }} props */
function Lazy({ load, uid }) {
  const module = useResource(load, []);
  const View = module.data.value?.default;
  if (View) return html`<${View} uid=${uid} />`;
  return module.error.value ? Failure({ error: { message: t("common.page_failed"), code: String(module.error.value) }, retry: module.reload }) : Loading();
}
