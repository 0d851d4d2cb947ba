// The questions of an evaluation set as a table, and the dialog that writes one.
import { patch, post } from "../../lib/api.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { href } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { NumberField, TextArea, TextField } from "../../parts/field.js";
import { Card } from "../../parts/page.js";
import { Empty, Failure } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";

/** @typedef {import("../../../types/api").QuestionInfo} Question */
/** @typedef {(...more: (string | number)[]) => string} Place */

/** @param {{ base: import("./data.js").Base, questions: Question[], edit: (question: Question) => void, place: Place, changed: () => Promise<void> }} props */
export function Questions({ base, questions, edit, place, changed }) {
  const selection = useSignal(/** @type {Set<string>} */ (new Set()));
  const write = can("knowledge:write");
  if (!questions.length) return Empty({ icon: "list", title: t("knowledge.no_questions"), text: t("knowledge.no_questions_text") });
  const chosen = questions.filter((each) => selection.value.has(String(each.id)));
  const remove = async () => {
    if (await attempt(post(place("questions", "delete"), { ids: chosen.map((each) => each.id) }))) {
      selection.value = new Set();
      await changed();
    }
  };
  return html`${Card({
    title: t("knowledge.questions"),
    actions: chosen.length ? Button({ label: tn("knowledge.delete_questions", chosen.length), icon: "trash", size: "small", onClick: remove }) : null,
    children: Table({
      label: t("knowledge.questions"),
      rows: questions,
      id: (each) => String(each.id),
      height: 44,
      selection: write ? selection : undefined,
      onOpen: write ? edit : undefined,
      columns: [
        { name: "question", label: t("knowledge.question"), cell: (each) => html`<span class="cut knowledge-question" title=${each.question}>${each.question}</span>` },
        { name: "expected", label: t("knowledge.expected"), cell: (each) => html`<span class="cut knowledge-expected">${expected(each)}</span>` },
        { name: "try", label: html`<span class="for-readers">${t("knowledge.try")}</span>`, class: "narrow-hidden", cell: (each) => IconButton({ icon: "search", size: "small", title: t("knowledge.try_question", { question: each.question }), href: href(["knowledge", base.name, "search"], { q: each.question }) }) },
      ],
    }),
  })}`;
}

/** @param {Question} question */
function expected(question) {
  if (!question.relevant.length) return html`<span class="muted">${t("knowledge.expect_none")}</span>`;
  return question.relevant.map((each) => [each.document ?? (each.chunk_id ? t("knowledge.chunk_n", { n: each.chunk_id }) : ""), each.page ? t("knowledge.page_n", { n: each.page }) : "", each.text ? `“${each.text.slice(0, 60)}”` : ""].filter(Boolean).join(" · ")).join(", ");
}

/** @typedef {{ document: string, page: number | null, text: string, chunk_id: number | null, grade: number }} Draft */

/** @param {{ base: import("./data.js").Base, question: Partial<Question>, place: Place, onClose: () => void, changed: () => Promise<void> }} props */
export function QuestionDialog({ question, place, onClose, changed }) {
  const text = useSignal(question.question ?? "");
  const passages = /** @type {Partial<Draft>[]} */ (question.relevant ?? [{}]);
  const relevant = useSignal(/** @type {Draft[]} */ (passages.map((each) => ({ document: each.document ?? "", page: each.page ?? null, text: each.text ?? "", chunk_id: each.chunk_id ?? null, grade: each.grade ?? 1 }))));
  const error = useSignal(/** @type {any} */ (null));
  const set = (/** @type {number} */ at, /** @type {Partial<Draft>} */ change) => (relevant.value = relevant.value.map((each, index) => (index === at ? { ...each, ...change } : each)));
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const filled = relevant.value.filter((each) => each.document.trim() || each.text.trim() || each.chunk_id);
    const body = { question: text.value.trim(), relevant: filled.map(withoutEmpty) };
    try {
      if (question.id) await patch(place("questions", question.id), body);
      else await post(place("questions"), { questions: [body] });
      onClose();
      await changed();
    } catch (reason) {
      error.value = reason;
    }
  };
  return html`<${Dialog} title=${question.id ? t("knowledge.change_question") : t("knowledge.add_question")} onClose=${onClose}>
    <form class="stack" onSubmit=${send}>
      ${TextArea({ name: "question", label: t("knowledge.question"), rows: 2, value: text.value, onInput: (value) => (text.value = value) })}
      <fieldset class="knowledge-setting">
        <legend>${t("knowledge.expected")}</legend>
        <p class="field-hint">${t("knowledge.expected_hint")}</p>
        ${relevant.value.map(
          (each, index) => html`<div class="knowledge-relevant">
            ${TextField({ name: `expected-document-${index}`, label: t("knowledge.document"), value: each.document, onInput: (document) => set(index, { document }) })}
            ${NumberField({ name: `expected-page-${index}`, label: t("knowledge.page"), min: 1, step: 1, value: each.page, onInput: (page) => set(index, { page }) })}
            ${TextField({ name: `expected-text-${index}`, label: t("knowledge.contains"), value: each.text, onInput: (value) => set(index, { text: value }) })}
            ${IconButton({ icon: "x", title: t("knowledge.remove_expected"), size: "small", onClick: () => (relevant.value = relevant.value.filter((_, at) => at !== index)) })}
          </div>`,
        )}
        ${Button({ label: t("knowledge.another_expected"), icon: "plus", size: "small", onClick: () => (relevant.value = [...relevant.value, { document: "", page: null, text: "", chunk_id: null, grade: 1 }]) })}
      </fieldset>
      ${error.value ? Failure({ error: error.value, small: true }) : null}
      <div class="dialog-actions">
        ${Button({ label: t("common.cancel"), onClick: onClose })} ${Button({ label: t("common.save"), kind: "primary", type: "submit", disabled: !text.value.trim() })}
      </div>
    </form>
  <//>`;
}

/** @param {Draft} draft */
function withoutEmpty(draft) {
  return Object.fromEntries(Object.entries(draft).filter(([name, value]) => value !== "" && value !== null && !(name === "grade" && value === 1)));
}
