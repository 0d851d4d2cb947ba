// The form of a key: what it may do, with which models and bases, how much, and how long.
import { get, path, patch, post } from "../../lib/api.js";
import { models } from "../../lib/events.js";
import { moment } from "../../lib/format.js";
import { html, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { beginSession, can, me } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { ChipsField } from "../../parts/chips.js";
import { Dialog } from "../../parts/dialog.js";
import { NumberField, SelectField, TextField } from "../../parts/field.js";
import { Failure } from "../../parts/states.js";
import { ScopesField } from "./scopes.js";

/** @typedef {import("../../../types/api").KeyInfo} Key */
/** @typedef {{ name: string, scopes: string[], models: string[], bases: Record<string, string>, requests: number | null, tokens: number | null, end: string }} KeyDraft */

const DAY = 86_400;
const ENDS = [1, 7, 30, 90, 365];

/** Whether the server asks nobody for a key yet. */
export const isOpen = () => me.value?.id === "" && !me.value.username;

/** @param {Key | null} key @returns {KeyDraft} */
function draftOf(key) {
  if (!key) return { name: "", scopes: ["models:list", "models:read"], models: [], bases: {}, requests: null, tokens: null, end: "never" };
  const { name, scopes, models: only, bases, requests_per_minute: requests, tokens_per_minute: tokens, expires_at: ends } = key;
  return { name, scopes, models: only ?? [], bases: bases ?? {}, requests, tokens, end: ends ? "keep" : "never" };
}

/** @param {KeyDraft} draft */
function bodyOf({ name, scopes, models: only, bases, requests, tokens, end }) {
  const until = end === "keep" ? {} : { expires_in: end === "never" ? null : Number(end) * DAY };
  return {
    name: name.trim(),
    scopes,
    models: only.length ? only : null,
    bases: Object.keys(bases).length ? bases : null,
    requests_per_minute: requests,
    tokens_per_minute: tokens,
    ...until,
  };
}

/** What of a key was changed; what was not touched is left out, so that nothing of it is read anew. @param {KeyDraft} draft @param {Key} edited */
function changesOf(draft, edited) {
  const before = /** @type {Record<string, any>} */ (bodyOf(draftOf(edited)));
  return Object.fromEntries(Object.entries(bodyOf(draft)).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
}

/**
 * Make a key, or change one.
 * @param {{ edited: Key | null, onClose: () => void, onDone: (key: any) => void }} props `onDone` gets the key, with its secret if it is new
 */
export function KeyForm({ edited, onClose, onDone }) {
  const first = isOpen() && !edited;
  const start = draftOf(edited);
  if (first) Object.assign(start, { name: "admin", scopes: ["admin"] });
  const draft = useSignal(start);
  const error = useSignal(/** @type {any} */ (null));
  const busy = useSignal(false);
  const change = (/** @type {Partial<KeyDraft>} */ part) => (draft.value = { ...draft.value, ...part });
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    busy.value = true;
    error.value = null;
    try {
      const key = edited
        ? await patch(path`v1/admin/keys/${edited.id}`, changesOf(draft.value, edited))
        : await post("v1/admin/keys", bodyOf(draft.value));
      if (first) await beginSession({ api_key: key.key }).catch(() => null); // the secret is shown in any case
      onDone(key);
    } catch (reason) {
      error.value = reason;
      busy.value = false;
    }
  };
  const { name, scopes } = draft.value;
  const title = edited ? t("access.edit_key", { name: edited.name }) : t(first ? "access.first_key_title" : "access.new_key");
  return html`<${Dialog} title=${title} onClose=${onClose} wide=${true}>
    <form class="stack" onSubmit=${save}>
      ${first ? html`<p class="access-warning">${t("access.first_key")}</p>` : null}
      ${TextField({ name: "key-name", label: t("access.name"), hint: t("access.name_hint"), value: name, onInput: (value) => change({ name: value }), required: true, maxLength: 100, autofocus: true })}
      ${first
        ? null
        : html`${ScopesField({ value: scopes, onInput: (value) => change({ scopes: value }) })}
            <${Bounds} draft=${draft.value} change=${change} edited=${edited} open=${Boolean(edited)} />`}
      ${error.value ? Failure({ error: error.value, small: true }) : null}
      <div class="dialog-actions">
        ${Button({ label: t("common.cancel"), onClick: onClose })}
        ${Button({ label: edited ? t("common.save") : t("access.create_key"), kind: "primary", type: "submit", busy: busy.value, disabled: !name.trim() || !scopes.length })}
      </div>
    </form>
  <//>`;
}

/** With what, how much and how long. @param {{ draft: KeyDraft, change: (part: Partial<KeyDraft>) => void, edited: Key | null, open: boolean }} props */
function Bounds({ draft, change, edited, open }) {
  const bases = useResource((signal) => (can("knowledge:read") ? get("v1/knowledge_bases", { limit: 1000 }, signal) : Promise.resolve({ data: [] })), []);
  const baseNames = (bases.data.value?.data ?? []).map((/** @type {any} */ each) => each.name);
  const level = (/** @type {string} */ base) =>
    SelectField({
      name: `base-level-${base}`,
      label: t("access.level_of", { name: base }),
      hideLabel: true,
      value: draft.bases[base],
      choices: ["read", "write"].map((value) => ({ value, label: t(`access.level_${value}`) })),
      onInput: (value) => change({ bases: { ...draft.bases, [base]: value } }),
    });
  const ends = [
    ...(edited?.expires_at ? [{ value: "keep", label: t("access.end_keep", { time: moment(edited.expires_at) }) }] : []),
    { value: "never", label: t("access.end_never") },
    ...ENDS.map((days) => ({ value: String(days), label: t(days === 1 ? "access.end_day" : "access.end_days", { n: days }) })),
  ];
  return html`<details open=${open}>
    <summary>${t("access.bounds")}</summary>
    <div class="stack access-bounds">
      ${ChipsField({ name: "key-models", label: t("access.only_models"), hint: t("access.only_models_hint"), placeholder: t("access.all"), value: draft.models, list: [...models.value.keys()], onInput: (value) => change({ models: value }) })}
      ${ChipsField({ name: "key-bases", label: t("access.only_bases"), hint: t("access.only_bases_hint"), placeholder: t("access.all"), value: Object.keys(draft.bases), list: baseNames, extra: level, onInput: (value) => change({ bases: Object.fromEntries(value.map((each) => [each, draft.bases[each] ?? "read"])) }) })}
      <div class="form-grid">
        ${NumberField({ name: "key-requests", label: t("access.requests"), placeholder: t("access.no_limit"), min: 1, step: 1, value: draft.requests, onInput: (value) => change({ requests: value }) })}
        ${NumberField({ name: "key-tokens", label: t("access.tokens"), placeholder: t("access.no_limit"), min: 1, step: 1, value: draft.tokens, onInput: (value) => change({ tokens: value }) })}
        ${SelectField({ name: "key-end", label: t("access.end"), value: draft.end, choices: ends, onInput: (value) => change({ end: value }) })}
      </div>
    </div>
  </details>`;
}
