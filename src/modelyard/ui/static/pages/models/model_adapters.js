// The adapters of a model: each answers under a name of its own.
import { get, post } from "../../lib/api.js";
import { models } from "../../lib/events.js";
import { bytes, number } from "../../lib/format.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { confirm, Dialog } from "../../parts/dialog.js";
import { NumberField, TextField } from "../../parts/field.js";
import { Empty, Failure, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";
import { State } from "./figures.js";

/** @param {{ uid: string }} props */
export default function Adapters({ uid }) {
  const found = useResource((signal) => get("v1/adapters", undefined, signal), [uid]);
  const loading = useSignal(false);
  const states = [...models.value.values()].filter((each) => each.parent === uid).map((each) => `${each.id} ${each.status}`).join();
  useEffect(() => void found.reload(), [states]);
  const may = can("models:write");
  const unload = async (/** @type {any} */ row) => {
    const agreed = await confirm({ title: t("models.unload_title", { name: row.id }), text: t("models.unload_text"), action: t("models.unload"), danger: true });
    if (agreed && (await attempt(post("v1/unload_lora_adapter", { lora_name: row.id }))) !== undefined) await found.reload();
  };
  const load = may ? Button({ label: t("models.load_adapter"), icon: "plus", size: "small", onClick: () => (loading.value = true) }) : null;
  return html`<div class="spread"><span class="muted">${t("models.adapters_note")}</span>${load}</div>
    ${Loaded({
      of: found,
      draw: (list) => {
        const rows = list.data.filter((/** @type {any} */ each) => each.parent === uid);
        return rows.length ? Table({ label: t("models.model_tab_adapters"), columns: columns(may ? unload : null), rows, id: (row) => row.id }) : Empty({ icon: "branch", title: t("models.no_adapters"), action: load });
      },
    })}
    ${loading.value ? html`<${LoadDialog} uid=${uid} onClose=${() => (loading.value = false)} onDone=${() => void found.reload()} />` : null}`;
}

/** @param {((row: any) => void) | null} unload @returns {import("../../parts/table.js").Column<any>[]} */
function columns(unload) {
  /** @type {import("../../parts/table.js").Column<any>[]} */
  const list = [
    { name: "id", label: t("models.name"), cell: (row) => html`<strong>${row.id}</strong>` },
    { name: "state", label: t("models.state"), cell: (row) => html`${State({ status: row.status })}${row.error ? html`<span class="models-why danger" title=${row.error}>${row.error}</span>` : null}` },
    { name: "rank", label: t("models.rank"), class: "number narrow-hidden", cell: (row) => number(row.rank) },
    { name: "scale", label: t("models.strength"), class: "number narrow-hidden", cell: (row) => number(row.scale, 2) },
    { name: "size", label: t("models.size"), class: "number", cell: (row) => bytes(row.size_bytes) },
    { name: "root", label: t("models.files"), class: "narrow-hidden", cell: (row) => html`<code class="models-path">${row.root}</code>` },
  ];
  if (unload) list.push({ name: "actions", label: html`<span class="for-readers">${t("models.actions")}</span>`, class: "number", cell: (row) => IconButton({ icon: "trash", size: "small", title: t("models.unload_title", { name: row.id }), onClick: () => unload(row) }) });
  return list;
}

/** @param {{ uid: string, onClose: () => void, onDone: () => void }} props */
function LoadDialog({ uid, onClose, onDone }) {
  const name = useSignal("");
  const place = useSignal("");
  const scale = useSignal(/** @type {number | null} */ (1));
  const busy = useSignal(false);
  const error = useSignal(/** @type {any} */ (null));
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    busy.value = true;
    try {
      await post("v1/load_lora_adapter", { lora_name: name.value.trim(), lora_path: place.value.trim(), lora_scale: scale.value ?? 1, model: uid });
      onDone();
      onClose();
    } catch (reason) {
      error.value = reason;
    }
    busy.value = false;
  };
  return html`<${Dialog} title=${t("models.load_adapter")} onClose=${onClose}>
    <form class="stack" onSubmit=${send}>
      ${TextField({ name: "adapter-name", label: t("models.adapter_name"), hint: t("models.adapter_name_hint"), value: name.value, required: true, autofocus: true, onInput: (value) => (name.value = value) })}
      ${TextField({ name: "adapter-path", label: t("models.adapter_path"), hint: t("models.adapter_path_hint"), value: place.value, required: true, onInput: (value) => (place.value = value) })}
      ${NumberField({ name: "adapter-scale", label: t("models.strength"), value: scale.value, min: 0, onInput: (value) => (scale.value = value) })}
      ${error.value ? Failure({ error: error.value, small: true }) : null}
      <div class="dialog-actions">${Button({ label: t("common.cancel"), onClick: onClose })}${Button({ label: t("models.load"), kind: "primary", type: "submit", busy: busy.value })}</div>
    </form>
  <//>`;
}
