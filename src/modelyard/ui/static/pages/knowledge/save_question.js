// The dialog that keeps a question with what answers it in an evaluation set.
import { get, post } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { html, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { SelectField, TextArea, TextField } from "../../parts/field.js";
import { Failure, Loaded } from "../../parts/states.js";
import { say } from "../../parts/toast.js";

/** @typedef {import("../../../types/api").ExplainedCandidate} Candidate */

/** @param {{ base: string, question: string, candidate: Candidate | null, onClose: () => void }} props */
export function SaveQuestion({ base, question, candidate, onClose }) {
  const sets = useResource(async (signal) => (await get(inBase(base, "evaluations"), undefined, signal)).data, [base]);
  return html`<${Dialog} title=${t("knowledge.save_question")} onClose=${onClose}>
    ${Loaded({ of: sets, draw: (found) => html`<${Form} base=${base} sets=${found} question=${question} candidate=${candidate} onClose=${onClose} />` })}
  <//>`;
}

/** @param {{ base: string, sets: import("../../../types/api").EvaluationSetInfo[], question: string, candidate: Candidate | null, onClose: () => void }} props */
function Form({ base, sets, question, candidate, onClose }) {
  const text = useSignal(question);
  const set = useSignal(sets[0]?.id ?? "");
  const name = useSignal(t("knowledge.first_set"));
  const what = useSignal(candidate ? "document" : "none");
  const error = useSignal(/** @type {any} */ (null));
  const hit = candidate?.hit;
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const questions = [{ question: text.value.trim(), relevant: hit && what.value !== "none" ? [relevantOf(hit, what.value)] : [] }];
      if (set.value) await post(inBase(base, "evaluations", set.value, "questions"), { questions });
      else await post(inBase(base, "evaluations"), { name: name.value, questions });
      say(t("knowledge.question_saved"));
      onClose();
    } catch (reason) {
      error.value = reason;
    }
  };
  const choices = [
    ...(hit ? [{ value: "document", label: t("knowledge.expect_document", { name: hit.document }) }] : []),
    ...(hit?.page ? [{ value: "page", label: t("knowledge.expect_page", { name: hit.document, n: hit.page }) }] : []),
    ...(hit ? [{ value: "passage", label: t("knowledge.expect_passage") }] : []),
    { value: "none", label: t("knowledge.expect_none") },
  ];
  return html`<form class="stack" onSubmit=${send}>
    ${TextArea({ name: "saved-question", label: t("knowledge.question"), rows: 2, value: text.value, onInput: (value) => (text.value = value) })}
    ${SelectField({ name: "saved-expected", label: t("knowledge.expected"), value: what.value, choices, onInput: (value) => (what.value = value) })}
    ${what.value === "passage" && hit ? html`<blockquote class="knowledge-quote">${passageOf(hit)}</blockquote>` : null}
    ${SelectField({ name: "saved-set", label: t("knowledge.set"), value: set.value, onInput: (value) => (set.value = value), choices: [...sets.map((each) => ({ value: each.id, label: `${each.name} (${each.questions})` })), { value: "", label: t("knowledge.new_set") }] })}
    ${set.value ? null : TextField({ name: "saved-set-name", label: t("knowledge.set_name"), value: name.value, required: true, onInput: (value) => (name.value = value) })}
    ${error.value ? Failure({ error: error.value, small: true }) : null}
    <div class="dialog-actions">
      ${Button({ label: t("common.cancel"), onClick: onClose })} ${Button({ label: t("common.save"), kind: "primary", type: "submit", disabled: !text.value.trim() })}
    </div>
  </form>`;
}

/** @param {Candidate["hit"]} hit */
const passageOf = (hit) => hit.text.slice(0, 300).trim();

/** @param {Candidate["hit"]} hit @param {string} what */
function relevantOf(hit, what) {
  if (what === "page") return { document: hit.document, page: hit.page };
  return what === "passage" ? { document: hit.document, text: passageOf(hit) } : { document: hit.document };
}
