// A block of code: its language, highlighting, copy, and wrapping of long lines.
import { html, useEffect, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Button } from "./button.js";
import { Copy } from "./copy.js";

const LONGEST = 100_000;

/**
 * @param {{code: string, language?: string, open?: boolean}} props `open`: more code may follow; it is highlighted when it is whole
 */
export function CodeBlock({ code, language = "", open = false }) {
  const wrapped = useSignal(false);
  const colored = useSignal(/** @type {{code: string, vnodes: any} | null} */ (null));
  useEffect(() => {
    if (open || !language || code.length > LONGEST) return undefined;
    let current = true;
    import("./highlight.js").then(async ({ highlight }) => {
      const vnodes = await highlight(code, language);
      if (current && vnodes) colored.value = { code, vnodes };
    });
    return () => {
      current = false;
    };
  }, [code, language, open]);
  const content = colored.value?.code === code ? colored.value.vnodes : code;
  return html`<div class="code">
    <div class="code-bar">
      <span class="code-language">${language || t("common.code")}</span>
      ${Button({ label: t("common.wrap"), kind: "quiet", size: "small", pressed: wrapped.value, onClick: () => (wrapped.value = !wrapped.value) })}
      ${Copy({ text: code })}
    </div>
    <pre class=${wrapped.value ? "code-wrapped" : ""} tabindex="0"><code>${content}</code></pre>
  </div>`;
}
