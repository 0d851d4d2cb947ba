// What the menus of the composer hold: models that answer or can be launched, and the sources of answers.
import { get } from "../../lib/api.js";
import { chatModels } from "../../lib/events.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { href } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Icon } from "../../parts/icon.js";
import { attempt } from "../../parts/toast.js";
import { launch, MODE_ICONS, stateOf } from "./pickers.js";
import { bases, loadSources, MODES, tools } from "./setup.js";

/** @typedef {import("./setup.js").Setup} Setup */

/** @param {{ chosen: string | undefined, choose: (model: string) => void }} props */
export function ModelMenu({ chosen, choose }) {
  const launchable = useSignal(/** @type {any[]} */ ([]));
  useEffect(() => {
    if (!can("models:write") || !can("models:list")) return;
    void attempt(get("v1/catalog", { type: "LLM", ability: "chat", cached: true, fits: true, limit: 20 })).then((found) => (launchable.value = found?.data ?? []));
  }, []);
  const names = new Set(chatModels.value.map((each) => each.model_name));
  const others = launchable.value.filter((each) => !names.has(each.model_name));
  return html`<ul class="chat-choices">${chatModels.value.map((model) => ModelChoice({ model, chosen: model.id === chosen, choose: () => choose(model.id) }))}</ul>
    ${chatModels.value.length === 0 ? html`<p class="chat-popup-note">${t("chat.no_model")}</p>` : null}
    ${others.length > 0
      ? html`<h2 class="chat-popup-title">${t("chat.launchable")}</h2>
        <ul class="chat-choices">${others.map(({ model_name: name }) => html`<li key=${name}><button type="button" class="menu-item" onClick=${() => (launch(name), choose(name))}>${Icon({ name: "play" })}<span class="grow cut">${name}</span></button></li>`)}</ul>`
      : null}
    <hr />
    <a class="menu-item" href=${href("models")}>${Icon({ name: "plus" })}<span>${t("chat.other_models")}</span></a>`;
}

/** @param {{ model: any, chosen: boolean, choose: () => void }} props */
function ModelChoice({ model, chosen, choose }) {
  const ready = model.status === "READY";
  return html`<li key=${model.id}><button type="button" class="menu-item" aria-pressed=${String(chosen)} onClick=${choose}>
    ${Icon({ name: chosen ? "check" : "none" })}
    <span class="grow"><span class="cut">${model.id}</span>${model.parent ? html` <span class="muted">${model.parent}</span>` : null}</span>
    ${ready ? null : html`<span class=${model.status === "ERROR" ? "danger" : "muted"}>${stateOf(model)}</span>`}
  </button></li>`;
}

/** @param {{ setup: Setup }} props */
export function SourceMenu({ setup }) {
  const mode = setup.mode.value;
  useEffect(loadSources, []);
  return html`<div class="chat-modes" role="radiogroup" aria-label=${t("chat.sources_of_answers")}>
      ${MODES.map((each) => html`<button type="button" role="radio" class="menu-item" aria-checked=${String(each === mode)} onClick=${() => setup.chooseMode(each)}>
        ${Icon({ name: MODE_ICONS[each] })}
        <span class="grow"><span>${t(`chat.mode_${each}`)}</span><span class="muted chat-mode-hint">${t(`chat.mode_${each}_hint`)}</span></span>
        ${each === mode ? Icon({ name: "check" }) : null}
      </button>`)}
    </div>
    ${mode === "knowledge" || mode === "agent" ? Bases({ setup }) : null} ${mode === "agent" ? Tools({ setup }) : null} ${mode === "web" ? Engines({ setup }) : null}`;
}

/** @param {{ setup: Setup }} props */
function Bases({ setup }) {
  const found = bases.data.value;
  if (!can("knowledge:read")) return html`<p class="chat-popup-note">${t("common.no_permission_text", { scope: "knowledge:read" })}</p>`;
  if (found && found.length === 0) return html`<p class="chat-popup-note">${t("chat.no_bases")} <a href=${href("knowledge")}>${t("chat.make_base")}</a></p>`;
  return Boxes({ title: t("chat.bases"), names: (found ?? []).map((/** @type {any} */ each) => each.name), chosen: setup.bases.value, choose: (names) => setup.chooseBases(names) });
}

/** @param {{ setup: Setup }} props */
function Tools({ setup }) {
  const found = tools.data.value?.data ?? [];
  const titles = Object.fromEntries(found.map((/** @type {any} */ each) => [each.name, each.description]));
  return Boxes({ title: t("chat.tools_none_is_all"), names: found.map((/** @type {any} */ each) => each.name), titles, chosen: setup.tools.value, choose: (names) => setup.chooseTools(names) });
}

/** @param {{ setup: Setup }} props */
function Engines({ setup }) {
  if (!can("tools:use")) return html`<p class="chat-popup-note">${t("common.no_permission_text", { scope: "tools:use" })}</p>`;
  const found = tools.data.value?.search_engines ?? [];
  if (tools.data.value && found.length === 0) return html`<p class="chat-popup-note">${t("chat.no_search_engine")}</p>`;
  return Boxes({ title: t("chat.search_engine"), names: found, chosen: setup.engine.value ? [setup.engine.value] : [], choose: (names) => (setup.engine.value = names.at(-1) ?? null) });
}

/** @param {{ title: string, names: string[], titles?: Record<string, string>, chosen: string[], choose: (names: string[]) => void }} props */
function Boxes({ title, names, titles, chosen, choose }) {
  return html`<fieldset class="chat-boxes">
    <legend class="chat-popup-title">${title}</legend>
    ${names.map((name) => html`<label key=${name} title=${titles?.[name]}>
      <input type="checkbox" checked=${chosen.includes(name)} onChange=${(/** @type {any} */ event) => choose(event.target.checked ? [...chosen, name] : chosen.filter((each) => each !== name))} />
      <span class="cut">${name}</span>
    </label>`)}
  </fieldset>`;
}
