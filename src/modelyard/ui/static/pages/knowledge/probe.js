// The probe of a base: how well its embedding model finds what is in it, by script.
import { percent, number } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { Badge } from "../../parts/page.js";

/** @typedef {import("./data.js").Base} Base */

/** How vectors count, in a word or two. @param {{ base: Base }} props */
export function ProbeSummary({ base }) {
  const scripts = Object.entries(base.probe?.scripts ?? {});
  if (!base.embedding_model) return null;
  if (!scripts.length) return html`<span class="muted">${t("knowledge.not_measured")}</span>`;
  return html`<span class="row">
    ${scripts.map(([script, found]) => Badge({ kind: kindOf(found.weight), title: t("knowledge.weight_title", { weight: number(found.weight, 2) }), children: t(`knowledge.script_${script}`) }))}
  </span>`;
}

/** @param {number} weight */
const kindOf = (weight) => (weight === 0 ? "danger" : weight < 0.7 ? "warn" : "ok");

/** All figures of the probe. @param {{ base: Base }} props */
export function Probe({ base }) {
  const probe = base.probe;
  if (!base.embedding_model) return html`<p class="muted">${t("knowledge.words_only_text")}</p>`;
  if (!probe) return html`<p class="muted">${t("knowledge.not_measured_text")}</p>`;
  return html`<div class="stack">
    <p class="muted">${t("knowledge.probe_text", { model: probe.model, n: number(probe.chunks) })}</p>
    <div class="table-scroll" tabindex="0" role="region" aria-label=${t("knowledge.probe")}>
      <table class="table">
        <thead><tr>
          <th scope="col">${t("knowledge.script")}</th>
          <th scope="col" class="number">${t("knowledge.weight")}</th>
          <th scope="col" class="number">${t("knowledge.reads")}</th>
          <th scope="col" class="number">${t("knowledge.by_vectors")}</th>
          <th scope="col" class="number">${t("knowledge.by_words")}</th>
          <th scope="col" class="number">${t("knowledge.sentences")}</th>
        </tr></thead>
        <tbody>
          ${Object.entries(probe.scripts).map(
            ([script, found]) => html`<tr>
              <td>${t(`knowledge.script_${script}`)}</td>
              <td class="number">${Badge({ kind: kindOf(found.weight), children: found.weight === 0 ? t("knowledge.left_out") : number(found.weight, 2) })}</td>
              <td class="number">${percent(found.reads)}</td>
              <td class="number">${percent(found.by_vectors)}</td>
              <td class="number">${percent(found.by_words)}</td>
              <td class="number">${number(found.sentences)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </div>`;
}
