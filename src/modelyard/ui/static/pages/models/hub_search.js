// The hubs' own search, which is made when somebody asks for it; and what can be launched without being in the catalog.
import { get } from "../../lib/api.js";
import { ago, compact } from "../../lib/format.js";
import { html, useEffect, useMemo } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { go, href, route, setQuery } from "../../lib/router.js";
import { Button } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";
import { Badge, Card } from "../../parts/page.js";
import { Empty, Failure, Loading } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { paged } from "./paged.js";

/** @typedef {import("../../../types/api").HubModel} Hit */

const HUBS = { "huggingface.co": "huggingface", "hf-mirror.com": "huggingface", "modelscope.cn": "modelscope", "www.modelscope.cn": "modelscope" };

/** What a text names beyond the catalog: a path, or the id of a repository, which an address of a hub has in it. @param {string} text @returns {{ name: string, path: boolean, id?: string, hub?: string } | null} */
export function sourceOf(text) {
  const typed = text.trim();
  const address = /^https?:\/\/([^/]+)\/(?:models\/)?([\w.-]+\/[\w.-]+)/.exec(typed);
  if (address) {
    const hub = /** @type {Record<string, string>} */ (HUBS)[address[1]];
    return hub ? { name: address[2], path: false, id: address[2], hub } : null;
  }
  if (/^(\/|~\/|\.{1,2}\/|[A-Za-z]:\\)/.test(typed) || typed.endsWith(".gguf")) return { name: typed, path: true, id: typed };
  return /^[\w.-]+\/[\w.-]+$/.test(typed) ? { name: typed, path: false, id: typed } : null;
}

/** @param {{ q: string, type: string }} props */
export function HubSearch({ q, type }) {
  const shown = route.value.query.hubs === "1";
  if (!shown) return html`<div>${Button({ label: t("models.search_hubs", { q }), icon: "globe", class: "models-hubs", onClick: () => setQuery({ hubs: "1" }) })}</div>`;
  return html`<${Hits} q=${q} type=${type} />`;
}

/** @param {{ q: string, type: string }} props */
function Hits({ q, type }) {
  const list = useMemo(() => paged((cursor, signal) => get("v1/hubs/search", { q: q.replace(/^https?:\/\/[^/]+\/(models\/)?/, ""), type, cursor }, signal)), [q, type]);
  useEffect(() => {
    const timer = setTimeout(() => void list.more(), 600);
    return () => (clearTimeout(timer), list.abort());
  }, [list]);
  const { rows, loading, complete, error, failures } = list.state.value;
  const more = complete || error ? null : Button({ label: t("models.more_hits"), size: "small", busy: loading, onClick: () => void list.more() });
  return Card({
    title: t("models.on_hubs"),
    children: html`${failures.map((each) => html`<p class="row danger">${Icon({ name: "alert" })} ${each.hub}: ${each.message}</p>`)}
    ${error ? Failure({ error, retry: () => void list.more(), small: true }) : null}
    ${rows.length ? Table({ label: t("models.on_hubs"), columns: columns(), rows, id: (row) => `${row.hub}/${row.id}`, onOpen: (row) => go(["models", "launch"], target(row)) }) : loading ? Loading() : complete ? Empty({ icon: "search", title: t("common.nothing_found") }) : null}
    ${rows.length ? more : null}`,
  });
}

/** @param {Hit} row */
const target = (row) => (row.family ? { name: row.family, type: row.type } : { name: row.id, hub: row.hub });

/** @returns {import("../../parts/table.js").Column<Hit>[]} */
function columns() {
  return [
    { name: "id", label: t("models.name"), cell: (row) => html`<strong>${row.id}</strong>${row.cached ? html` ${Badge({ kind: "ok", children: t("models.cached") })}` : null}${row.gated ? html` ${Badge({ kind: "warn", children: t("models.gated"), title: t("models.gated_title") })}` : null}` },
    { name: "hub", label: t("models.hub"), class: "narrow-hidden", cell: (row) => row.hub },
    { name: "formats", label: t("models.formats"), class: "narrow-hidden", cell: (row) => row.formats.join(", ") || "–" },
    { name: "downloads", label: t("models.downloads"), class: "number narrow-hidden", cell: (row) => compact(row.downloads) },
    { name: "updated", label: t("models.updated"), class: "narrow-hidden nowrap", cell: (row) => ago(row.updated_at) },
    { name: "launch", label: html`<span class="for-readers">${t("models.launch")}</span>`, class: "number", cell: (row) => Button({ label: t("models.launch"), size: "small", href: href(["models", "launch"], target(row)) }) },
  ];
}
