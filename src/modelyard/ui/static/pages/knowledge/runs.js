// The runs of an evaluation set: their measures by setting, the ranks of each question, and the difference between two.
import { del, get } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { ago, number, percent } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { href, route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { IconButton } from "../../parts/button.js";
import { SelectField } from "../../parts/field.js";
import { Badge, Card } from "../../parts/page.js";
import { Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";

/** @typedef {import("../../../types/api").RunInfo} Run */
/** @typedef {import("../../../types/api").RunDetail} RunDetail */
/** @typedef {import("../../../types/api").SettingResult} SettingResult */
/** @typedef {"hit_1" | "hit_5" | "recall_5" | "mrr" | "ndcg_10"} Measure */

/** @type {Measure[]} */
const MEASURES = ["hit_1", "hit_5", "recall_5", "mrr", "ndcg_10"];

/** @param {{ base: import("./data.js").Base, set: import("../../../types/api").EvaluationSetInfo, runs: Run[], reload: () => Promise<void> }} props */
export function Runs({ base, set, runs, reload }) {
  if (!runs.length) return html`<p class="muted">${t("knowledge.no_runs")}</p>`;
  const { run = "", against = "" } = route.value.query;
  const current = runs.find((each) => each.id === run) ?? runs[0];
  const other = runs.find((each) => each.id === against);
  const label = (/** @type {Run} */ each) => `${ago(each.finished_at)} · ${tn("knowledge.n_questions", each.questions)}`;
  const remove = async () => {
    if (await attempt(del(inBase(base.name, "evaluations", set.id, "runs", current.id)))) {
      setQuery({ run: "", against: "" });
      await reload();
    }
  };
  const actions = html`${SelectField({ name: "run", label: t("knowledge.run_of"), hideLabel: true, value: current.id, onInput: (value) => setQuery({ run: value }), choices: runs.map((each) => ({ value: each.id, label: label(each) })) })}
    ${SelectField({ name: "against", label: t("knowledge.compare_with"), hideLabel: true, value: other?.id ?? "", onInput: (value) => setQuery({ against: value }), choices: [{ value: "", label: t("knowledge.compare_with") }, ...runs.filter((each) => each.id !== current.id).map((each) => ({ value: each.id, label: label(each) }))] })}
    ${can("knowledge:write") ? IconButton({ icon: "trash", title: t("knowledge.delete_run"), size: "small", onClick: remove }) : null}`;
  return html`${Card({ title: t("knowledge.result"), actions, children: html`${Measures({ run: current, other })}<${Detail} key=${current.id} base=${base} set=${set.id} run=${current} other=${other ?? null} />` })}`;
}

/** @param {{ mode: string, rerank: boolean, rerank_model?: string | null, min_score: number }} setting */
export function settingName(setting) {
  return [t(`knowledge.mode_${setting.mode}`), setting.rerank ? t("knowledge.reranked") : "", setting.min_score ? `≥ ${setting.min_score}` : ""].filter(Boolean).join(" + ");
}

/** @param {SettingResult[]} settings @param {SettingResult} setting */
const sameSetting = (settings, setting) => settings.findIndex((each) => settingName(each) === settingName(setting));

/** @param {{ run: Run, other?: Run }} props */
function Measures({ run, other }) {
  const best = Object.fromEntries(MEASURES.map((name) => [name, Math.max(...run.settings.map((each) => each.measures[name] ?? 0))]));
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("knowledge.result")}>
    <table class="table">
      <thead><tr>
        <th scope="col">${t("knowledge.setting")}</th>
        ${MEASURES.map((name) => html`<th scope="col" class="number" title=${t(`knowledge.measure_${name}_title`)}>${t(`knowledge.measure_${name}`)}</th>`)}
        <th scope="col" class="number">ms</th>
      </tr></thead>
      <tbody>
        ${run.settings.map((setting) => {
          const at = other ? sameSetting(other.settings, setting) : -1;
          return html`<tr>
            <th scope="row">${settingName(setting)}${setting.failed ? html` ${Badge({ kind: "danger", children: tn("knowledge.n_failed", setting.failed) })}` : null}</th>
            ${MEASURES.map((name) => Cell({ name, value: setting.measures[name], before: at >= 0 ? other?.settings[at].measures[name] : undefined, best: setting.measures[name] === best[name] && run.settings.length > 1 }))}
            <td class="number">${number(setting.milliseconds, 1)}</td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

/** @param {{ name: Measure, value: number | null, before?: number | null, best: boolean }} props */
function Cell({ name, value, before, best }) {
  const text = (/** @type {number} */ each) => (name.startsWith("mrr") || name.startsWith("ndcg") ? each.toFixed(3) : percent(each, 0));
  if (value === null) return html`<td class="number">–</td>`;
  const change = before === undefined || before === null ? 0 : value - before;
  return html`<td class="number">${best ? html`<strong>${text(value)}</strong>` : text(value)}
    ${Math.abs(change) > 0.0005 ? html` <span class=${change > 0 ? "knowledge-better" : "knowledge-worse"}>${change > 0 ? "+" : "−"}${text(Math.abs(change))}</span>` : null}</td>`;
}

/** @param {{ base: import("./data.js").Base, set: string, run: Run, other: Run | null }} props */
function Detail({ base, set, run, other }) {
  const { order = "", setting = "0" } = route.value.query;
  const at = Math.min(Number(setting) || 0, run.settings.length - 1);
  const place = (/** @type {string} */ id) => inBase(base.name, "evaluations", set, "runs", id);
  const otherAt = other ? sameSetting(other.settings, run.settings[at]) : -1;
  const query = other && otherAt >= 0 ? { against: other.id, setting: at, against_setting: otherAt } : undefined;
  const detail = useResource((signal) => get(place(run.id), query, signal), [run.id, other?.id, at, otherAt]);
  const before = useResource(async (signal) => (other ? get(place(other.id), undefined, signal) : null), [other?.id]);
  return Loaded({
    of: detail,
    draw: (/** @type {RunDetail} */ found) => html`${found.differences ? Differences({ run: found, at }) : null} ${Ranks({ base, run: found, other: before.data.value ?? null, order, at })}`,
  });
}

/** @param {{ run: RunDetail, at: number }} props */
function Differences({ run, at }) {
  const shown = Object.entries(run.differences ?? {}).filter(([, each]) => each.better || each.worse);
  const name = settingName(run.settings[at]);
  if (!shown.length) return html`<p class="muted">${t("knowledge.no_difference", { setting: name })}</p>`;
  return html`<div class="stack"><p class="muted">${t("knowledge.differences", { setting: name })}</p>
    <ul class="knowledge-differences">${shown.map(([measure, each]) => html`<li><strong>${t(`knowledge.measure_${measure}`)}</strong> <span class=${each.mean > 0 ? "knowledge-better" : "knowledge-worse"}>${each.mean > 0 ? "+" : ""}${each.mean.toFixed(3)}</span>
      <span class="muted">${t("knowledge.interval", { low: each.low.toFixed(3), high: each.high.toFixed(3), p: each.p < 0.001 ? "< 0.001" : `= ${each.p.toFixed(3)}`, better: each.better, worse: each.worse })}</span></li>`)}</ul></div>`;
}

/** @param {{ base: import("./data.js").Base, run: RunDetail, other: RunDetail | null, order: string, at: number }} props */
function Ranks({ base, run, other, order, at }) {
  const known = new Map((other?.results ?? []).map((each) => [each.id, each]));
  const worst = (/** @type {RunDetail["results"][number]} */ each) => each.outcomes[at]?.rank ?? 99;
  const rows = order === "worst" ? [...run.results].sort((one, two) => worst(two) - worst(one)) : run.results;
  return html`<div class="spread">
      <h3>${t("knowledge.by_question")}</h3>
      <div class="row">
        ${run.settings.length > 1 ? SelectField({ name: "run-setting", label: t("knowledge.setting"), hideLabel: true, value: String(at), onInput: (setting) => setQuery({ setting }), choices: run.settings.map((each, index) => ({ value: String(index), label: settingName(each) })) }) : null}
        ${SelectField({ name: "run-order", label: t("knowledge.order"), hideLabel: true, value: order, onInput: (value) => setQuery({ order: value }), choices: [{ value: "", label: t("knowledge.order_given") }, { value: "worst", label: t("knowledge.order_worst") }] })}
      </div>
    </div>
    ${Table({
      label: t("knowledge.by_question"),
      rows,
      id: (each) => String(each.id),
      height: 44,
      columns: [
        { name: "question", label: t("knowledge.question"), cell: (each) => html`<a class="cut knowledge-question" title=${each.question} href=${href(["knowledge", base.name, "search"], { q: each.question, mode: run.settings[at].mode })}>${each.question}</a>` },
        ...run.settings.map((setting, index) => ({
          name: String(index),
          label: settingName(setting),
          class: "number",
          cell: (/** @type {any} */ each) => Rank({ outcome: each.outcomes[index], answerable: each.answerable, before: other ? known.get(each.id)?.outcomes[sameSetting(other.settings, setting)] : undefined }),
        })),
      ],
    })}`;
}

/** @param {{ outcome: any, answerable: boolean, before?: any }} props */
function Rank({ outcome, answerable, before }) {
  if (outcome.error) return Badge({ kind: "danger", children: t("knowledge.error"), title: outcome.error });
  if (!answerable) return html`<span class="muted" title=${t("knowledge.expect_none")}>${tn("knowledge.n_hits", outcome.hits)}</span>`;
  const kind = outcome.rank === 1 ? "ok" : outcome.rank ? (outcome.rank <= 5 ? "busy" : "warn") : "danger";
  const moved = before && before.rank !== outcome.rank ? html` <span class="muted">(${before.rank ?? "–"})</span>` : null;
  return html`${Badge({ kind, children: outcome.rank ?? t("knowledge.not_found") })}${moved}`;
}
