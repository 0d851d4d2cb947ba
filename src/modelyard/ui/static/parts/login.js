// The login, over whatever is shown: nothing that was typed below it is lost.
import { html, useEffect, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { logIn, me } from "../lib/session.js";
import { Button } from "./button.js";
import { Dialog } from "./dialog.js";
import { TextField } from "./field.js";
import { Icon } from "./icon.js";
import { Segments } from "./tabs.js";

export function Login() {
  const way = useSignal("password");
  const username = useSignal(me.value?.username ?? "");
  const secret = useSignal("");
  const failure = useSignal("");
  const wait = useSignal(0);
  const busy = useSignal(false);
  useEffect(() => {
    if (wait.value <= 0) return undefined;
    const timer = setTimeout(() => (wait.value -= 1), 1000);
    return () => clearTimeout(timer);
  }, [wait.value]);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    busy.value = true;
    failure.value = "";
    try {
      await logIn(way.value === "key" ? { api_key: secret.value.trim() } : { username: username.value, password: secret.value });
    } catch (/** @type {any} */ error) {
      failure.value = error.status === 0 ? t("common.unreachable") : error.status === 401 ? t(`common.wrong_${way.value}`) : error.message;
      wait.value = error.retryAfter ?? 0;
    }
    busy.value = false;
  };
  const change = (/** @type {string} */ value) => ((way.value = value), (secret.value = ""), (failure.value = ""));
  const ways = [{ value: "password", label: t("common.with_password") }, { value: "key", label: t("common.with_key") }];
  const label = way.value === "key" ? t("common.api_key") : t("common.password");
  const autocomplete = way.value === "key" ? "off" : "current-password";
  return html`<${Dialog} title=${t("common.login")} onClose=${() => undefined} fixed=${true}>
    <form class="stack login" onSubmit=${submit}>
      <p class="muted">${me.value ? t("common.login_ended") : t("common.login_text")}</p>
      ${Segments({ label: t("common.login"), choices: ways, value: way.value, onInput: change })}
      ${way.value === "password" ? TextField({ name: "username", label: t("common.username"), value: username.value, onInput: (value) => (username.value = value), autocomplete: "username", required: true, autofocus: true }) : null}
      ${TextField({ name: `login-${way.value}`, label, type: "password", value: secret.value, onInput: (value) => (secret.value = value), autocomplete, required: true })}
      ${failure.value ? html`<p class="field-error" role="alert">${Icon({ name: "alert" })} ${failure.value}</p>` : null}
      ${Button({ label: wait.value ? t("common.login_wait", { n: wait.value }) : t("common.login"), kind: "primary", type: "submit", busy: busy.value, disabled: wait.value > 0 })}
    </form>
  <//>`;
}
