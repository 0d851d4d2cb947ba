// Two to four models, adapters or settings side by side: one question, an answer of each, their figures and differences.
import { known } from "../../lib/events.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useKeys } from "../../lib/keys.js";
import { go, href, route } from "../../lib/router.js";
import { Button, IconButton } from "../../parts/button.js";
import { Failure, Loading } from "../../parts/states.js";
import { attempt, complain } from "../../parts/toast.js";
import { Composer } from "../chat/composer.js";
import { ColumnView } from "./column.js";
import { FigureTable } from "./figure_table.js";
import { Comparison, MOST_COLUMNS } from "./state.js";

/** The comparison that is shown, which keeps its columns when its chat is made. @type {Comparison | null} */
let begun = null;

/** @param {string | null} id @param {string[]} models */
function open(id, models) {
  if (begun && !begun.closed && id !== null && begun.id.peek() === id) return begun;
  begun?.close();
  begun = new Comparison(id);
  if (id === null) begun.begin(models);
  else void begun.load();
  return begun;
}

export default function Page() {
  const { parts, query } = route.value;
  const id = parts[0] ?? null;
  if (!known.value) return html`<h1 tabindex="-1">${t("chat.compare")}</h1>${Loading()}`;
  const comparison = useMemo(() => open(id, (query.models ?? "").split(",").filter(Boolean)), [id, query.models]);
  return html`<${View} key=${comparison} comparison=${comparison} />`;
}

/** @param {{ comparison: Comparison }} props */
function View({ comparison }) {
  const differences = useSignal(false);
  const together = useSignal(true);
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const columns = comparison.columns.value;
  useLayoutEffect(() => () => comparison.close(), [comparison]);
  useSameScrolling(place, together.value);
  useKeys([
    ...[0, 1, 2, 3].map((index) => ({ keys: `Ctrl+${index + 1}`, label: t("chat.compare_focus", { n: index + 1 }), run: () => focusColumn(place.current, index) })),
    { keys: "=", label: t("chat.compare_scroll"), run: () => (together.value = !together.value) },
    { keys: "n", label: t("chat.compare_new"), run: () => go("compare") },
  ], [comparison]);
  const send = async (/** @type {any} */ content, /** @type {boolean} */ files) => {
    try {
      await comparison.ask(content, files);
      go(["compare", /** @type {string} */ (comparison.id.value)], {}, { replace: true });
      return true;
    } catch (error) {
      complain(error);
      return false;
    }
  };
  const keep = async (/** @type {import("./state.js").Column} */ column) => {
    if ((await attempt(comparison.keep(column).then(() => true))) && comparison.id.value) go(["chat", comparison.id.value]);
  };
  const missing = (/** @type {boolean} */ files) => columns.map((each) => each.setup.missing(files)).find(Boolean) ?? null;
  return html`<header class="chat-head">
      ${IconButton({ icon: "arrow-left", size: "small", title: t("common.page_chat"), href: href(comparison.id.value ? ["chat", comparison.id.value] : "chat") })}
      <h1 class="cut" tabindex="-1">${t("chat.compare")}</h1>
      <label class="row nowrap"><input type="checkbox" checked=${comparison.seed.value !== null} onChange=${(/** @type {any} */ event) => (comparison.seed.value = event.target.checked ? 1 : null)} /> ${t("chat.compare_seed")}</label>
      ${Button({ label: t("chat.compare_differences"), size: "small", kind: "quiet", pressed: differences.value, onClick: () => (differences.value = !differences.value) })}
      ${Button({ label: t("chat.compare_scroll"), size: "small", kind: "quiet", pressed: together.value, onClick: () => (together.value = !together.value) })}
      ${Button({ icon: "plus", label: t("chat.compare_add"), size: "small", disabled: columns.length >= MOST_COLUMNS, onClick: () => comparison.add() })}
      ${Button({ icon: "plus", label: t("chat.compare_new"), size: "small", href: href("compare") })}
    </header>
    ${comparison.error.value ? Failure({ error: comparison.error.value, retry: () => void comparison.load() }) : null}
    <div class="compare-columns" ref=${place} style=${{ "--columns": String(columns.length) }}>
      ${columns.map((column, index) => html`<${ColumnView}
        key=${column.key} column=${column} number=${index + 1} first=${differences.value && index > 0 ? columns[0] : null}
        onRemove=${columns.length > 2 ? () => comparison.remove(column) : null} onKeep=${() => void keep(column)}
      />`)}
    </div>
    ${FigureTable({ columns })}
    <div class="chat-below">
      <${Composer} chat=${comparison.id.value ? `compare-${comparison.id.value}` : "compare"} running=${comparison.running.value} missing=${missing} onSend=${send} onStop=${() => void attempt(comparison.stop())} />
    </div>`;
}

/** @param {HTMLElement | null} place @param {number} index */
function focusColumn(place, index) {
  const column = place?.querySelectorAll(".compare-scroll")[index];
  if (column instanceof HTMLElement) column.focus();
}

/** Scroll all columns as far as the one that is scrolled. @param {{ current: HTMLElement | null }} place @param {boolean} on */
function useSameScrolling(place, on) {
  useEffect(() => {
    const shown = place.current;
    if (!shown || !on) return undefined;
    /** @type {EventTarget | null} */
    let leader = null;
    const leading = (/** @type {Event} */ event) => (leader = event.target instanceof Element ? event.target.closest(".compare-scroll") : null);
    const scrolled = (/** @type {Event} */ event) => {
      const source = event.target;
      if (!(source instanceof HTMLElement) || source !== leader) return;
      for (const each of shown.querySelectorAll(".compare-scroll")) if (each !== source) each.scrollTop = source.scrollTop;
    };
    for (const name of ["wheel", "pointerdown", "keydown", "touchstart"]) shown.addEventListener(name, leading, { passive: true });
    shown.addEventListener("scroll", scrolled, { capture: true, passive: true });
    return () => {
      for (const name of ["wheel", "pointerdown", "keydown", "touchstart"]) shown.removeEventListener(name, leading);
      shown.removeEventListener("scroll", scrolled, { capture: true });
    };
  }, [on]);
}
