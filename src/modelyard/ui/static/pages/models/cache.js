// Downloads that are under way, and the models whose files are on this machine.
import { del, get, path } from "../../lib/api.js";
import { downloads, known, models } from "../../lib/events.js";
import { bytes, duration, percent } from "../../lib/format.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { has, t, tn } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { useResource } from "../../lib/resource.js";
import { href } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { TextField } from "../../parts/field.js";
import { Badge, Bar, Card } from "../../parts/page.js";
import { Empty, Loaded, NoPermission } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";
import { Files, PauseButton, useSpeed } from "./model_overview.js";

export default function Cache() {
  if (!can("cache:list")) return NoPermission({ scope: "cache:list" });
  return html`<${Downloads} /><${Cached} />`;
}

function Downloads() {
  const all = [...downloads.value.values()];
  const active = all.filter((each) => each.status === "running");
  useKeys([{ keys: "p", label: t("models.key_pause"), run: () => document.querySelector(/** @type {any} */ (".models-downloads .button"))?.click() }]);
  if (!known.value || !all.length) return null;
  return Card({ title: t("models.downloads_title"), class: "models-downloads", actions: html`<span class="muted">${tn("models.downloads_active", active.length)}</span>`, children: all.map((each) => html`<${Download} key=${each.uid} download=${each} />`) });
}

/** @type {Record<string, "ok" | "busy" | "warn" | "danger">} */
const KINDS = { done: "ok", running: "busy", paused: "warn", failed: "danger" };

/** @param {{ download: any }} props */
function Download({ download }) {
  const speed = useSpeed(download.downloaded);
  const may = can("models:write");
  const going = download.status === "running";
  const remove = async () => {
    const agreed = download.status === "done" || (await confirm({ title: t("models.drop_download", { name: download.model_id }), text: t("models.drop_download_text"), action: t("common.delete"), danger: true }));
    if (agreed) await attempt(del(path`v1/downloads/${download.uid}`));
  };
  return html`<div class="models-download-row">
    <div class="spread"><span><strong>${download.model_id}</strong> <span class="muted">${download.model_hub}</span> ${Badge({ kind: KINDS[download.status], children: has(`models.download_${download.status}`) ? t(`models.download_${download.status}`) : download.status })}</span>
      ${may ? html`<div class="row">${download.status === "done" ? null : PauseButton({ download })}${IconButton({ icon: "trash", size: "small", title: t("models.drop_download", { name: download.model_id }), onClick: () => void remove() })}</div>` : null}</div>
    ${Bar({ value: download.progress, label: download.model_id, kind: download.status === "failed" ? "danger" : download.status === "paused" ? "warn" : download.status === "done" ? "ok" : undefined })}
    <p class="muted">${bytes(download.downloaded)} / ${bytes(download.total)} (${percent(download.progress)})${going && speed ? ` · ${t("models.per_second", { size: bytes(speed) })} · ${t("models.left", { time: duration((download.total - download.downloaded) / speed) })}` : ""}</p>
    ${download.info ? html`<p class=${download.status === "failed" ? "danger" : "muted"}>${download.info}</p>` : null}
    ${download.files.length > 1 && download.status !== "done" ? html`<details class="schema-more"><summary>${tn("models.file_count", download.files.length)}</summary>${Files({ files: download.files })}</details>` : null}
  </div>`;
}

function Cached() {
  const found = useResource((signal) => get("v1/cache/models", undefined, signal), []);
  const filter = useSignal("");
  const finished = [...downloads.value.values()].filter((each) => each.status === "done").length;
  useEffect(() => {
    if (found.data.peek()) void found.reload();
  }, [finished]);
  return Loaded({ of: found, draw: (answer) => List({ answer, filter, reload: found.reload }) });
}

/** @param {{ answer: any, filter: import("@preact/signals").Signal<string>, reload: () => Promise<void> }} props */
function List({ answer, filter, reload }) {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = answer.list.filter((/** @type {any} */ each) => words.every((word) => `${each.model_name} ${each.model_id} ${each.quantization}`.toLowerCase().includes(word)));
  const taken = answer.list.reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each.size_bytes, 0);
  const used = answer.disk_total - answer.disk_free;
  return html`${Card({
      title: t("models.disk"),
      children: html`<div class="spread"><span>${t("models.disk_cached", { size: bytes(taken) })}</span><span class="muted">${t("models.disk_left", { free: bytes(answer.disk_free), total: bytes(answer.disk_total) })}</span></div>${Bar({ value: used, max: answer.disk_total, label: t("models.disk"), kind: used / answer.disk_total > 0.95 ? "danger" : used / answer.disk_total > 0.85 ? "warn" : undefined })}`,
    })}
    ${answer.list.length
      ? html`<div class="spread"><div class="models-filter">${TextField({ name: "cache-filter", type: "search", label: t("models.filter"), hideLabel: true, placeholder: t("models.filter"), value: filter.value, onInput: (value) => (filter.value = value) })}</div><span class="muted">${tn("models.count", rows.length)}</span></div>
          ${Table({ label: t("models.tab_cache"), columns: columns(reload), rows, id: (row) => row.path })}`
      : Empty({ icon: "download", title: t("models.cache_empty"), text: t("models.cache_empty_text"), action: Button({ label: t("models.to_catalog"), href: href(["models", "catalog"]) }) })}`;
}

/** Models that run from these files. @param {any} row */
const usersOf = (row) => [...models.value.values()].filter((model) => !model.alias_of && model.root && [row.path, row.real_path].some((place) => model.root === place || model.root.startsWith(`${place}/`)));

/** @param {() => Promise<void>} reload @returns {import("../../parts/table.js").Column<any>[]} */
function columns(reload) {
  const remove = async (/** @type {any} */ row) => {
    const agreed = await confirm({ title: t("models.remove_cached", { name: row.model_name }), text: t("models.remove_cached_text", { size: bytes(row.size_bytes) }), action: t("common.delete"), danger: true });
    if (agreed && (await attempt(del("v1/cache/models", { model_version: row.model_version })))) await reload();
  };
  return [
    { name: "name", label: t("models.name"), cell: (row) => html`<strong>${row.model_name}</strong><span class="models-details muted">${[row.model_format, row.quantization].filter(Boolean).join(" · ")}</span>` },
    { name: "id", label: t("models.repository"), class: "narrow-hidden", cell: (row) => html`${row.model_id} <span class="muted">${row.model_hub}</span>` },
    { name: "size", label: t("models.bytes"), class: "number", cell: (row) => bytes(row.size_bytes) },
    { name: "used", label: t("models.used_by"), cell: (row) => usersOf(row).map((model) => html`<a href=${href(["models", model.parent ?? model.id, "overview"])}>${model.id}</a> `) },
    {
      name: "actions",
      label: html`<span class="for-readers">${t("models.actions")}</span>`,
      class: "number",
      cell: (row) => html`<span class="row models-row-actions">${can("models:write") && row.model_type ? Button({ label: t("models.launch"), size: "small", href: href(["models", "launch"], { name: row.model_name, type: row.model_type }) }) : null}${can("cache:delete") ? IconButton({ icon: "trash", size: "small", title: t("models.remove_cached", { name: row.model_name }), disabled: usersOf(row).length > 0, onClick: () => void remove(row) }) : null}</span>`,
    },
  ];
}
