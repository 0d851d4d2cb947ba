// A new key's secret, which is shown this one time, with lines to use it.
import { ROOT } from "../../lib/api.js";
import { models } from "../../lib/events.js";
import { html, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { Button } from "../../parts/button.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { Segments } from "../../parts/tabs.js";

/** Ways to use a key. @param {string} secret @returns {Record<string, string>} */
function snippets(secret) {
  const root = ROOT.href.replace(/\/$/, "");
  const model = [...models.value.values()].find((each) => each.is_chat)?.id ?? "MODEL";
  return {
    curl: `curl ${root}/v1/chat/completions \\
  -H "Authorization: Bearer ${secret}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`,
    python: `from openai import OpenAI

client = OpenAI(base_url="${root}/v1", api_key="${secret}")
answer = client.chat.completions.create(
    model="${model}", messages=[{"role": "user", "content": "Hello"}]
)
print(answer.choices[0].message.content)`,
    shell: `export MODELYARD_ENDPOINT=${root}
export MODELYARD_API_KEY=${secret}
modelyard chat ${model}`,
  };
}

/** @param {{ made: import("../../../types/api").NewKeyInfo, onClose: () => void }} props */
export function SecretDialog({ made, onClose }) {
  const way = useSignal("curl");
  const text = snippets(made.key)[way.value];
  const actions = Button({ label: t("access.secret_kept"), kind: "primary", onClick: onClose });
  return html`<${Dialog} title=${t("access.secret_title", { name: made.name })} onClose=${onClose} fixed=${true} wide=${true} actions=${actions}>
    <p>${t("access.secret_once")}</p>
    <div class="access-secret"><code>${made.key}</code>${Copy({ text: made.key, label: t("common.copy"), kind: "plain" })}</div>
    <div class="spread">
      ${Segments({ label: t("access.use"), value: way.value, onInput: (value) => (way.value = value), choices: Object.keys(snippets("")).map((value) => ({ value, label: t(`access.use_${value}`) })) })}
      ${Copy({ text })}
    </div>
    <pre class="access-snippet" tabindex="0">${text}</pre>
  <//>`;
}
