// One column of a comparison: what answers, its answers, and what can be done with them.
import { html, useEffect, useRef, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { Button, IconButton } from "../../parts/button.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { Empty, Failure } from "../../parts/states.js";
import { AnswerContent } from "../chat/content.js";
import { stoppedText, textOf } from "../chat/fold.js";
import { Parameters } from "../chat/parameters.js";
import { ModelPicker, SourcePicker, ThinkingSwitch } from "../chat/pickers.js";
import { SourcesOf } from "../chat/sources.js";
import { Thinking } from "../chat/steps.js";
import { wordDifferences } from "./diff.js";

/** @typedef {import("./state.js").Column} Column */

/** @param {{ column: Column, number: number, first: Column | null, onRemove: (() => void) | null, onKeep: () => void }} props `first`: the column whose differences are shown */
export function ColumnView({ column, number, first, onRemove, onKeep }) {
  const { setup } = column;
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const turns = column.turns.value;
  const length = turns.at(-1)?.message.value.content.length ?? 0;
  useEffect(() => {
    const shown = scroller.current;
    if (shown) shown.scrollTop = shown.scrollHeight;
  }, [turns.length, length]);
  const name = setup.present.value?.id ?? setup.model.value ?? "";
  return html`<section class="compare-column" aria-label=${t("chat.compare_column", { n: number, model: name })}>
    <header class="compare-head">
      <${ModelPicker} value=${setup.model.value} present=${setup.present.value} onChoose=${(/** @type {string} */ model) => (setup.model.value = model)} />
      ${SourcePicker({ setup })} ${ThinkingSwitch({ setup })}
      <span class="grow"></span>
      ${onRemove ? IconButton({ icon: "x", size: "small", title: t("chat.compare_remove", { n: number }), onClick: onRemove }) : null}
    </header>
    <details class="compare-parameters"><summary>${t("chat.tab_parameters")}</summary><${Parameters} setup=${setup} compact scope=${column.key} /></details>
    <div class="compare-scroll" ref=${scroller} tabindex="0" role="region" aria-label=${t("chat.compare_answers", { n: number })}>
      ${turns.length === 0 && !column.error.value ? Empty({ icon: "message", title: t("chat.compare_empty") }) : null}
      ${turns.map((turn, index) => html`<${TurnView} key=${turn.message.value.id} turn=${turn} other=${first?.turns.value[index]?.message.value ?? null} />`)}
      ${column.error.value ? Failure({ error: column.error.value, small: true }) : null}
    </div>
    <footer class="compare-foot">
      ${turns.length > 0 ? Copy({ text: () => textOf(/** @type {any} */ (column.last)) }) : null}
      <span class="grow"></span>
      ${Button({ icon: "check", label: t("chat.compare_keep"), size: "small", disabled: turns.length === 0 || column.running.value, onClick: onKeep })}
    </footer>
  </section>`;
}

/** @param {{ turn: import("./state.js").Turn, other: import("./state.js").MessageInfo | null }} props */
function TurnView({ turn, other }) {
  const message = turn.message.value;
  const source = useSignal(/** @type {number | null} */ (null));
  const error = /** @type {any} */ (message.error);
  const pieces = other && message.state !== "running" && other.state !== "running" ? wordDifferences(textOf(other), textOf(message)) : null;
  return html`<div class="compare-turn">
    <p class="chat-bubble chat-plain">${turn.question}</p>
    <div class="chat-answer-content">
      ${Thinking({ message })}
      ${pieces
        ? html`<p class="compare-difference" dir="auto">${pieces.map(({ kind, text }) => (kind === "added" ? html`<ins>${text}</ins>` : kind === "removed" ? html`<del>${text}</del>` : text))}</p>`
        : html`<${AnswerContent} message=${message} onSource=${(/** @type {number} */ number) => (source.value = number)} />`}
      ${source.value === null ? null : html`<${Dialog} wide title=${t("chat.tab_sources")} onClose=${() => (source.value = null)}><${SourcesOf} message=${message} number=${source.value} /><//>`}
      ${message.state === "running" ? html`<span class="chat-working" role="status">${Icon({ name: "loader", size: 14 })}<span class="for-readers">${t("chat.answering")}</span></span>` : null}
      ${message.state === "failed" ? Failure({ error: { message: error?.message ?? t("chat.failed"), code: error?.code }, small: true }) : null}
      ${message.state === "stopped" ? html`<p class="muted">${t(stoppedText(message))}</p>` : null}
    </div>
  </div>`;
}
