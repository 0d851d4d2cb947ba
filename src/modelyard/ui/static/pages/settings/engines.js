// The engines: what each runs, whether it is installed, and its environment, which is made as a job.
import { del, get, path, post } from "../../lib/api.js";
import { jobs } from "../../lib/events.js";
import { moment } from "../../lib/format.js";
import { html, useEffect } from "../../lib/html.js";
import { has, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { href } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { FINISHED, JobActions, JobError, JobProgress, JobState } from "../../parts/jobs.js";
import { Badge } from "../../parts/page.js";
import { Loaded } from "../../parts/states.js";
import { attempt } from "../../parts/toast.js";

/** @typedef {import("../../../types/api").EngineInfo} Engine */
/** @typedef {import("../../../types/api").JobInfo} Job */

/** The newest installation of each engine. @returns {Map<string, Job>} */
function installs() {
  const found = new Map();
  for (const job of jobs.value.values()) {
    if (job.kind !== "engine_install") continue;
    const other = found.get(job.parameters.engine);
    if (!other || job.created_at > other.created_at) found.set(job.parameters.engine, job);
  }
  return found;
}

export function Engines() {
  const engines = useResource((signal) => get("v1/engines", {}, signal), []);
  const running = installs();
  const ended = [...running.values()].filter((job) => FINISHED.has(job.state)).map((job) => job.id).join();
  useEffect(() => void (engines.data.peek() && engines.reload()), [ended]);
  return html`<p class="muted">${t("settings.engines_text")}</p>
    ${Loaded({ of: engines, lines: 8, draw: ({ data }) => html`<ul class="settings-list">${data.map((/** @type {Engine} */ engine) => EngineRow({ engine, job: running.get(engine.id), reload: engines.reload }))}</ul>` })}`;
}

/** @param {{ engine: Engine, job: Job | undefined, reload: () => Promise<void> }} props */
function EngineRow({ engine, job, reload }) {
  const { installed, environment, missing, devices, formats, model_types: types, aliases } = engine;
  const busy = job !== undefined && !FINISHED.has(job.state);
  const types_ = types.map((type) => (has(`settings.type_${type}`) ? t(`settings.type_${type}`) : type)).join(", ");
  return html`<li class="settings-row" key=${engine.id}>
    <div class="settings-name">
      <h3>${engine.title}</h3>
      <span class="mono muted">${engine.id}</span>
      <span class="row">${installed ? Badge({ kind: "ok", children: t("settings.can_run") }) : Badge({ kind: busy ? "busy" : "plain", children: t(busy ? "settings.installing" : "settings.not_installed") })}</span>
    </div>
    <div class="settings-value">
      <p>${t("settings.runs", { types: types_, formats: formats.join(", "), devices: devices.map((each) => t(`settings.device_${each}`)).join(", ") })}</p>
      ${aliases.length ? html`<p class="muted">${t("settings.aliases", { names: aliases.join(", ") })}</p>` : null}
      ${environment ? html`<p class="muted">${t("settings.environment", { time: moment(environment.installed_at), versions: Object.entries(environment.versions).map(([name, version]) => `${name} ${version}`).join(", ") })}</p>` : null}
      ${!installed && !busy ? missing.map((text) => html`<p class="muted">${text}</p>`) : null}
      ${job && (busy || job.state === "failed") ? InstallJob({ job }) : null}
      ${Actions({ engine, busy, reload })}
    </div>
  </li>`;
}

/** @param {{ job: Job }} props */
function InstallJob({ job }) {
  return html`<div class="settings-job">
    <div class="spread"><a href=${href(["jobs", job.id])}>${t("settings.install_job")}</a><span class="row">${JobState(job)}${JobActions({ job })}</span></div>
    ${JobProgress({ job, wide: true })} ${JobError({ job })}
  </div>`;
}

/** @param {{ engine: Engine, busy: boolean, reload: () => Promise<void> }} props */
function Actions({ engine, busy, reload }) {
  if (!engine.installable || busy) return null;
  const install = (/** @type {boolean} */ upgrade) => attempt(post(path`v1/engines/${engine.id}/install`, { upgrade }), t("settings.install_begun", { name: engine.title }));
  const again = async () => {
    const yes = await confirm({ title: t("settings.again_title", { name: engine.title }), text: t("settings.again_text"), action: t("settings.install_again") });
    if (yes) await install(true);
  };
  const remove = async () => {
    const yes = await confirm({ title: t("settings.remove_title", { name: engine.title }), text: t("settings.remove_text"), action: t("settings.remove"), danger: true });
    if (yes && (await attempt(del("v1/virtualenvs", { model_name: engine.id, model_engine: engine.id }))) !== undefined) await reload();
  };
  if (!can("admin")) return engine.installed ? null : html`<p class="muted">${t("settings.install_needs")}</p>`;
  return html`<div class="row">
    ${engine.environment ? Button({ icon: "refresh", label: t("settings.install_again"), size: "small", onClick: again }) : engine.installed ? null : Button({ icon: "download", label: t("settings.install"), size: "small", onClick: () => install(false) })}
    ${engine.environment ? Button({ icon: "trash", label: t("settings.remove"), size: "small", onClick: remove }) : null}
  </div>`;
}
