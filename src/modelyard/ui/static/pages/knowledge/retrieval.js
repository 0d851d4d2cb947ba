// Why a search finds what it finds: every list with its ranks and scores, what was dropped, times; two settings side by side.
import { post } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { TextArea } from "../../parts/field.js";
import { Icon } from "../../parts/icon.js";
import { Empty, Failure, Loading } from "../../parts/states.js";
import { AskView } from "./ask.js";
import { Candidates, Chosen, Comparison } from "./candidates.js";
import { SaveQuestion } from "./save_question.js";
import { SettingFields, bodyOf, fromQuery, toQuery, usualSetting } from "./search_setting.js";

/** @typedef {import("./search_setting.js").Setting} Setting */
/** @typedef {import("../../../types/api").SearchAnswer} SearchAnswer */

/** @param {{ base: import("./data.js").Base }} props */
export function Retrieval({ base }) {
  const query = useSignal(route.value.query.q ?? "");
  const first = useSignal(fromQuery(route.value.query, "", base));
  const second = useSignal(/** @type {Setting | null} */ (route.value.query.b_mode ? fromQuery(route.value.query, "b_", base) : null));
  const results = useSignal(/** @type {SearchAnswer[] | null} */ (null));
  const error = useSignal(/** @type {any} */ (null));
  const busy = useSignal(false);
  const chosen = useSignal(/** @type {number | null} */ (null));
  const saving = useSignal(false);
  const question = useSignal(/** @type {{ text: string, number: number } | null} */ (null));
  const run = async () => {
    const text = query.value.trim();
    if (!text) return;
    busy.value = true;
    error.value = null;
    setQuery({ q: text, ...toQuery(first.value, ""), ...toQuery(second.value, "b_") });
    try {
      const settings = second.value ? [first.value, second.value] : [first.value];
      results.value = await Promise.all(settings.map((each) => post(inBase(base.name, "search"), { query: text, explain: true, ...bodyOf(each) })));
      chosen.value = null;
    } catch (reason) {
      error.value = reason;
    }
    busy.value = false;
  };
  const ask = () => query.value.trim() && (question.value = { text: query.value.trim(), number: (question.value?.number ?? 0) + 1 });
  useEffect(() => {
    if (query.value) void run();
  }, []);
  useKeys([{ keys: "Ctrl+Enter", label: t("knowledge.search"), run: () => void run() }]);
  const shown = results.value;
  const candidate = shown?.flatMap((each) => each.explanation?.candidates ?? []).find((each) => each.hit.chunk_id === chosen.value) ?? null;
  return html`<form class="card knowledge-search" role="search" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), void run())}>
      ${TextArea({ name: "query", label: t("knowledge.query"), hint: t("knowledge.query_hint"), rows: 2, value: query.value, onInput: (value) => (query.value = value) })}
      ${Settings({ first, second, base })}
      <div class="row">
        ${Button({ label: t("knowledge.search"), icon: "search", kind: "primary", type: "submit", busy: busy.value, disabled: !query.value.trim() })}
        ${Button({ label: t("knowledge.ask"), icon: "message", disabled: !query.value.trim(), onClick: ask })}
        ${Button({ label: second.value ? t("knowledge.one_setting") : t("knowledge.compare_settings"), icon: "columns", onClick: () => (second.value = second.value ? null : usualSetting(base)) })}
        ${can("knowledge:write") ? Button({ label: t("knowledge.save_question"), icon: "save", disabled: !query.value.trim(), onClick: () => (saving.value = true) }) : null}
        <kbd class="narrow-hidden">Ctrl+Enter</kbd>
      </div>
    </form>
    ${question.value ? html`<${AskView} key=${question.value.number} base=${base.name} question=${question.value.text} setting=${first.value} onClose=${() => (question.value = null)} />` : null}
    ${error.value ? Failure({ error: error.value, retry: run }) : null}
    ${shown ? Results({ results: shown, chosen }) : busy.value ? Loading({ lines: 8 }) : error.value ? null : Empty({ icon: "search", title: t("knowledge.search_empty"), text: t("knowledge.search_empty_text") })}
    ${candidate ? Chosen({ candidate, base: base.name, onClose: () => (chosen.value = null), onSave: can("knowledge:write") ? () => (saving.value = true) : undefined }) : null}
    ${saving.value ? html`<${SaveQuestion} base=${base.name} question=${query.value.trim()} candidate=${candidate ?? shown?.[0]?.explanation?.candidates[0] ?? null} onClose=${() => (saving.value = false)} />` : null}`;
}

/** @param {{ first: { value: Setting }, second: { value: Setting | null }, base: import("./data.js").Base }} props */
function Settings({ first, second, base }) {
  const one = SettingFields({ name: "a", title: second.value ? "A" : "", value: first.value, base, onInput: (value) => (first.value = value) });
  if (!second.value) return one;
  return html`<div class="columns">${one}${SettingFields({ name: "b", title: "B", value: second.value, base, onInput: (value) => (second.value = value) })}</div>`;
}

/** @param {{ results: SearchAnswer[], chosen: { value: number | null } }} props */
function Results({ results, chosen }) {
  const notes = [...new Set(results.flatMap((each) => each.notes))];
  return html`${notes.map((note) => html`<p class="knowledge-warning">${Icon({ name: "info" })}<span>${note}</span></p>`)}
    ${results.map((each, index) => Summary({ answer: each, letter: results.length > 1 ? "AB"[index] : "" }))}
    ${results.length > 1 ? html`<${Comparison} results=${results} chosen=${chosen} />` : html`<${Candidates} answer=${results[0]} chosen=${chosen} />`}`;
}

/** Terms, weights, counts and times of a search. @param {{ answer: SearchAnswer, letter: string }} props */
function Summary({ answer, letter }) {
  const found = answer.explanation;
  if (!found) return null;
  const times = Object.entries(found.milliseconds).filter(([stage]) => stage !== "total");
  const base = found.bases[0];
  const hidden = base.disabled_documents + base.disabled_chunks;
  return html`<div class="knowledge-summary">
    ${letter ? html`<strong>${letter}</strong>` : null}
    <span>${tn("knowledge.n_hits", answer.data.length)}</span>
    <span>${tn("knowledge.n_candidates", base.candidates)}</span>
    <span title=${t("knowledge.weights_title")}>${t("knowledge.weights", { words: base.words.toFixed(2), vectors: base.vectors.toFixed(2) })}</span>
    ${found.terms.length ? html`<span>${t("knowledge.terms")} ${found.terms.map((term) => html`<code class="knowledge-term">${term}</code>`)}</span>` : null}
    ${found.phrases.length ? html`<span>${t("knowledge.phrases")} ${found.phrases.map((term) => html`<code class="knowledge-term">"${term}"</code>`)}</span>` : null}
    ${found.excluded.length ? html`<span>${t("knowledge.excluded")} ${found.excluded.map((term) => html`<code class="knowledge-term">-${term}</code>`)}</span>` : null}
    ${hidden ? html`<span class="danger">${t("knowledge.hidden", { documents: base.disabled_documents, chunks: base.disabled_chunks })}</span>` : null}
    <span class="knowledge-times" title=${t("knowledge.times_title")}>
      ${times.map(([stage, took]) => html`<span>${t(`knowledge.stage_${stage}`)} ${took.toFixed(1)}</span>`)}
      <strong>${t("knowledge.total_ms", { n: (found.milliseconds.total ?? 0).toFixed(1) })}</strong>
    </span>
  </div>`;
}
