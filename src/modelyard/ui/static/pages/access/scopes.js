// Permissions in words, and the field in which they are chosen.
import { html } from "../../lib/html.js";
import { has, t } from "../../lib/i18n.js";
import { can } from "../../lib/session.js";
import { CheckField } from "../../parts/field.js";
import { Badge } from "../../parts/page.js";
import { Segments } from "../../parts/tabs.js";

/** Permissions by subject, as they are listed. @type {Record<string, string[]>} */
export const GROUPS = {
  models: ["models:list", "models:read", "models:write", "models:register", "tools:use"],
  data: ["knowledge:read", "knowledge:write", "files:read", "files:write"],
  people: ["keys:create", "keys:manage", "users:manage"],
  server: ["logs:list", "monitor:view", "cache:list", "cache:delete", "settings:read", "settings:write", "virtualenv:list", "virtualenv:delete"],
};

/** Usual sets, the narrowest first. @type {Record<string, string[]>} */
const PRESETS = {
  inference: ["models:list", "models:read"],
  work: ["models:list", "models:read", "tools:use", "knowledge:read", "knowledge:write", "files:read", "files:write"],
  operate: ["models:list", "models:read", "models:write", "models:register", "tools:use", "knowledge:read", "knowledge:write", "files:read", "files:write", "logs:list", "monitor:view", "cache:list", "cache:delete", "settings:read"],
  admin: ["admin"],
};

/** What a permission lets somebody do, as a sentence. @param {string} scope */
export function scopeText(scope) {
  const key = `access.scope_${scope.replace(":", "_")}`;
  return has(key) ? t(key) : scope;
}

/** @param {string[]} one @param {string[]} other */
const same = (one, other) => one.length === other.length && one.every((each) => other.includes(each));

/** The name of a usual set; null for others. @param {string[]} scopes */
export const presetOf = (scopes) => Object.keys(PRESETS).find((name) => same(PRESETS[name], scopes)) ?? null;

/** Permissions in few words, with the sentences on hover. @param {{ scopes: string[] }} props */
export function ScopesSummary({ scopes }) {
  const preset = presetOf(scopes);
  const text = preset ? t(`access.preset_${preset}`) : scopes.length ? scopes.join(", ") : t("access.no_scopes");
  const title = scopes.map(scopeText).join("\n");
  return preset === "admin" || scopes.includes("admin") ? Badge({ kind: "warn", title, children: t("access.preset_admin") }) : html`<span class="access-scopes" title=${title}>${text}</span>`;
}

/** A usual set, or single permissions. Only those that the person has may be given. @param {{ value: string[], onInput: (scopes: string[]) => void }} props */
export function ScopesField({ value, onInput }) {
  const usable = Object.keys(PRESETS).filter((name) => PRESETS[name].every(can));
  const choices = usable.map((name) => ({ value: name, label: t(`access.preset_${name}`), title: PRESETS[name].map(scopeText).join("\n") }));
  const toggle = (/** @type {string} */ scope) => onInput(value.includes(scope) ? value.filter((each) => each !== scope) : [...value, scope]);
  const admin = value.includes("admin");
  return html`<fieldset class="access-field">
    <legend>${t("access.scopes")}</legend>
    ${Segments({ label: t("access.scopes"), choices, value: presetOf(value) ?? "", onInput: (name) => onInput(PRESETS[name]) })}
    ${
      admin
        ? html`<p class="access-warning">${t("access.admin_warning")}</p>`
        : html`<details open=${presetOf(value) === null}>
            <summary>${t("access.single_scopes")}</summary>
            ${Object.entries(GROUPS).map(
              ([name, scopes]) => html`<div class="access-group">
                <h3>${t(`access.group_${name}`)}</h3>
                ${scopes.map((scope) => CheckField({ name: `scope-${scope}`, label: html`${scopeText(scope)} <span class="mono muted">${scope}</span>`, value: value.includes(scope), disabled: !can(scope), onInput: () => toggle(scope) }))}
              </div>`,
            )}
          </details>`
    }
  </fieldset>`;
}
