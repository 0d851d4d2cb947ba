// What the server does: figures over time, the newest requests, logs, and what happened to models.
import { models } from "../../lib/events.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { href, route, setQuery } from "../../lib/router.js";
import { Button } from "../../parts/button.js";
import { SelectField } from "../../parts/field.js";
import { PageHead } from "../../parts/page.js";
import { Tabs } from "../../parts/tabs.js";
import { url } from "../../lib/api.js";
import { Events } from "./events.js";
import { Logs } from "./logs.js";
import { Overview } from "./overview.js";
import { Requests } from "./requests.js";

/** @type {Record<string, any>} */
const VIEWS = { overview: Overview, requests: Requests, logs: Logs, events: Events };

export default function Page() {
  const { parts, query } = route.value;
  const active = parts[0] && VIEWS[parts[0]] ? parts[0] : "overview";
  const tabs = Object.keys(VIEWS).map((name) => ({ name, label: t(`operations.tab_${name}`), href: href(["operations", name], { model: query.model }) }));
  const actions = html`${ModelChoice({ model: query.model ?? "" })} ${Button({ label: t("operations.prometheus"), icon: "external", kind: "quiet", href: url("metrics"), class: "narrow-hidden", title: t("operations.prometheus_hint"), more: { target: "_blank", rel: "noopener" } })}`;
  return html`${PageHead({ title: t("operations.title"), actions, children: Tabs({ label: t("operations.title"), tabs, active }) })}
    <${VIEWS[active]} />`;
}

/** Which model is shown, in the address, for all views. @param {{ model: string }} props */
function ModelChoice({ model }) {
  const names = [...models.value.keys()].sort();
  if (model && !names.includes(model)) names.push(model);
  const choices = [{ value: "", label: t("operations.all_models") }, ...names.map((name) => ({ value: name, label: name }))];
  return SelectField({ name: "model", label: t("operations.model"), hideLabel: true, value: model, choices, onInput: (value) => setQuery({ model: value }), class: "operations-model" });
}
