// The editor of a registered family: a form and its JSON, which say the same; filled from files, checked before it is kept.
import { del, get, path, post } from "../../lib/api.js";
import { html, useComputed, useEffect, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { href } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { CheckField, SelectField, TextArea, TextField } from "../../parts/field.js";
import { Card } from "../../parts/page.js";
import { Failure, NoPermission } from "../../parts/states.js";
import { complain, say } from "../../parts/toast.js";
import { Fits, TYPES } from "./catalog.js";
import { differences } from "./differences.js";
import { RegisterForm } from "./register_form.js";

const EMPTY = { version: 2, model_name: "", model_lang: ["en"], model_ability: ["chat"], model_specs: [{ model_format: "ggufv2", model_size_in_billions: 1, quantizations: ["q4_k_m"], model_hub: "huggingface", model_id: "" }] };
/** Fields that the server adds to a record. */
const ADDED = ["is_builtin", "cache_status", "model_src", "gguf", "lightning"];

/** @param {any} value */
const pretty = (value) => JSON.stringify(value, (name, each) => (ADDED.includes(name) || each === null ? undefined : each), 2);

/** @param {{ name: string, type: string, onDone: () => void }} props */
export function RegisterEditor({ name, type: firstType, onDone }) {
  const type = useSignal(firstType);
  const text = useSignal(name ? "" : pretty(EMPTY));
  const stored = useSignal(/** @type {string | null} */ (null));
  const persist = useSignal(true);
  const error = useSignal(/** @type {any} */ (null));
  const check = useSignal(/** @type {any} */ (null));
  const busy = useSignal("");
  const parsed = useComputed(() => {
    try {
      return JSON.parse(text.value);
    } catch {
      return null;
    }
  });
  useEffect(() => {
    if (name) get(path`v1/model_registrations/${firstType}/${name}`).then((record) => (stored.value = text.value = pretty(record)), (reason) => (error.value = reason));
  }, []);
  const may = can("models:register");
  const edit = (/** @type {string} */ next) => {
    text.value = next;
    check.value = null;
  };
  /** @param {string} what @param {() => Promise<void>} work */
  const act = async (what, work) => {
    busy.value = what;
    error.value = null;
    try {
      await work();
    } catch (reason) {
      error.value = reason;
    }
    busy.value = "";
  };
  const target = () => path`v1/model_registrations/${type.value}`;
  const body = () => ({ model: parsed.value, persist: persist.value });
  const same = () => name !== "" && parsed.value?.model_name === name;
  const save = () =>
    act("save", async () => {
      if (!parsed.value || !may) return;
      if (same() && !(await replace(`${target()}/${encodeURIComponent(name)}`, body(), stored.value, target()))) return;
      if (!same()) await post(target(), body());
      say(t("models.registered", { name: parsed.value.model_name }));
      onDone();
    });
  const dryRun = () => act("check", async () => void (check.value = await post(target(), { ...body(), dry_run: true, model: same() ? { ...parsed.value, model_name: `${name}-check` } : parsed.value })));
  useKeys([{ keys: "Ctrl+s", label: t("common.save"), run: () => void save() }], [name]);
  if (!may) return NoPermission({ scope: "models:register" });
  const changed = stored.value !== null && stored.value !== text.value;
  return html`<div class="spread"><h2 class="row">${IconButton({ icon: "arrow-left", title: t("models.back"), href: href(["models", "register"]) })} ${name || t("models.register_new")}</h2>
      <div class="row">${CheckField({ name: "persist", label: t("models.persist"), value: persist.value, onInput: (value) => (persist.value = value) })}
        ${Button({ label: t("models.check"), icon: "check", busy: busy.value === "check", disabled: !parsed.value, onClick: () => void dryRun() })}
        ${Button({ label: t("common.save"), icon: "save", kind: "primary", busy: busy.value === "save", disabled: !parsed.value, onClick: () => void save() })}</div></div>
    ${name ? null : html`<${FillFrom} onFill=${(/** @type {any} */ draft) => ((type.value = draft.model_type), edit(pretty(draft.model)))} />`}
    ${error.value ? Failure({ error: error.value, small: true }) : null} ${check.value ? Check({ check: check.value }) : null}
    <div class="columns">
      ${Card({ title: t("models.form"), children: parsed.value ? html`${SelectField({ name: "register-type", label: t("models.type"), value: type.value, disabled: Boolean(name), choices: TYPES.map((each) => ({ value: each, label: t(`models.type_${each}`) })), onInput: (value) => (type.value = value) })}${RegisterForm({ record: parsed.value, type: type.value, onChange: (record) => edit(pretty(record)) })}` : html`<p class="danger">${t("models.not_json")}</p>` })}
      ${Card({ title: "JSON", children: html`${TextArea({ name: "register-json", label: "JSON", hideLabel: true, value: text.value, rows: 26, mono: true, error: parsed.value ? null : t("models.not_json"), onInput: edit })}
        ${changed ? html`<h3>${t("models.changes")}</h3><pre class="models-diff" tabindex="0">${differences(/** @type {string} */ (stored.value), text.value).map(({ kind, line }) => html`<span class=${`diff-${kind}`}>${kind === "added" ? "+" : kind === "removed" ? "−" : " "} ${line}</span>`)}</pre>` : null}` })}
    </div>`;
}

/** Take a stored record away and put another in its place; the stored one is put back if the other is refused. @param {string} place @param {any} body @param {string | null} stored @param {string} target @returns {Promise<boolean>} */
async function replace(place, body, stored, target) {
  const agreed = await confirm({ title: t("models.replace_title", { name: body.model.model_name }), text: t("models.replace_text"), action: t("models.replace") });
  if (!agreed) return false;
  await del(place);
  try {
    await post(target, body);
  } catch (error) {
    if (stored) await post(target, { model: JSON.parse(stored), persist: body.persist }).catch(complain);
    throw error;
  }
  return true;
}

/** What a launch of the record would choose. @param {{ check: any }} props */
function Check({ check }) {
  return Card({ title: t("models.checked"), children: html`<div class="row">${Fits(check.entry)}</div>${check.entry.reason ? html`<p class="muted">${check.entry.reason}</p>` : null}` });
}

/** @param {{ onFill: (draft: any) => void }} props */
function FillFrom({ onFill }) {
  const source = useSignal("");
  const busy = useSignal(false);
  const error = useSignal(/** @type {any} */ (null));
  const fill = async (/** @type {Event} */ event) => {
    event.preventDefault();
    busy.value = true;
    error.value = null;
    try {
      onFill(await post("v1/model_registrations/drafts", { source: source.value.trim() }));
    } catch (reason) {
      error.value = reason;
    }
    busy.value = false;
  };
  return html`<form class="models-fill" onSubmit=${fill}>
    ${TextField({ name: "fill-source", label: t("models.fill_from"), hint: t("models.fill_hint"), value: source.value, class: "grow", onInput: (value) => (source.value = value) })}
    ${Button({ label: t("models.fill"), type: "submit", busy: busy.value, disabled: !source.value.trim() })}
    ${error.value ? html`<div class="models-fill-error">${Failure({ error: error.value, small: true })}</div>` : null}
  </form>`;
}
