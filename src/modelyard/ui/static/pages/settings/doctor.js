// What the doctor finds: what keeps a server or an engine from running, and the way out.
import { get } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { href } from "../../lib/router.js";
import { Button } from "../../parts/button.js";
import { Copy } from "../../parts/copy.js";
import { Badge } from "../../parts/page.js";
import { Loaded } from "../../parts/states.js";

/** @typedef {import("../../../types/api").FindingInfo} Finding */

const KINDS = /** @type {const} */ ({ ok: "ok", warning: "warn", blocked: "danger" });
const ORDER = ["blocked", "warning", "ok"];

export function Doctor() {
  const found = useResource((signal) => get("v1/server/doctor", {}, signal), []);
  return html`${Loaded({
    of: found,
    lines: 8,
    draw: ({ data }) => {
      const sorted = [...data].sort((/** @type {Finding} */ one, /** @type {Finding} */ other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
      const bad = data.filter((/** @type {Finding} */ each) => each.state !== "ok").length;
      const text = data.map((/** @type {Finding} */ each) => `${each.state}\t${each.subject}\t${each.detail}`).join("\n");
      return html`<div class="spread">
          <p>${bad ? tn("settings.findings", bad) : t("settings.all_well")}</p>
          <div class="row">${Copy({ text, label: t("settings.copy_findings"), kind: "plain" })}${Button({ icon: "refresh", label: t("settings.look_again"), size: "small", busy: found.loading.value, onClick: found.reload })}</div>
        </div>
        <ul class="settings-list">${sorted.map(Row)}</ul>`;
    },
  })}`;
}

/** @param {Finding} finding */
function Row({ state, subject, detail }) {
  return html`<li class="settings-row" key=${subject}>
    <div class="settings-name"><h3>${subject}</h3><span>${Badge({ kind: KINDS[state], children: t(`settings.finding_${state}`) })}</span></div>
    <p class="settings-value">${detail} ${subject.startsWith("engine ") && state !== "ok" ? html`<a href=${href(["settings", "engines"])}>${t("settings.to_engines")}</a>` : null}</p>
  </li>`;
}
