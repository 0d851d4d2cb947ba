// The server's settings with their manual; they are set when the server starts, so they are only read here.
import { get } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { route, setQuery } from "../../lib/router.js";
import { Copy } from "../../parts/copy.js";
import { CheckField, TextField } from "../../parts/field.js";
import { Badge } from "../../parts/page.js";
import { Empty, Loaded } from "../../parts/states.js";

/** @typedef {import("../../../types/api").SettingInfo} Setting */

export function ServerSettings() {
  const found = useResource((signal) => get("v1/server/settings", {}, signal), []);
  const { q = "", changed } = route.value.query;
  return html`<p class="muted">${t("settings.server_text")}</p>
    <div class="row">
      ${TextField({ name: "settings-filter", label: t("settings.filter"), hideLabel: true, type: "search", placeholder: t("settings.filter"), value: q, onInput: (value) => setQuery({ q: value }) })}
      ${CheckField({ name: "settings-changed", label: t("settings.only_set"), value: Boolean(changed), onInput: (value) => setQuery({ changed: value }) })}
    </div>
    ${Loaded({
      of: found,
      lines: 10,
      draw: ({ data }) => {
        const text = q.toLowerCase();
        const rows = data.filter((/** @type {Setting} */ each) => (!changed || each.is_set) && [each.name, each.variable, each.description].some((part) => part.toLowerCase().includes(text)));
        return rows.length ? html`<ul class="settings-list">${rows.map(Row)}</ul>` : Empty({ icon: "settings", title: t("settings.no_match") });
      },
    })}`;
}

/** Words between backticks are code. @param {string} text */
const withCode = (text) => text.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));

/** @param {any} value */
function written(value) {
  if (value === null || value === undefined || value === "") return t("settings.unset");
  if (Array.isArray(value) && !value.length) return t("settings.unset");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** @param {Setting} each */
function Row({ name, variable, description, value, default: usual, is_set: set, secret }) {
  return html`<li class="settings-row" key=${name}>
    <div class="settings-name">
      <h3 class="mono">${name}</h3>
      <span class="row"><span class="mono muted">${variable}</span>${Copy({ text: variable })}</span>
    </div>
    <div class="settings-value">
      <p><span class="mono">${secret ? (set ? t("settings.secret") : t("settings.unset")) : written(value)}</span> ${set ? Badge({ kind: "busy", children: t("settings.is_set") }) : null}</p>
      ${set && !secret ? html`<p class="muted">${t("settings.default", { value: written(usual) })}</p>` : null}
      <p class="muted settings-text">${withCode(description)}</p>
    </div>
  </li>`;
}
