// Lines of all models, jobs and the server itself, as they are printed.
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { LogView } from "../../parts/log.js";
import { Permitted } from "../../parts/states.js";
import { Segments } from "../../parts/tabs.js";

export function Logs() {
  return Permitted({ scope: "logs:list", children: () => html`<${AllLogs} />` });
}

function AllLogs() {
  const { model, source = "all" } = route.value.query;
  const server = source === "server" && can("admin");
  const sources = ["all", ...(can("admin") ? ["server"] : [])].map((value) => ({ value, label: t(`operations.source_${value}`) }));
  const query = { model: server ? undefined : model, server: server || undefined, limit: 2000 };
  return html`${sources.length > 1 ? Segments({ label: t("operations.source"), choices: sources, value: source, onInput: (value) => setQuery({ source: value === "all" ? null : value }) }) : null}
    ${LogView({ follow: "v1/logs", query, sources: true, name: server ? "server" : (model ?? "modelyard"), height: Math.max(320, innerHeight - 330) })}`;
}
