// What the launch of the form would do, or why it would be refused; and its command line, in both directions.
import { get, post } from "../../lib/api.js";
import { bytes } from "../../lib/format.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { go } from "../../lib/router.js";
import { Button } from "../../parts/button.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { TextArea } from "../../parts/field.js";
import { Icon } from "../../parts/icon.js";
import { Card, Facts } from "../../parts/page.js";
import { Failure } from "../../parts/states.js";
import { attempt, say } from "../../parts/toast.js";
import { sizeName } from "./figures.js";
import { MemoryBar } from "./memory_bar.js";

/** @typedef {import("./launch_state.js").LaunchState} LaunchState */

/** @param {{ state: LaunchState, launching: boolean }} props */
export function PlanView({ state, launching }) {
  const plan = state.plan.value;
  const error = state.planError.value;
  const named = Boolean(state.body.value.model_name || state.body.value.model_path);
  const wrong = Object.keys(state.read.value.problems).length;
  const blocked = !named || wrong > 0 || Boolean(plan?.refusal);
  return html`${Card({
    title: html`${t("models.plan")} ${state.planning.value ? Icon({ name: "loader", label: t("common.loading") }) : null}`,
    class: state.planning.value ? "models-plan-old" : "",
    children: html`${!named ? html`<p class="muted">${t("models.plan_empty")}</p>` : error ? Failure({ error, small: true }) : plan ? PlanBody({ plan, state }) : html`<p class="muted">${t("models.planning")}</p>`}
      <div class="row">${Button({ label: t("models.launch"), icon: "play", kind: "primary", type: "submit", busy: launching, disabled: blocked })}<span class="muted"><kbd>Ctrl</kbd> <kbd>Enter</kbd></span></div>`,
  })}
  <${CommandCard} state=${state} />`;
}

/** @param {{ plan: import("./launch_state.js").Plan, state: LaunchState }} props */
function PlanBody({ plan, state }) {
  const { refusal, download } = plan;
  const short = refusal?.code === "not_enough_memory" ? (refusal.memory ?? plan.memory) : null;
  const memory = /** @type {Record<string, number> | null} */ (plan.memory ?? short);
  const missing = short ? Number(short.total) * plan.replica : 0;
  const most = [...plan.devices].sort((a, b) => b.memory_total - a.memory_total)[0];
  const full = plan.devices.find((device) => device.name === short?.device) ?? most;
  const set = Object.keys(state.raw.value).some((name) => !["model_name", "model_type", "model_uid", "download_hub"].includes(name) && state.raw.value[name] !== undefined);
  return html`<div class="stack" aria-live="polite">
    ${refusal
      ? html`<div class="failure failure-small" role="status">${Icon({ name: "alert" })}<div><p><strong>${t("models.refused")}</strong></p><p>${refusal.message}</p><p class="failure-details mono">${refusal.code}</p>
          ${missing && state.raw.value.model_name ? html`<${Nearest} key=${state.raw.value.model_name} state=${state} />` : null}
          ${set ? Button({ label: t("models.let_choose"), size: "small", onClick: () => state.choose() }) : null}</div></div>`
      : html`<p class="models-yes">${Icon({ name: "check" })} ${t("models.would_start", { name: plan.model_uid, engine: state.engineNamed(plan.model_engine)?.title ?? plan.model_engine })}</p>`}
    ${plan.model_name
      ? Facts({
          items: [
            [t("models.model"), plan.model_name],
            plan.quantization ? [t("models.quantization"), plan.quantization] : null,
            plan.model_size_in_billions ? [t("models.size"), sizeName(plan.model_size_in_billions)] : null,
            memory && plan.model_name ? [t("models.mem_replica"), bytes(memory.total)] : null,
            plan.context_length ? [t("models.trained_context"), tn("models.tokens", plan.context_length)] : null,
          ],
        })
      : null}
    ${plan.devices.map((device) => MemoryBar({ device, memory, missing: device === full ? missing : 0 }))}
    ${download ? DownloadFacts({ download, state }) : plan.root ? html`<p class="muted">${Icon({ name: "check" })} ${t("models.files_here")}</p>` : null}
    ${plan.warnings.map((text) => html`<p class="models-warning">${Icon({ name: "info" })} ${text}</p>`)}
  </div>`;
}

/** The version of the family that would fit here, if there is one. @param {{ state: LaunchState }} props */
function Nearest({ state }) {
  const name = state.raw.value.model_name.trim();
  const found = useResource((signal) => get("v1/catalog", { q: name, type: state.raw.value.model_type, limit: 50 }, signal), []);
  const family = found.data.value?.data.find((/** @type {any} */ each) => each.model_name.toLowerCase() === name.toLowerCase());
  if (!family?.fits) return null;
  const { model_size_in_billions: size, model_format: format, quantization, memory } = family.best;
  const use = () => (state.raw.value = { ...state.raw.value, model_format: format, model_size_in_billions: size, quantization: quantization ?? undefined, n_ctx: undefined, max_model_len: undefined });
  return html`<p>${t("models.nearest", { version: [sizeName(size), quantization].filter(Boolean).join(" · "), size: bytes(memory) })} ${Button({ label: t("models.use_it"), size: "small", onClick: use })}</p>`;
}

/** @param {{ download: import("../../../types/api").PlannedDownload, state: LaunchState }} props */
function DownloadFacts({ download, state }) {
  const fetchOnly = async () => {
    const { model_name, model_type, model_format, model_size_in_billions, quantization, download_hub } = state.body.value;
    const begun = await attempt(post("v1/cache/models", { model_name, model_type, model_format, model_size_in_billions, quantization, download_hub }));
    if (begun) go(["models", "cache"]);
  };
  const tight = download.missing_bytes > download.disk_free;
  return html`<div class="models-download">
    <p>${Icon({ name: "download" })} ${t("models.download_size", { size: bytes(download.missing_bytes), id: download.model_id, hub: download.model_hub })}</p>
    <p class=${tight ? "danger" : "muted"}>${t("models.disk_free", { size: bytes(download.disk_free) })}</p>
    ${tight || !download.missing_bytes ? null : Button({ label: t("models.download_only"), icon: "download", size: "small", onClick: () => void fetchOnly() })}
  </div>`;
}

/** The command of the form, and a place for a pasted one. @param {{ state: LaunchState }} props */
function CommandCard({ state }) {
  const pasting = useSignal(false);
  const command = state.plan.value?.command;
  return Card({
    title: t("models.command"),
    actions: html`${command ? Copy({ text: command, label: t("common.copy") }) : null}${Button({ label: t("models.paste_command"), icon: "terminal", size: "small", onClick: () => (pasting.value = true) })}`,
    children: html`${command ? html`<pre class="models-command" tabindex="0" aria-label=${t("models.command")}>${command}</pre>` : html`<p class="muted">${t(state.plan.value ? "models.no_command" : "models.command_hint")}</p>`}
      ${pasting.value ? html`<${PasteDialog} state=${state} onClose=${() => (pasting.value = false)} />` : null}`,
  });
}

/** @param {{ state: LaunchState, onClose: () => void }} props */
function PasteDialog({ state, onClose }) {
  const text = useSignal("");
  const error = useSignal(/** @type {any} */ (null));
  const use = async () => {
    try {
      const found = await post("v1/launch_commands", { command: text.value });
      state.fill(found.launch);
      if (found.without_effect.length) say(t("models.without_effect", { options: found.without_effect.join(", ") }));
      onClose();
    } catch (reason) {
      error.value = reason;
    }
  };
  return html`<${Dialog} title=${t("models.paste_title")} onClose=${onClose} actions=${Button({ label: t("models.paste_use"), kind: "primary", disabled: !text.value.trim(), onClick: () => void use() })}>
    ${TextArea({ name: "pasted-command", label: t("models.paste_label"), hint: "modelyard launch · xinference launch · vllm serve · swift deploy", value: text.value, rows: 6, mono: true, onInput: (value) => (text.value = value) })}
    ${error.value ? Failure({ error: error.value, small: true }) : null}
  <//>`;
}
