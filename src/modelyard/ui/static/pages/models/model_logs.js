// The live log of a model, of all replicas or of one.
import { path } from "../../lib/api.js";
import { replicas } from "../../lib/events.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { SelectField } from "../../parts/field.js";
import { LogView } from "../../parts/log.js";
import { NoPermission } from "../../parts/states.js";

/** @param {{ uid: string }} props */
export default function Logs({ uid }) {
  if (!can("logs:list")) return NoPermission({ scope: "logs:list" });
  const { replica = "", lines = "500" } = route.value.query;
  const names = (replicas.value.get(uid) ?? []).map((each) => each.replica_uid).filter(Boolean);
  const choices = [{ value: "", label: t("models.all_replicas") }, ...names.map((name) => ({ value: name, label: name }))];
  return html`${names.length > 1 ? html`<div class="models-filter">${SelectField({ name: "log-replica", label: t("models.replica"), value: replica, choices, onInput: (value) => setQuery({ replica: value }) })}</div>` : null}
    ${LogView({ follow: path`v1/models/${uid}/logs`, query: { follow: true, lines, replica }, name: uid })}`;
}
