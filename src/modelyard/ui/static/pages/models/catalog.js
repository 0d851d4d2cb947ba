// The catalog: families with what of them fits on this machine, filters in the address, and the hubs' own search below.
import { get } from "../../lib/api.js";
import { bytes, number } from "../../lib/format.js";
import { html, useEffect, useMemo } from "../../lib/html.js";
import { has, language, t, tn } from "../../lib/i18n.js";
import { go, href, route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { CheckField, SelectField, TextField } from "../../parts/field.js";
import { Badge } from "../../parts/page.js";
import { Empty, Failure, Loading } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Segments } from "../../parts/tabs.js";
import { sizeName } from "./figures.js";
import { paged } from "./paged.js";
import { HubSearch, sourceOf } from "./hub_search.js";

/** @typedef {import("../../../types/api").CatalogEntry} Entry */

export const TYPES = ["LLM", "embedding", "rerank", "image", "audio", "video"];
const ABILITIES = ["chat", "vision", "tools", "reasoning", "hybrid", "generate", "audio", "omni", "ocr", "embed", "embed_vision", "rerank", "text2image", "image2image", "inpainting", "text2audio", "audio2text", "text2audio_voice_cloning", "text2music", "text2video", "image2video"];
const LANGUAGES = ["zh", "en", "ja", "ko", "de", "fr", "es", "ru", "ar"];

export default function Catalog() {
  const { type = "", q = "", ability = "", lang = "", cached = "", fits = "" } = route.value.query;
  const filters = { type, q: sourceOf(q)?.id ? "" : q, ability, language: lang, cached, fits };
  const key = JSON.stringify(filters);
  const list = useMemo(() => paged((cursor, signal) => get("v1/catalog", { ...filters, limit: 60, cursor }, signal)), [key]);
  useEffect(() => {
    const timer = setTimeout(() => void list.more(), 150);
    return () => (clearTimeout(timer), list.abort());
  }, [list]);
  const { rows, total } = list.state.value;
  return html`${Filters({ type, q, ability, lang, cached, fits })}
    ${Source({ q })}
    <div class="spread"><span class="muted" role="status">${total === null ? "" : tn("models.families", total)}</span></div>
    ${Rows({ list, rows, total })}
    ${q.trim() && can("models:write") ? html`<${HubSearch} q=${q.trim()} type=${type} />` : null}`;
}

/** @param {{ list: ReturnType<typeof paged>, rows: Entry[], total: number | null }} props */
function Rows({ list, rows, total }) {
  const { loading, error, complete } = list.state.value;
  if (error && !rows.length) return Failure({ error, retry: () => void list.more() });
  if (!rows.length && (loading || !complete)) return Loading({ lines: 8 });
  if (!rows.length) return Empty({ icon: "search", title: t("models.no_family"), text: t("models.no_family_text"), action: Button({ label: t("models.clear_filter"), onClick: () => go(["models", "catalog"]) }) });
  return Table({ label: t("models.tab_catalog"), columns: columns(), rows, total: total ?? undefined, height: 56, id: (row) => `${row.model_type}/${row.model_name}`, onOpen: launchOf, onEnd: complete ? undefined : () => void list.more() });
}

/** @param {Entry} row */
const launchOf = (row) => go(["models", "launch"], { name: row.model_name, type: row.model_type });

/** @param {Record<string, string>} props */
function Filters({ type, q, ability, lang, cached, fits }) {
  const any = { value: "", label: t("models.any") };
  return html`<div class="stack">
    ${Segments({ label: t("models.type"), value: type, onInput: (value) => setQuery({ type: value }), choices: [{ value: "", label: t("models.all_types") }, ...TYPES.map((each) => ({ value: each, label: t(`models.type_${each}`) }))] })}
    <div class="models-filters">
      <div class="grow">${TextField({ name: "q", type: "search", label: t("models.catalog_search"), hideLabel: true, placeholder: t("models.catalog_search"), value: q, onInput: (value) => setQuery({ q: value }) })}</div>
      ${SelectField({ name: "ability", label: t("models.ability"), hideLabel: true, value: ability, choices: [{ ...any, label: t("models.any_ability") }, ...ABILITIES.map((each) => ({ value: each, label: abilityName(each) }))], onInput: (value) => setQuery({ ability: value }) })}
      ${SelectField({ name: "lang", label: t("models.language"), hideLabel: true, value: lang, choices: [{ ...any, label: t("models.any_language") }, ...LANGUAGES.map((each) => ({ value: each, label: languageName(each) }))], onInput: (value) => setQuery({ lang: value }) })}
      ${CheckField({ name: "fits", label: t("models.fits_here"), value: fits === "true", onInput: (value) => setQuery({ fits: value ? "true" : "" }) })}
      ${CheckField({ name: "cached", label: t("models.on_this_machine"), value: cached === "true", onInput: (value) => setQuery({ cached: value ? "true" : "" }) })}
    </div>
  </div>`;
}

/** A path, an address or the id of a repository that was typed: it can be launched without being in the catalog. @param {{ q: string }} props */
function Source({ q }) {
  const source = sourceOf(q);
  if (!source || !can("models:write")) return null;
  return html`<div class="card models-source">
    <div class="spread"><span>${t(source.path ? "models.source_path" : "models.source_id")} <code>${source.name}</code></span>
    ${Button({ label: t("models.launch_this"), icon: "play", kind: "primary", href: href(["models", "launch"], { name: source.name, hub: source.hub }) })}</div>
  </div>`;
}

/** @param {string} name */
export const abilityName = (name) => (has(`models.ability_${name}`) ? t(`models.ability_${name}`) : name);

/** @param {string} code */
function languageName(code) {
  return new Intl.DisplayNames(language.value, { type: "language" }).of(code) ?? code;
}

/** @returns {import("../../parts/table.js").Column<Entry>[]} */
function columns() {
  return [
    { name: "name", label: t("models.name"), cell: NameCell },
    { name: "abilities", label: t("models.abilities"), class: "narrow-hidden", cell: (row) => html`<span class="models-badges">${row.model_ability.slice(0, 4).map((each) => Badge({ children: abilityName(each) }))}</span>` },
    { name: "sizes", label: t("models.sizes"), class: "narrow-hidden nowrap", cell: (row) => sizes(row) },
    { name: "context", label: t("models.context"), class: "number narrow-hidden", cell: (row) => (row.context_length ? `${number(Math.round(row.context_length / 1024))}K` : "–") },
    { name: "fits", label: t("models.fits"), cell: Fits },
    { name: "launch", label: html`<span class="for-readers">${t("models.launch")}</span>`, class: "number", cell: (row) => (can("models:write") ? Button({ label: t("models.launch"), size: "small", href: href(["models", "launch"], { name: row.model_name, type: row.model_type }) }) : null) },
  ];
}

/** @param {Entry} row */
function NameCell(row) {
  const text = (language.value === "zh" && row.model_description_zh) || row.model_description.replace(`${row.model_name}: `, "");
  return html`<span class="models-family"><strong>${row.model_name}</strong>${row.cached ? Badge({ kind: "ok", children: t("models.cached"), title: t("models.cached_title") }) : null}${row.is_builtin ? null : Badge({ kind: "busy", children: t("models.own") })}</span>
    <span class="models-line muted" title=${text}>${text}</span>`;
}

/** @param {Entry} row */
function sizes(row) {
  const all = row.sizes.map((each) => Number(String(each).replace("_", "."))).filter(Number.isFinite).sort((a, b) => a - b);
  const formats = html`<span class="models-line models-formats muted" title=${row.formats.join(", ")}>${row.formats.join(", ")}</span>`;
  if (!all.length) return formats;
  return html`<span title=${all.map(sizeName).join(", ")}>${all.length > 1 ? `${sizeName(all[0])} – ${sizeName(all[all.length - 1])}` : sizeName(all[0])}</span>${formats}`;
}

/** Whether a launch by the name would fit here, with what it would choose. @param {Entry} row */
export function Fits({ fits, best, reason }) {
  if (!best) return html`<span class="models-fit" title=${reason}>${Badge({ children: t("models.fit_no_engine"), title: reason ?? undefined })}</span>`;
  const kind = !fits ? "danger" : best.comfortable ? "ok" : "warn";
  const word = t(`models.fit_${!fits ? "no" : best.comfortable ? "ok" : "tight"}`);
  return html`<span class="models-fit" title=${reason ?? undefined}>${Badge({ kind, children: `${word} · ${bytes(best.memory)}` })}<span class="muted models-line">${[sizeName(best.model_size_in_billions), best.quantization, best.model_engine].filter(Boolean).join(" · ")}</span></span>`;
}
