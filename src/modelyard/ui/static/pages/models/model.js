// The page of one model: its state and what can be done at the top, its tabs below.
import { known, models } from "../../lib/events.js";
import { html, useEffect } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { useResource } from "../../lib/resource.js";
import { go, href, route } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { PageHead } from "../../parts/page.js";
import { Empty, Failure, Loading } from "../../parts/states.js";
import { Tabs } from "../../parts/tabs.js";
import { askScale, askTerminate, cancelLaunch } from "./actions.js";
import { starting, State } from "./figures.js";

/** @type {Record<string, () => Promise<{ default: any }>>} */
const TABS = {
  overview: () => import("./model_overview.js"),
  replicas: () => import("./model_replicas.js"),
  try: () => import("./try.js"),
  adapters: () => import("./model_adapters.js"),
  events: () => import("./model_events.js"),
  logs: () => import("./model_logs.js"),
  requests: () => import("./model_requests.js"),
  use: () => import("./model_use.js"),
};

/** @param {{ uid: string }} props */
export default function ModelPage({ uid }) {
  const model = models.value.get(uid);
  const tab = route.value.parts[1] ?? "overview";
  const may = can("models:write");
  useKeys(
    may
      ? [
          { keys: "s", label: t("models.key_scale"), run: () => void askScale(uid) },
          { keys: "x", label: t("models.key_terminate"), run: () => void end(uid) },
          { keys: "L", label: t("models.key_logs"), run: () => go(["models", uid, "logs"]) },
        ]
      : [],
    [uid, may],
  );
  const owner = model?.parent ?? model?.alias_of;
  useEffect(() => {
    if (owner) go(["models", owner, model.parent ? "adapters" : "overview"], {}, { replace: true });
  }, [owner]);
  const back = IconButton({ icon: "arrow-left", title: t("models.back"), href: href(["models"]) });
  if (!known.value) return html`${PageHead({ title: uid, back })}${Loading()}`;
  if (!model) return html`${PageHead({ title: uid, back })}${Empty({ title: t("models.gone", { name: uid }), text: t("models.gone_text"), action: Button({ label: t("models.tab_running"), href: href(["models"]) }) })}`;
  const shown = Object.keys(TABS).filter((name) => name !== "adapters" || model.model_type === "LLM");
  const tabs = shown.map((name) => ({ name, label: t(`models.model_tab_${name}`), href: href(["models", uid, name]), count: name === "replicas" && model.replica > 1 ? model.replica : null }));
  return html`${PageHead({
      title: html`${uid} <span class="models-head-state">${State({ status: model.status })}</span>`,
      back,
      actions: Actions({ model, may }),
      children: Tabs({ label: uid, tabs, active: tab }),
    })}
    ${tab in TABS ? html`<${Tab} key=${`${uid}/${tab}`} name=${tab} uid=${uid} />` : Empty({ icon: "search", title: t("common.nothing_found") })}`;
}

/** @param {string} uid */
async function end(uid) {
  if (await askTerminate([uid])) go(["models"]);
}

/** @param {{ model: any, may: boolean }} props */
function Actions({ model, may }) {
  const chat = model.is_chat && model.status === "READY" ? Button({ label: t("models.chat_with"), icon: "message", kind: "primary", href: href(["chat"], { model: model.id }) }) : null;
  if (!may) return chat;
  return html`${chat}
    ${starting(model) ? Button({ label: t("models.cancel_launch"), icon: "x", onClick: () => void cancelLaunch(model.id) }) : Button({ label: t("models.scale"), onClick: () => void askScale(model.id) })}
    ${Button({ label: t("models.terminate"), icon: "stop", kind: "danger", onClick: () => void end(model.id) })}`;
}

/** @param {{ name: string, uid: string }} props */
function Tab({ name, uid }) {
  const module = useResource(TABS[name], []);
  const View = module.data.value?.default;
  if (View) return html`<${View} uid=${uid} />`;
  return module.error.value ? Failure({ error: { message: t("common.page_failed"), code: String(module.error.value) }, retry: module.reload }) : Loading();
}
