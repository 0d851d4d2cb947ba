// Evaluation sets of a base: its sets, the questions of one, its runs, and the comparison of runs.
import { del, get, patch, post, url } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { useResource } from "../../lib/resource.js";
import { route, setQuery } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { SelectField } from "../../parts/field.js";
import { Menu } from "../../parts/menu.js";
import { saveFrom } from "../../parts/save.js";
import { Empty, Loaded } from "../../parts/states.js";
import { attempt, complain, say } from "../../parts/toast.js";
import { UNFINISHED, useJobChanges } from "./data.js";
import { QuestionDialog, Questions } from "./questions.js";
import { Runs } from "./runs.js";

/** @typedef {import("./data.js").Base} Base */
/** @typedef {import("../../../types/api").EvaluationSetInfo} EvaluationSet */

/** @param {{ base: Base }} props */
export function Evaluation({ base }) {
  const sets = useResource(async (signal) => (await get(inBase(base.name, "evaluations"), undefined, signal)).data, [base.name]);
  const create = async () => {
    const name = await confirm({ title: t("knowledge.new_set"), action: t("knowledge.create_set"), input: { label: t("knowledge.set_name"), value: "" } });
    const made = name && (await attempt(post(inBase(base.name, "evaluations"), { name })));
    if (!made) return;
    await sets.reload();
    setQuery({ set: made.id, run: "" });
  };
  const button = can("knowledge:write") ? Button({ label: t("knowledge.create_set"), icon: "plus", onClick: create }) : null;
  return Loaded({
    of: sets,
    draw: (/** @type {EvaluationSet[]} */ found) => {
      const current = found.find((each) => each.id === route.value.query.set) ?? found[0];
      if (!current) return Empty({ icon: "check", title: t("knowledge.no_sets"), text: t("knowledge.no_sets_text"), action: button });
      return html`<div class="knowledge-filters">
          ${SelectField({ name: "set", label: t("knowledge.set"), hideLabel: true, value: current.id, onInput: (set) => setQuery({ set, run: "", against: "" }), choices: found.map((each) => ({ value: each.id, label: `${each.name} (${each.questions})` })) })}
          ${button}
        </div>
        <${SetView} key=${current.id} base=${base} set=${current} reload=${sets.reload} />`;
    },
  });
}

/** @param {{ base: Base, set: EvaluationSet, reload: () => Promise<void> }} props */
function SetView({ base, set, reload }) {
  const place = (/** @type {(string | number)[]} */ ...more) => inBase(base.name, "evaluations", set.id, ...more);
  const questions = useResource((signal) => allQuestions(place("questions"), signal), [set.id]);
  const runs = useResource(async (signal) => (await get(place("runs"), undefined, signal)).data, [set.id]);
  const editing = useSignal(/** @type {any} */ (null));
  const run = () => attempt(post(place("runs"), {}), t("knowledge.run_started"));
  useJobChanges(base.name, (job) => {
    if (UNFINISHED.has(job.state)) return;
    if (job.error) complain(job.error);
    return runs.reload();
  }, "knowledge_evaluation");
  const changed = async () => {
    await Promise.all([questions.reload(), reload()]);
  };
  const write = can("knowledge:write");
  useKeys(write ? [{ keys: "n", label: t("knowledge.add_question"), run: () => (editing.value = {}) }] : [], [set.id]);
  return html`<div class="spread">
      <p class="muted">${tn("knowledge.n_questions", set.questions)}</p>
      <div class="row">
        ${write ? Button({ label: t("knowledge.run"), icon: "play", kind: "primary", disabled: !set.questions, onClick: run }) : null}
        ${write ? Button({ label: t("knowledge.add_question"), icon: "plus", onClick: () => (editing.value = {}) }) : null}
        <${Menu} button=${{ icon: "more", title: t("knowledge.more_actions"), kind: "plain" }} items=${menuOf({ set, place, write, changed })} />
      </div>
    </div>
    ${Loaded({ of: runs, draw: (found) => html`<${Runs} base=${base} set=${set} runs=${found} reload=${runs.reload} />` })}
    ${Loaded({ of: questions, draw: (found) => html`<${Questions} base=${base} questions=${found} edit=${(/** @type {any} */ question) => (editing.value = question)} place=${place} changed=${changed} />` })}
    ${editing.value ? html`<${QuestionDialog} base=${base} question=${editing.value} place=${place} onClose=${() => (editing.value = null)} changed=${changed} />` : null}`;
}

/** @param {string} place @param {AbortSignal} signal */
async function allQuestions(place, signal) {
  return (await get(place, { limit: 2000 }, signal)).data;
}

/** @param {{ set: EvaluationSet, place: (...more: (string | number)[]) => string, write: boolean, changed: () => Promise<void> }} props @returns {import("../../parts/menu.js").MenuItem[]} */
function menuOf({ set, place, write, changed }) {
  const exported = (/** @type {string} */ format) => ({
    label: t(`knowledge.export_${format}`),
    icon: "download",
    onClick: () => saveFrom(url(place("export"), { format }), `${set.name}.${format}`),
  });
  const rename = async () => {
    const name = await confirm({ title: t("knowledge.rename_set"), action: t("common.save"), input: { label: t("knowledge.set_name"), value: set.name } });
    if (name && (await attempt(patch(place(), { name })))) await changed();
  };
  const remove = async () => {
    const sure = await confirm({ title: t("knowledge.delete_set"), text: set.name, action: t("knowledge.delete"), danger: true });
    if (sure && (await attempt(del(place())))) {
      setQuery({ set: "" });
      await changed();
    }
  };
  if (!write) return [exported("jsonl"), exported("csv")];
  return [
    { label: t("knowledge.import_questions"), icon: "upload", onClick: () => importFile(place("import"), changed) },
    exported("jsonl"),
    exported("csv"),
    "line",
    { label: t("knowledge.rename_set"), icon: "edit", onClick: rename },
    { label: t("knowledge.delete_set"), icon: "trash", danger: true, onClick: remove },
  ];
}

/** @param {string} place @param {() => Promise<void>} changed */
function importFile(place, changed) {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = ".jsonl,.csv";
  input.hidden = true;
  input.onchange = async () => {
    const file = input.files?.[0];
    input.remove();
    if (!file) return;
    const format = file.name.toLowerCase().endsWith(".csv") ? "csv" : "jsonl";
    const answer = await attempt(post(place, { text: await file.text(), format }));
    if (!answer) return;
    const [line, why] = Object.entries(answer.wrong)[0] ?? [];
    if (line) complain({ message: t("knowledge.import_wrong", { n: Object.keys(answer.wrong).length, line, why: String(why) }) });
    else say(tn("knowledge.imported", answer.added));
    await changed();
  };
  input.addEventListener("cancel", () => input.remove());
  document.body.append(input);
  input.click();
}
