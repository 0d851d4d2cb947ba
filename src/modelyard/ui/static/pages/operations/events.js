// What happened to all models: launches, restarts, crashes; newest first.
import { get } from "../../lib/api.js";
import { onServerEvent } from "../../lib/events.js";
import { moment } from "../../lib/format.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { href, route, setQuery } from "../../lib/router.js";
import { Button } from "../../parts/button.js";
import { SelectField } from "../../parts/field.js";
import { Badge } from "../../parts/page.js";
import { Empty, Loaded, Permitted } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";

/** @typedef {import("../../../types/api").PastEvent} Happening */

const PAGE = 200;
const KINDS = /** @type {const} */ ({ INFO: "plain", WARNING: "warn", ERROR: "danger" });

export function Events() {
  return Permitted({ scope: "models:read", children: () => html`<${AllEvents} />` });
}

function AllEvents() {
  const { model, level = "" } = route.value.query;
  const older = useSignal(/** @type {{ data: Happening[], next: string | null } | null} */ (null));
  const found = useResource((signal) => get("v1/events/models", { model, type: level, limit: PAGE }, signal), [model, level]);
  useEffect(() => void (older.value = null), [found]);
  useEffect(() => onServerEvent((type) => type === "model_event" && void found.reload()), [found]);
  const more = async (/** @type {string} */ after) => {
    const page = await attempt(get("v1/events/models", { model, type: level, limit: PAGE, after }));
    if (page) older.value = { data: [...(older.value?.data ?? []), ...page.data], next: page.next };
  };
  return html`<div class="row">
      ${SelectField({ name: "level", label: t("operations.level"), hideLabel: true, value: level, onInput: (value) => setQuery({ level: value }), choices: ["", "INFO", "WARNING", "ERROR"].map((value) => ({ value, label: t(`operations.level_${value.toLowerCase() || "any"}`) })) })}
    </div>
    ${Loaded({
      of: found,
      draw: ({ data, next }) => {
        const last = data.at(-1)?.id ?? 0;
        const rows = [...data, ...(older.value?.data ?? []).filter((each) => each.id < last)];
        const after = older.value ? older.value.next : next;
        if (!rows.length) return Empty({ icon: "history", title: t("operations.no_events"), action: Button({ label: t("operations.to_models"), href: href("models") }) });
        return html`${List({ rows })} ${after ? html`<div>${Button({ label: t("operations.older_events"), onClick: () => more(after) })}</div>` : null}`;
      },
    })}`;
}

/** @param {{ rows: Happening[] }} props */
function List({ rows }) {
  return Table({
    label: t("operations.tab_events"),
    rows,
    id: (each) => String(each.id),
    columns: [
      { name: "at", label: t("operations.at"), class: "operations-at", cell: (each) => moment(each.at) },
      { name: "type", label: t("operations.level"), class: "narrow-hidden", cell: (each) => Badge({ kind: /** @type {any} */ (KINDS)[each.type], children: t(`operations.level_${each.type.toLowerCase()}`) }) },
      { name: "model", label: t("operations.model"), cell: (each) => html`<a class="cut operations-name" href=${href(["models", each.model_uid, "events"])}>${each.model_uid}</a>` },
      { name: "text", label: t("operations.event"), cell: (each) => (each.type === "ERROR" ? html`<span class="danger">${each.text}</span>` : each.text) },
    ],
  });
}
