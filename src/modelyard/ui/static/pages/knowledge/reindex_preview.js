// What another chunking would do to one document of a base, before all are indexed anew.
import { get } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { html, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { Dialog } from "../../parts/dialog.js";
import { SelectField } from "../../parts/field.js";
import { Loaded } from "../../parts/states.js";
import { Cuts } from "./preview.js";

/** @typedef {import("./data.js").Base} Base */
/** @typedef {import("./data.js").Doc} Doc */

/** @param {{ base: Base, chunking: import("./base_fields.js").Chunking, onClose: () => void }} props */
export function ReindexPreview({ base, chunking, onClose }) {
  const chosen = useSignal("");
  const documents = useResource(async (signal) => (await get(inBase(base.name, "documents"), { limit: 200, state: "ready" }, signal)).data, [base.name]);
  return html`<${Dialog} title=${t("knowledge.preview")} wide=${true} onClose=${onClose}>
    ${Loaded({
      of: documents,
      draw: (/** @type {Doc[]} */ found) => {
        const doc = found.find((each) => String(each.id) === chosen.value) ?? [...found].sort((one, other) => other.characters - one.characters)[0];
        if (!doc) return html`<p class="muted">${t("knowledge.no_ready_documents")}</p>`;
        return html`${SelectField({ name: "preview-document", label: t("knowledge.document"), value: String(doc.id), onInput: (value) => (chosen.value = value), choices: found.map((each) => ({ value: String(each.id), label: each.name })) })}
          <${Cuts} key=${doc.id} base=${base} doc=${doc} chunking=${chunking} />`;
      },
    })}
  <//>`;
}
