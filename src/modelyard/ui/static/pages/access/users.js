// People who may log in: add, permissions, password, remove.
import { del, patch, path, post } from "../../lib/api.js";
import { moment } from "../../lib/format.js";
import { html, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { useResource } from "../../lib/resource.js";
import { href } from "../../lib/router.js";
import { beginSession, me } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { confirm, Dialog } from "../../parts/dialog.js";
import { TextField } from "../../parts/field.js";
import { Menu } from "../../parts/menu.js";
import { Badge } from "../../parts/page.js";
import { Empty, Failure, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt, say } from "../../parts/toast.js";
import { isOpen } from "./key_form.js";
import { readAll } from "./keys.js";
import { ScopesField, ScopesSummary } from "./scopes.js";

/** @typedef {import("../../../types/api").UserInfo} User */
/** @typedef {{ kind: "new" } | { kind: "scopes" | "password", user: User } | null} Form */

export function Users() {
  const users = useResource((signal) => readAll("v1/admin/users", signal), []);
  const form = useSignal(/** @type {Form} */ (null));
  const create = () => (form.value = { kind: "new" });
  useKeys([{ keys: "n", label: t("access.new_user"), run: create }]);
  const done = (/** @type {string} */ text) => {
    form.value = null;
    say(text);
    void users.reload();
  };
  const button = Button({ icon: "plus", label: t("access.new_user"), kind: "primary", onClick: create });
  return html`${isOpen() ? html`<p class="access-warning">${t("access.open_server")}</p>` : null}
    ${Loaded({
      of: users,
      draw: (rows) =>
        rows.length
          ? html`<div class="spread"><span class="muted">${t("access.users_text")}</span>${button}</div>
              ${UserTable({ rows, form, done })}`
          : Empty({ icon: "user", title: t("access.no_users"), text: t("access.users_text"), action: button }),
    })}
    ${form.value ? html`<${UserForm} form=${form.value} onClose=${() => (form.value = null)} onDone=${done} />` : null}`;
}

/** @param {{ rows: User[], form: import("@preact/signals").Signal<Form>, done: (text: string) => void }} props */
function UserTable({ rows, form, done }) {
  const remove = async (/** @type {User} */ user) => {
    const yes = await confirm({ title: t("access.remove_title", { name: user.username }), text: t("access.remove_text"), action: t("access.remove"), danger: true, typed: user.username });
    if (yes && (await attempt(del(path`v1/admin/users/${user.id}`)))) done(t("access.user_removed", { name: user.username }));
  };
  const items = (/** @type {User} */ user) => /** @type {import("../../parts/menu.js").MenuItem[]} */ ([
    { label: t("access.change_scopes"), icon: "key", onClick: () => (form.value = { kind: "scopes", user }) },
    { label: t("access.new_password"), icon: "edit", onClick: () => (form.value = { kind: "password", user }) },
    { label: t("access.tab_usage"), icon: "activity", href: href(["access", "usage"], { user: user.username }) },
    "line",
    { label: t("access.remove"), icon: "trash", danger: true, onClick: () => remove(user) },
  ]);
  return Table({
    label: t("access.tab_users"),
    rows,
    id: (user) => String(user.id),
    onOpen: (user) => (form.value = { kind: "scopes", user }),
    columns: [
      { name: "name", label: t("access.name"), cell: (user) => html`<span class="access-name">${user.username}</span> ${user.username === me.value?.username ? Badge({ kind: "busy", children: t("access.you") }) : null}` },
      { name: "scopes", label: t("access.scopes"), cell: ScopesSummary },
      { name: "created", label: t("access.created"), class: "narrow-hidden nowrap", cell: (user) => moment(user.created_at) },
      { name: "more", label: html`<span class="for-readers">${t("access.actions")}</span>`, class: "number", cell: (user) => html`<${Menu} items=${items(user)} button=${{ icon: "more", title: t("access.actions_of", { name: user.username }), size: "small" }} />` },
    ],
  });
}

/** @param {{ form: NonNullable<Form>, onClose: () => void, onDone: (text: string) => void }} props */
function UserForm({ form, onClose, onDone }) {
  const user = form.kind === "new" ? null : form.user;
  const first = isOpen() && !user;
  const name = useSignal(user?.username ?? "");
  const password = useSignal("");
  const scopes = useSignal(user?.scopes ?? (first ? ["admin"] : ["models:list", "models:read"]));
  const error = useSignal(/** @type {any} */ (null));
  const busy = useSignal(false);
  const send = async () => {
    const target = path`v1/admin/users/${user?.id ?? ""}`;
    if (form.kind === "scopes") return patch(target, { scopes: scopes.value });
    if (form.kind === "password") return post(`${target}/password`, { password: password.value });
    const made = await post("v1/admin/users", { username: name.value.trim(), password: password.value, scopes: scopes.value });
    if (first) await beginSession({ username: made.username, password: password.value }).catch(() => null); // the login asks again
    return made;
  };
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    busy.value = true;
    error.value = null;
    try {
      const { username } = await send();
      onDone(t(`access.done_${form.kind}`, { name: username }));
    } catch (reason) {
      error.value = reason;
      busy.value = false;
    }
  };
  const withPassword = form.kind !== "scopes";
  const ready = (!withPassword || password.value) && (form.kind === "password" || scopes.value.length) && name.value.trim();
  return html`<${Dialog} title=${t(`access.form_${form.kind}`, { name: user?.username ?? "" })} onClose=${onClose} wide=${form.kind !== "password"}>
    <form class="stack" onSubmit=${save}>
      ${first ? html`<p class="access-warning">${t("access.first_user")}</p>` : null}
      ${user ? null : TextField({ name: "user-name", label: t("access.name"), value: name.value, onInput: (value) => (name.value = value), required: true, maxLength: 100, autocomplete: "off", autofocus: true })}
      ${withPassword ? TextField({ name: "user-password", label: t("access.password"), hint: user ? t("access.password_ends") : undefined, type: "password", value: password.value, onInput: (value) => (password.value = value), required: true, autocomplete: "new-password", autofocus: Boolean(user) }) : null}
      ${form.kind === "password" || first ? null : ScopesField({ value: scopes.value, onInput: (value) => (scopes.value = value) })}
      ${error.value ? Failure({ error: error.value, small: true }) : null}
      <div class="dialog-actions">
        ${Button({ label: t("common.cancel"), onClick: onClose })}
        ${Button({ label: user ? t("common.save") : t("access.create_user"), kind: "primary", type: "submit", busy: busy.value, disabled: !ready })}
      </div>
    </form>
  <//>`;
}
