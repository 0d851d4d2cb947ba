// The parameters of a chat: what begins each request, and how the model writes.
import { html, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { NumberField, TextArea } from "../../parts/field.js";

/** @typedef {{ name: string, min?: number, max?: number, step?: number | "any" }} NumberParameter */
/** @type {NumberParameter[]} */
const NUMBERS = [
  { name: "temperature", min: 0, max: 2, step: 0.1 },
  { name: "max_tokens", min: 1, step: 1 },
  { name: "top_p", min: 0, max: 1, step: 0.05 },
  { name: "frequency_penalty", min: -2, max: 2, step: 0.1 },
  { name: "presence_penalty", min: -2, max: 2, step: 0.1 },
  { name: "seed", step: 1 },
];
const KNOWN = new Set([...NUMBERS.map((each) => each.name), "stop", "enable_thinking"]);

/** @param {{ setup: import("./setup.js").Setup, compact?: boolean, scope?: string | number }} props `scope` makes the names of fields unique */
export function Parameters({ setup, compact, scope = "" }) {
  const values = setup.parameters.value;
  const fromSources = ["knowledge", "files", "web"].includes(setup.mode.value);
  return html`<div class="stack">
    ${TextArea({ name: `chat-system${scope}`, label: t("chat.system"), hint: compact ? undefined : t("chat.system_hint"), rows: compact ? 2 : 5, value: setup.system.value, onInput: (text) => setup.chooseSystem(text) })}
    <div class="chat-numbers">
      ${NUMBERS.slice(0, compact ? 3 : undefined).map(({ name, ...bounds }) => NumberField({ name: `chat-${name}${scope}`, label: t(`chat.parameter_${name}`), ...bounds, placeholder: t("chat.by_model"), value: values[name] ?? null, onInput: (value) => setup.setParameter(name, value) }))}
      ${fromSources ? NumberField({ name: `chat-top-k${scope}`, label: t("chat.number_of_sources"), min: 1, max: 20, step: 1, value: setup.sources.value, onInput: (value) => (setup.sources.value = value ?? 5) }) : null}
    </div>
    ${compact ? null : html`<${OtherParameters} setup=${setup} />`}
  </div>`;
}

/** Parameters without a field of their own, as JSON. @param {{ setup: import("./setup.js").Setup }} props */
function OtherParameters({ setup }) {
  const others = Object.fromEntries(Object.entries(setup.parameters.value).filter(([name]) => !KNOWN.has(name)));
  const text = useSignal(Object.keys(others).length > 0 ? JSON.stringify(others, null, 2) : "");
  const error = useSignal(/** @type {string | null} */ (null));
  const write = (/** @type {string} */ written) => {
    text.value = written;
    try {
      const read = written.trim() ? JSON.parse(written) : {};
      if (typeof read !== "object" || read === null || Array.isArray(read)) throw new Error();
      const own = Object.fromEntries(Object.entries(setup.parameters.value).filter(([name]) => KNOWN.has(name)));
      setup.parameters.value = { ...own, ...read };
      setup.save({ parameters: setup.parameters.value });
      error.value = null;
    } catch {
      error.value = t("chat.not_an_object");
    }
  };
  return TextArea({ name: "chat-others", label: t("chat.other_parameters"), hint: t("chat.other_parameters_hint"), rows: 4, mono: true, value: text.value, onInput: write, error: error.value });
}
