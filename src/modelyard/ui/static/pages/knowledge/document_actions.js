// What can be done with the chosen documents of a base.
import { patch, url } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { html, useSignal } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { Button } from "../../parts/button.js";
import { Dialog, confirm } from "../../parts/dialog.js";
import { CheckField } from "../../parts/field.js";
import { Menu } from "../../parts/menu.js";
import { saveFrom } from "../../parts/save.js";
import { attempt, say } from "../../parts/toast.js";
import { ChunkingFields } from "./base_fields.js";
import { allDocuments, eachPortion } from "./data.js";

/** @typedef {import("./data.js").Base} Base */
/** @typedef {{ base: Base, list: ReturnType<typeof import("./document_list.js").documentList>, selection: { value: Set<string> }, changed: () => Promise<void> }} Props */

/** @param {Props} props */
export function DocumentActions({ base, list, selection, changed }) {
  const chunking = useSignal(false);
  const chosen = () => [...selection.value];
  const names = chosen();
  const act = actions(base, selection, changed);
  useKeys([
    { keys: "i", label: t("knowledge.index"), run: () => chosen().length && act.index(chosen()) },
    { keys: "Delete", label: t("knowledge.delete_documents"), run: () => chosen().length && act.remove(chosen()) },
  ], [list]);
  if (!names.length) return null;
  const chooseAll = async () => {
    const all = await attempt(allDocuments(base.name, list.filter));
    if (all) selection.value = new Set(all.map((doc) => doc.name));
  };
  const loaded = list.rows.value?.length ?? 0;
  return html`<div class="knowledge-chosen" role="toolbar" aria-label=${t("knowledge.chosen_actions")}>
    <strong>${tn("knowledge.n_chosen", names.length)}</strong>
    ${list.total.value > names.length && names.length >= loaded
      ? Button({ label: t("knowledge.choose_all", { n: list.total.value }), kind: "quiet", size: "small", onClick: chooseAll })
      : null}
    <span class="grow"></span>
    ${Button({ label: t("knowledge.index"), icon: "refresh", size: "small", onClick: () => act.index(names) })}
    ${Button({ label: t("knowledge.delete"), icon: "trash", size: "small", onClick: () => act.remove(names) })}
    <${Menu}
      button=${{ icon: "more", title: t("knowledge.more_actions"), size: "small" }}
      items=${[
        { label: t("knowledge.rechunk"), icon: "sliders", onClick: () => (chunking.value = true) },
        { label: t("knowledge.unindex"), icon: "minus", onClick: () => act.unindex(names) },
        { label: t("knowledge.index_force"), icon: "refresh", onClick: () => act.index(names, true) },
        "line",
        { label: t("knowledge.enable"), icon: "eye", onClick: () => act.enable(names, true) },
        { label: t("knowledge.disable"), icon: "minus", onClick: () => act.enable(names, false) },
        { label: t("knowledge.download"), icon: "download", disabled: names.length > 20, title: names.length > 20 ? t("knowledge.download_most") : undefined, onClick: () => download(base.name, chosenRows(list, selection)) },
        { label: t("knowledge.choose_none"), icon: "x", onClick: () => (selection.value = new Set()) },
      ]}
    />
    ${chunking.value ? html`<${Rechunk} base=${base} names=${names} onClose=${() => (chunking.value = false)} act=${act} />` : null}
  </div>`;
}

/** @param {Props["list"]} list @param {Props["selection"]} selection */
const chosenRows = (list, selection) => (list.rows.value ?? []).filter((doc) => selection.value.has(doc.name));

/** @param {string} base @param {import("./data.js").Doc[]} rows */
function download(base, rows) {
  for (const doc of rows) saveFrom(url(inBase(base, "documents", doc.id, "content")), doc.name.split("/").pop() ?? doc.name);
}

/** @param {Base} base @param {Props["selection"]} selection @param {Props["changed"]} changed */
function actions(base, selection, changed) {
  return {
    /** @param {string[]} names @param {boolean} [force] */
    async index(names, force = false) {
      if (await attempt(eachPortion(base.name, "index", names, { force }))) {
        say(tn("knowledge.index_started", names.length));
        await changed();
      }
    },
    /** @param {string[]} names */
    async unindex(names) {
      if (await attempt(eachPortion(base.name, "unindex", names), tn("knowledge.unindexed", names.length))) await changed();
    },
    /** @param {string[]} names */
    async remove(names) {
      const sure = await confirm({ title: tn("knowledge.delete_title", names.length), text: names.length === 1 ? names[0] : t("knowledge.delete_text"), action: t("knowledge.delete"), danger: true });
      if (!sure || !(await attempt(eachPortion(base.name, "delete", names), tn("knowledge.deleted", names.length)))) return;
      selection.value = new Set();
      await changed();
    },
    /** @param {string[]} names @param {boolean} enabled */
    async enable(names, enabled) {
      const done = enabled ? "knowledge.enabled_done" : "knowledge.disabled_done";
      if (await attempt(patch(inBase(base.name, "documents"), { names, enabled }), tn(done, names.length))) await changed();
    },
    /** @param {string[]} names @param {import("./base_fields.js").Chunking} chunking @param {boolean} force */
    async rechunk(names, chunking, force) {
      if (await attempt(patch(inBase(base.name, "documents"), { names, chunking }))) await this.index(names, force);
    },
  };
}

/** @param {{ base: Base, names: string[], onClose: () => void, act: ReturnType<typeof actions> }} props */
function Rechunk({ base, names, onClose, act }) {
  const chunking = useSignal({ ...base.chunking });
  const force = useSignal(false);
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    onClose();
    void act.rechunk(names, chunking.value, force.value);
  };
  return html`<${Dialog} title=${tn("knowledge.rechunk_title", names.length)} onClose=${onClose}>
    <form class="stack" onSubmit=${send}>
      ${ChunkingFields({ name: "rechunk", value: chunking.value, onInput: (value) => (chunking.value = value) })}
      ${CheckField({ name: "rechunk-force", label: t("knowledge.force"), hint: t("knowledge.force_hint"), value: force.value, onInput: (value) => (force.value = value) })}
      <div class="dialog-actions">
        ${Button({ label: t("common.cancel"), onClick: onClose })} ${Button({ label: t("knowledge.rechunk"), kind: "primary", type: "submit" })}
      </div>
    </form>
  <//>`;
}
