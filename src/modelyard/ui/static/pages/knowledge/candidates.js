// The candidates of a search as columns: by words, by vectors, by both, by the rerank model; lines join what is the same chunk.
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { href } from "../../lib/router.js";
import { Button, IconButton } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";
import { Badge, Card, Facts } from "../../parts/page.js";
import { Segments } from "../../parts/tabs.js";
import { Empty } from "../../parts/states.js";

/** @typedef {import("../../../types/api").SearchAnswer} SearchAnswer */
/** @typedef {import("../../../types/api").ExplainedCandidate} Candidate */
/** @typedef {{ name: string, title: string, cards: { candidate: Candidate, rank: number, score: number | null | undefined, before: number | null }[], hidden: number }} List */

const ROW = 92;
const GAP = 44;
const MOST = 20;

/** @type {[string, (each: Candidate) => number | null, (each: Candidate) => number | null | undefined][]} */
const LISTS = [
  ["lexical", (each) => each.lexical_rank, (each) => each.hit.scores.lexical],
  ["vector", (each) => each.vector_rank, (each) => each.hit.scores.similarity],
  ["fused", (each) => each.fused_rank, (each) => each.hit.scores.fused],
  ["rerank", (each) => each.rerank_rank, (each) => each.hit.scores.rerank],
];

/** @param {Candidate[]} candidates @param {number} shown @returns {List[]} */
function listsOf(candidates, shown) {
  /** @type {(each: Candidate) => number | null} */
  let previous = () => null;
  const lists = [];
  for (const [name, rankOf, scoreOf] of LISTS) {
    const ranked = candidates.filter((each) => rankOf(each) !== null).sort((one, other) => Number(rankOf(one)) - Number(rankOf(other)));
    if (!ranked.length) continue;
    const before = previous;
    const cards = ranked.slice(0, shown).map((candidate) => ({ candidate, rank: Number(rankOf(candidate)), score: scoreOf(candidate), before: before(candidate) }));
    lists.push({ name, title: t(`knowledge.list_${name}`), cards, hidden: ranked.length - cards.length });
    if (name === "fused") previous = rankOf;
  }
  return lists;
}

/** @param {{ answer: SearchAnswer, chosen: { value: number | null } }} props */
export function Candidates({ answer, chosen }) {
  const all = answer.explanation?.candidates ?? [];
  const shown = Math.max(10, Math.min(MOST, answer.data.length));
  const lists = listsOf(all, shown);
  const dropped = all.filter((each) => each.dropped === "filter" || each.dropped === "phrase" || each.dropped === "min_score").slice(0, MOST);
  if (!all.length) return Empty({ icon: "search", title: t("knowledge.no_hits"), text: t("knowledge.no_hits_text") });
  return html`<${Lists} lists=${lists} chosen=${chosen} /> ${dropped.length ? Dropped({ candidates: dropped, chosen }) : null}`;
}

/** The hits of two settings side by side. @param {{ results: SearchAnswer[], chosen: { value: number | null } }} props */
export function Comparison({ results, chosen }) {
  const ranks = results.map((each) => new Map(each.data.map((hit, index) => [hit.chunk_id, index + 1])));
  const lists = results.map((each, index) => ({
    name: "AB"[index],
    title: "AB"[index],
    hidden: 0,
    cards: each.data.map((hit, place) => ({
      candidate: each.explanation?.candidates.find((one) => one.hit.chunk_id === hit.chunk_id) ?? /** @type {any} */ ({ hit, terms: [], dropped: null }),
      rank: place + 1,
      score: hit.score,
      before: index ? (ranks[0].get(hit.chunk_id) ?? null) : null,
    })),
  }));
  const common = [...ranks[0].keys()].filter((id) => ranks[1].has(id)).length;
  return html`<p class="muted">${t("knowledge.in_common", { n: common, a: ranks[0].size, b: ranks[1].size })}</p>
    <${Lists} lists=${lists} chosen=${chosen} />`;
}

/** @param {{ lists: List[], chosen: { value: number | null } }} props */
function Lists({ lists, chosen }) {
  const hovered = useSignal(/** @type {number | null} */ (null));
  const narrow = useSignal(lists.at(-1)?.name ?? "");
  const active = lists.some((list) => list.name === narrow.value) ? narrow.value : (lists.at(-1)?.name ?? "");
  useKeys(lists.map((list, index) => ({ keys: String(index + 1), label: t("knowledge.show_list", { list: list.title }), run: () => focusList(narrow, list.name) })), [lists.length]);
  const height = ROW * Math.max(...lists.map((list) => list.cards.length));
  return html`<div class="knowledge-lists-choice">${Segments({ label: t("knowledge.lists"), value: active, onInput: (value) => (narrow.value = value), choices: lists.map((list) => ({ value: list.name, label: list.title })) })}</div>
    <div class="knowledge-lists">
      ${lists.map(
        (list, index) => html`${index ? Lines({ left: lists[index - 1], right: list, height, hovered: hovered.value ?? chosen.value }) : null}
          <section class=${`knowledge-list ${list.name === active ? "knowledge-list-active" : ""}`} data-list=${list.name} aria-label=${list.title}>
            <h2>${list.title}</h2>
            <ol>${list.cards.map((card) => Hit({ card, list: list.name, hovered, chosen }))}</ol>
            ${list.hidden ? html`<p class="muted">${tn("knowledge.n_more", list.hidden)}</p>` : null}
          </section>`,
      )}
    </div>`;
}

/** Show a list and go to its first candidate. @param {{ value: string }} narrow @param {string} name */
function focusList(narrow, name) {
  narrow.value = name;
  const first = document.querySelector(`[data-list="${name}"] .knowledge-hit`);
  if (first instanceof HTMLElement) requestAnimationFrame(() => first.focus());
}

/** Lines between the places of the same chunks in two lists. @param {{ left: List, right: List, height: number, hovered: number | null }} props */
function Lines({ left, right, height, hovered }) {
  const places = new Map(left.cards.map((card, index) => [card.candidate.hit.chunk_id, index]));
  return html`<svg class="knowledge-lines" width=${GAP} height=${height} viewBox=${`0 0 ${GAP} ${height}`} aria-hidden="true">
    ${right.cards.map((card, index) => {
      const from = places.get(card.candidate.hit.chunk_id);
      if (from === undefined) return null;
      const [one, other] = [from * ROW + (ROW - 8) / 2, index * ROW + (ROW - 8) / 2];
      const name = [from > index ? "knowledge-line-up" : from < index ? "knowledge-line-down" : "", card.candidate.hit.chunk_id === hovered ? "knowledge-line-current" : ""].join(" ");
      return html`<path class=${name} d=${`M0 ${one} C${GAP / 2} ${one} ${GAP / 2} ${other} ${GAP} ${other}`} />`;
    })}
  </svg>`;
}

/** @param {{ card: List["cards"][number], list: string, hovered: { value: number | null }, chosen: { value: number | null } }} props */
function Hit({ card, list, hovered, chosen }) {
  const { hit, dropped } = card.candidate;
  const current = hovered.value === hit.chunk_id || chosen.value === hit.chunk_id;
  const name = ["knowledge-hit", current ? "knowledge-hit-current" : "", dropped ? "knowledge-hit-dropped" : ""].join(" ");
  return html`<li key=${hit.chunk_id}>
    <button
      type="button"
      class=${name}
      aria-pressed=${String(chosen.value === hit.chunk_id)}
      onClick=${() => (chosen.value = chosen.value === hit.chunk_id ? null : hit.chunk_id)}
      onMouseEnter=${() => (hovered.value = hit.chunk_id)}
      onMouseLeave=${() => (hovered.value = null)}
    >
      <span class="knowledge-hit-head">
        <strong>${card.rank}</strong>
        <span class="cut grow">${hit.document}</span>
        ${Move({ before: card.before, rank: card.rank })}
        <span class="mono">${scoreText(list, card.score)}</span>
      </span>
      <span class="knowledge-hit-text">${excerpt(hit)}</span>
    </button>
  </li>`;
}

/** @param {{ before: number | null, rank: number }} props */
function Move({ before, rank }) {
  if (before === null || before === rank) return null;
  const up = rank < before;
  return html`<span class=${`knowledge-move ${up ? "knowledge-move-up" : ""}`} title=${t("knowledge.moved", { from: before, to: rank })}>${Icon({ name: up ? "arrow-up" : "arrow-down", size: 12, label: t("knowledge.moved", { from: before, to: rank }) })}${Math.abs(rank - before)}</span>`;
}

/** @param {string} list @param {number | null | undefined} score */
const scoreText = (list, score) => (score === null || score === undefined ? "" : score.toFixed(list === "lexical" ? 2 : 3));

/** @param {Candidate["hit"]} hit */
function excerpt(hit) {
  const from = Math.max(0, (hit.highlights[0]?.[0] ?? 0) - 30);
  return Highlighted({ text: hit.text.slice(from, from + 220), spans: hit.highlights.map(([one, other]) => [one - from, other - from]) });
}

/** A text with spans marked. @param {{ text: string, spans: number[][] }} props */
export function Highlighted({ text, spans }) {
  const parts = [];
  let at = 0;
  for (const [begin, end] of spans.filter(([one, other]) => other > 0 && one < text.length)) {
    const [from, to] = [Math.max(at, begin), Math.min(end, text.length)];
    if (to <= from) continue;
    parts.push(text.slice(at, from), html`<mark>${text.slice(from, to)}</mark>`);
    at = to;
  }
  return [...parts, text.slice(at)];
}

/** @param {{ candidates: Candidate[], chosen: { value: number | null } }} props */
function Dropped({ candidates, chosen }) {
  return Card({
    title: t("knowledge.dropped"),
    children: html`<ul class="knowledge-dropped">
      ${candidates.map(
        (each) => html`<li key=${each.hit.chunk_id}>
          ${Badge({ kind: "warn", children: t(`knowledge.dropped_${each.dropped}`), title: t(`knowledge.dropped_${each.dropped}_title`) })}
          <button type="button" class="knowledge-link cut" onClick=${() => (chosen.value = each.hit.chunk_id)}>${each.hit.document}</button>
          <span class="muted cut grow">${each.hit.text.slice(0, 200)}</span>
          <span class="mono">${each.hit.score.toFixed(3)}</span>
        </li>`,
      )}
    </ul>`,
  });
}

/** All that is known of one candidate. @param {{ candidate: Candidate, base: string, onClose: () => void, onSave?: () => void }} props */
export function Chosen({ candidate, base, onClose, onSave }) {
  const { hit, terms, dropped } = candidate;
  const scored = (/** @type {number | null} */ rank, /** @type {number | null | undefined} */ score) => (rank === null ? "–" : `${rank} · ${(score ?? 0).toFixed(3)}`);
  return html`<section class="card knowledge-chosen-hit" aria-label=${t("knowledge.chosen_hit")}>
    <header class="card-head">
      <h2 class="cut"><a href=${href(["knowledge", base, "documents", String(hit.document_id)], { chunk: hit.chunk_id, page: hit.page })}>${hit.document}</a></h2>
      <div class="row">
        ${onSave ? Button({ label: t("knowledge.save_question"), icon: "save", size: "small", onClick: onSave }) : null}
        ${Button({ label: t("knowledge.open_document"), icon: "file", size: "small", href: href(["knowledge", base, "documents", String(hit.document_id)], { chunk: hit.chunk_id, page: hit.page }) })}
        ${IconButton({ icon: "x", title: t("common.close"), size: "small", onClick: onClose })}
      </div>
    </header>
    ${Facts({
      items: [
        [t("knowledge.rank"), candidate.rank === null ? html`${Badge({ kind: "warn", children: t(`knowledge.dropped_${dropped}`), title: t(`knowledge.dropped_${dropped}_title`) })}` : candidate.rank],
        [t("knowledge.list_lexical"), scored(candidate.lexical_rank, hit.scores.lexical)],
        [t("knowledge.list_vector"), scored(candidate.vector_rank, hit.scores.similarity)],
        [t("knowledge.list_fused"), scored(candidate.fused_rank, hit.scores.fused)],
        [t("knowledge.list_rerank"), scored(candidate.rerank_rank, hit.scores.rerank)],
        [t("knowledge.matched"), terms.length ? terms.map((term) => html`<code class="knowledge-term">${term}</code>`) : "–"],
        hit.page ? [t("knowledge.page"), hit.page] : null,
        hit.heading ? [t("knowledge.heading"), hit.heading] : null,
      ],
    })}
    <p class="knowledge-chunk-text">${Highlighted({ text: hit.text, spans: hit.highlights.map(([one, other]) => [one, other]) })}</p>
  </section>`;
}
