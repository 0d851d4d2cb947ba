// Families of one's own: the list of those that are registered, and the editor with form and JSON side by side.
import { del, get, path } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { t, tn } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { useResource } from "../../lib/resource.js";
import { go, href, route } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { Button, IconButton } from "../../parts/button.js";
import { confirm } from "../../parts/dialog.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toast.js";
import { TYPES } from "./catalog.js";
import { RegisterEditor } from "./register_editor.js";

export default function Register() {
  const { edit, type } = route.value.query;
  const found = useResource(loadOwn, []);
  useKeys([{ keys: "n", label: t("models.register_new"), run: () => edit || go(["models", "register"], { edit: "new" }) }], [edit]);
  if (edit) return html`<${RegisterEditor} key=${edit} name=${edit === "new" ? "" : edit} type=${type ?? "LLM"} onDone=${() => (go(["models", "register"]), void found.reload())} />`;
  const may = can("models:register");
  const add = may ? Button({ label: t("models.register_new"), icon: "plus", kind: "primary", href: href(["models", "register"], { edit: "new" }) }) : null;
  return Loaded({
    of: found,
    draw: (rows) =>
      rows.length
        ? html`<div class="spread"><span class="muted">${tn("models.count", rows.length)}</span>${add}</div>${Table({ label: t("models.tab_register"), columns: columns(may, found.reload), rows, id: (row) => `${row.type}/${row.model_name}`, onOpen: (row) => go(["models", "register"], { edit: row.model_name, type: row.type }) })}`
        : Empty({ icon: "book", title: t("models.register_empty"), text: may ? t("models.register_empty_text") : t("common.no_permission_text", { scope: "models:register" }), action: add }),
  });
}

/** The registered families of all types. @param {AbortSignal} signal */
async function loadOwn(signal) {
  const lists = await Promise.all(TYPES.map(async (type) => (await get(path`v1/model_registrations/${type}`, undefined, signal)).filter((/** @type {any} */ each) => !each.is_builtin).map((/** @type {any} */ each) => ({ ...each, type }))));
  return lists.flat();
}

/** @param {boolean} may @param {() => Promise<void>} reload @returns {import("../../parts/table.js").Column<any>[]} */
function columns(may, reload) {
  const remove = async (/** @type {any} */ row) => {
    const agreed = await confirm({ title: t("models.unregister_title", { name: row.model_name }), text: t("models.unregister_text"), action: t("models.unregister"), danger: true });
    if (agreed && (await attempt(async () => (await del(path`v1/model_registrations/${row.type}/${row.model_name}`), true)))) await reload();
  };
  return [
    { name: "name", label: t("models.name"), cell: (row) => html`<strong>${row.model_name}</strong>` },
    { name: "type", label: t("models.type"), cell: (row) => t(`models.type_${row.type}`) },
    { name: "actions", label: html`<span class="for-readers">${t("models.actions")}</span>`, class: "number", cell: (row) => html`<span class="row models-row-actions">${can("models:write") ? Button({ label: t("models.launch"), size: "small", href: href(["models", "launch"], { name: row.model_name, type: row.type }) }) : null}${may ? IconButton({ icon: "trash", size: "small", title: t("models.unregister_title", { name: row.model_name }), onClick: () => void remove(row) }) : null}</span>` },
  ];
}
