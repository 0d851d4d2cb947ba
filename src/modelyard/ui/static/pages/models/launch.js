// The launch form: model, version, engine and options at the left, what the launch would do at the right.
import { post } from "../../lib/api.js";
import { html, useEffect, useMemo, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { go, href, route } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { SelectField, TextField } from "../../parts/field.js";
import { Icon } from "../../parts/icon.js";
import { Card, PageHead } from "../../parts/page.js";
import { SchemaForm } from "../../parts/schema_form.js";
import { Loaded, NoPermission } from "../../parts/states.js";
import { complain } from "../../parts/toast.js";
import { sizeName } from "./figures.js";
import { LaunchState } from "./launch_state.js";
import { PlanView } from "./plan_view.js";

export default function Launch() {
  if (!can("models:write")) return html`${Head()}${NoPermission({ scope: "models:write" })}`;
  return html`<${LaunchForm} />`;
}

function Head() {
  return PageHead({ title: t("models.launch_title"), back: IconButton({ icon: "arrow-left", title: t("models.back"), href: href(["models"]) }) });
}

function LaunchForm() {
  const state = useMemo(() => new LaunchState(route.peek().query), []);
  const launching = useSignal(false);
  useEffect(() => state.begin(), [state]);
  const launch = async () => {
    if (launching.value || Object.keys(state.read.value.problems).length || !(state.body.value.model_name || state.body.value.model_path)) return;
    launching.value = true;
    try {
      const { model_uid: uid } = await post("v1/models?wait_ready=false", state.body.value);
      go(["models", uid, "overview"]);
    } catch (error) {
      complain(error);
    }
    launching.value = false;
  };
  useKeys([{ keys: "Ctrl+Enter", label: t("models.launch"), run: () => void launch() }], [state]);
  return html`${Head()}
    <form class="models-launch" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), void launch())}>
      <div class="stack">${Subject({ state })} ${Loaded({ of: state.engines, draw: () => html`${Engines({ state })}${Options({ state })}` })}</div>
      <aside class="models-plan" aria-label=${t("models.plan")}><${PlanView} state=${state} launching=${launching.value} /></aside>
    </form>`;
}

/** What to launch: the model and its version. @param {{ state: LaunchState }} props */
function Subject({ state }) {
  const raw = state.raw.value;
  const versions = state.versions;
  const formats = unique(versions.map((each) => each.model_format));
  const ofFormat = versions.filter((each) => !raw.model_format || each.model_format === raw.model_format);
  const sizes = unique(ofFormat.map((each) => String(each.model_size_in_billions ?? ""))).filter(Boolean).sort((a, b) => sizeOf(a) - sizeOf(b));
  const ofSize = ofFormat.filter((each) => !raw.model_size_in_billions || String(each.model_size_in_billions) === String(raw.model_size_in_billions));
  const quantizations = unique(ofSize.flatMap((each) => each.quantizations ?? [each.quantization ?? ""])).filter((each) => each && each !== "none");
  const plan = state.plan.value;
  const select = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string[]} */ values, /** @type {any} */ chosen, /** @type {(value: string) => string} */ text = String) => {
    const auto = chosen ? t("models.version_auto_is", { value: text(String(chosen)) }) : t("models.version_auto");
    return values.length ? SelectField({ name: `launch-${name}`, label, value: String(raw[name] ?? ""), choices: [{ value: "", label: auto }, ...values.map((value) => ({ value, label: text(value) }))], onInput: (value) => state.set(name, value) }) : null;
  };
  return Card({
    title: t("models.what"),
    children: html`${TextField({ name: "launch-model", label: t("models.model_name"), hint: t("models.model_name_hint"), value: raw.model_name ?? "", required: true, autofocus: !raw.model_name, onInput: (value) => state.set("model_name", value) })}
      ${formats.length
        ? html`<div class="form-grid">
            ${select("model_size_in_billions", t("models.size"), sizes, plan?.model_size_in_billions, sizeName)}
            ${select("model_format", t("models.format"), formats, plan?.model_format)}
            ${select("quantization", t("models.quantization"), quantizations, plan?.quantization)}
          </div>`
        : null}`,
  });
}

/** @param {string} text such as 1_5 */
const sizeOf = (text) => Number(text.replace("_", "."));
/** @param {string[]} values */
const unique = (values) => [...new Set(values)];

/** The engines, those that cannot with the reason. @param {{ state: LaunchState }} props */
function Engines({ state }) {
  const chosen = state.engineNamed(state.raw.value.model_engine)?.id ?? "";
  const resolved = state.plan.value?.model_engine;
  const radio = (/** @type {{ id: string, title: string, reason: string, note?: string }} */ { id, title, reason, note }) => html`<label class=${`models-engine ${reason ? "models-engine-off" : ""}`} key=${id}>
      <input type="radio" name="engine" value=${id} checked=${chosen === id} disabled=${Boolean(reason) && chosen !== id} onChange=${() => state.set("model_engine", id)} />
      <span class="grow"><strong>${title}</strong>${reason || note ? html`<span class="models-engine-why muted">${reason || note}</span>` : null}</span>
    </label>`;
  const engines = /** @type {any[]} */ (state.engines.data.value?.data ?? []).map((engine) => ({ engine, reason: state.reasonAgainst(engine) }));
  const usable = engines.filter((each) => !each.reason);
  const others = engines.filter((each) => each.reason);
  const auto = { id: "", title: t("models.engine_auto"), reason: "", note: resolved && !chosen ? t("models.engine_auto_is", { engine: state.engineNamed(resolved)?.title ?? resolved }) : t("models.engine_auto_note") };
  return Card({
    title: t("models.engine"),
    children: html`<div class="models-engines" role="radiogroup" aria-label=${t("models.engine")}>
        ${[auto, ...usable.map(({ engine }) => ({ id: engine.id, title: engine.title, reason: "", note: engine.only_by_name ? t("models.engine_by_name") : "" }))].map(radio)}
      </div>
      ${others.length
        ? html`<details class="schema-more"><summary>${t("models.engines_off", { n: others.length })}</summary>
            <div class="models-engines">${others.map(({ engine, reason }) => radio({ id: engine.id, title: engine.title, reason }))}</div>
            ${others.some(({ engine }) => engine.installable && !engine.installed) ? html`<p><a href=${href(["settings", "engines"])}>${t("models.install_engines")}</a></p>` : null}</details>`
        : null}`,
  });
}

/** @param {{ state: LaunchState }} props */
function Options({ state }) {
  const { problems } = state.read.value;
  const refusal = state.plan.value?.refusal;
  const field = refusal?.param && !problems[refusal.param] ? { [refusal.param]: { key: "server", values: { message: refusal.message } } } : {};
  const order = ["names", "devices", "context", "answers", "adapters", "model", "memory", "speed", "process", "other", "misbehaviour"];
  const place = (/** @type {string} */ group) => (order.includes(group) ? order.indexOf(group) : order.length);
  const options = [...state.options.value].sort((a, b) => place(a.group) - place(b.group) || Number(a.group > b.group) - Number(a.group < b.group));
  return Card({
    title: t("models.options"),
    class: "models-options",
    children: html`${SchemaForm({ options, raw: state.raw.value, problems: { ...field, ...problems }, onInput: (name, value) => state.set(name, value) })}
      ${state.hidden.value.length ? html`<p class="models-warning">${Icon({ name: "key" })} ${t("models.hidden", { names: state.hidden.value.join(", ") })}</p>` : null}
      ${state.others.length
        ? html`<fieldset class="schema-group"><legend>${t("models.other_options")}</legend>
            ${state.others.map((name) => html`<div class="row" key=${name}><code class="grow">${name} = ${String(state.raw.value[name])}</code>${IconButton({ icon: "x", size: "small", title: t("models.remove_option", { name }), onClick: () => state.set(name, undefined) })}</div>`)}</fieldset>`
        : null}`,
  });
}
