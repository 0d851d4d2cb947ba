// A table of many rows: only those in view are drawn, rows can be chosen and opened by keyboard, columns can be sorted.
import { html, useEffect, useRef, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { useKeys } from "../lib/keys.js";
import { Icon } from "./icon.js";

/**
 * @template T
 * @typedef {object} Column
 * @property {string} name
 * @property {import("../lib/html.js").Children} label
 * @property {(row: T) => any} cell
 * @property {string} [class] on head and cells, such as "number" or "narrow-hidden"
 * @property {boolean} [sortable] by `onSort`
 */

/**
 * @template T
 * @typedef {object} TableProps
 * @property {string} label what the table lists, for screen readers
 * @property {Column<T>[]} columns
 * @property {T[]} rows
 * @property {(row: T) => string} id
 * @property {(row: T) => void} [onOpen] Enter or a click on a row
 * @property {{ value: Set<string> }} [selection] a signal of chosen ids; adds a column of boxes
 * @property {{ column: string, descending: boolean } | null} [sort]
 * @property {(column: string) => void} [onSort]
 * @property {() => void} [onEnd] called when the last rows come into view: load more
 * @property {number} [height] of a row in pixels; 40 if left out
 * @property {number} [total] of rows that there are, where not all are loaded
 * @property {(row: T) => string | undefined} [rowClass]
 */

const OVERSCAN = 12;
const WINDOWED_FROM = 120;

/** @param {TableProps<any>} props */
export function Table(props) {
  return html`<${TableView} ...${props} />`;
}

/** @param {TableProps<any>} props */
function TableView({ label, columns, rows, id, onOpen, selection, sort, onSort, onEnd, height = 40, total, rowClass }) {
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const view = useSignal({ from: 0, to: WINDOWED_FROM });
  const windowed = rows.length > WINDOWED_FROM;
  const measure = () => {
    const shown = scroller.current;
    if (!shown) return;
    const from = Math.max(0, Math.floor(shown.scrollTop / height) - OVERSCAN);
    const to = Math.ceil((shown.scrollTop + shown.clientHeight) / height) + OVERSCAN;
    if (from !== view.value.from || to !== view.value.to) view.value = { from, to };
    if (onEnd && shown.scrollTop + shown.clientHeight > shown.scrollHeight - 12 * height) onEnd();
  };
  useEffect(measure, [rows.length, onEnd]);
  useKeysOfTable(scroller);
  const { from, to } = windowed ? view.value : { from: 0, to: rows.length };
  const drawn = rows.slice(from, to);
  const span = columns.length + (selection ? 1 : 0);
  return html`<div class=${`table-scroll ${windowed || onEnd ? "table-windowed" : ""}`} ref=${scroller} onScroll=${measure} tabindex="0" role="region" aria-label=${label}>
    <table class="table" aria-rowcount=${total ?? rows.length} aria-label=${label}>
      <thead>
        <tr>
          ${selection ? html`<th class="table-check">${SelectAll({ rows, id, selection })}</th>` : null}
          ${columns.map((column) => Head({ column, sort, onSort }))}
        </tr>
      </thead>
      <tbody>
        ${from > 0 ? html`<tr class="table-gap" aria-hidden="true"><td colspan=${span} style=${{ height: `${from * height}px` }}></td></tr>` : null}
        ${drawn.map((row, index) => Row({ row, index: from + index, columns, id, onOpen, selection, height, windowed, extra: rowClass?.(row) }))}
        ${to < rows.length ? html`<tr class="table-gap" aria-hidden="true"><td colspan=${span} style=${{ height: `${(rows.length - to) * height}px` }}></td></tr>` : null}
      </tbody>
    </table>
  </div>`;
}

/** `j` and `k` move among the rows. @param {{ current: HTMLElement | null }} scroller */
function useKeysOfTable(scroller) {
  const move = (/** @type {number} */ step) => {
    const all = /** @type {HTMLElement[]} */ ([...(scroller.current?.querySelectorAll("tr[data-row]") ?? [])]);
    const at = all.findIndex((each) => each.contains(document.activeElement));
    const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  useKeys([
    { keys: "j", label: t("common.key_next_row"), run: () => move(1) },
    { keys: "k", label: t("common.key_previous_row"), run: () => move(-1) },
  ]);
}

/** @param {{ column: Column<any>, sort?: TableProps<any>["sort"], onSort?: TableProps<any>["onSort"] }} props */
function Head({ column, sort, onSort }) {
  const active = sort?.column === column.name;
  const direction = active ? (sort.descending ? "descending" : "ascending") : undefined;
  const inside =
    column.sortable && onSort
      ? html`<button type="button" class="table-sort" onClick=${() => onSort(column.name)}>
          ${column.label}${active ? Icon({ name: sort.descending ? "arrow-down" : "arrow-up", size: 12 }) : null}
        </button>`
      : column.label;
  return html`<th scope="col" class=${column.class} aria-sort=${direction}>${inside}</th>`;
}

/** @param {{ rows: any[], id: (row: any) => string, selection: { value: Set<string> } }} props */
function SelectAll({ rows, id, selection }) {
  const chosen = rows.filter((row) => selection.value.has(id(row))).length;
  const all = rows.length > 0 && chosen === rows.length;
  const toggle = () => (selection.value = new Set(all ? [] : rows.map(id)));
  return html`<input type="checkbox" aria-label=${t("common.select_all")} checked=${all} indeterminate=${chosen > 0 && !all} onChange=${toggle} />`;
}

/** @param {any} props */
function Row({ row, index, columns, id, onOpen, selection, height, windowed, extra }) {
  const key = id(row);
  const chosen = selection?.value.has(key);
  const choose = (/** @type {any} */ event) => {
    const next = new Set(selection.value);
    if (event.target.checked) next.add(key);
    else next.delete(key);
    selection.value = next;
  };
  const open = (/** @type {any} */ event) => {
    if (event.target.closest("a, button, input, label, select, .menu") || getSelection()?.toString()) return;
    onOpen(row);
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && event.target === event.currentTarget) onOpen?.(row);
  };
  const classes = [onOpen ? "table-open" : "", chosen ? "table-chosen" : "", extra ?? ""].filter(Boolean).join(" ") || undefined;
  return html`<tr key=${key} class=${classes} aria-rowindex=${index + 1} tabindex=${onOpen ? 0 : undefined} data-row style=${windowed ? { height: `${height}px` } : undefined} onClick=${onOpen ? open : undefined} onKeyDown=${pressed}>
    ${selection ? html`<td class="table-check"><input type="checkbox" aria-label=${t("common.select", { name: key })} checked=${chosen} onChange=${choose} /></td>` : null}
    ${columns.map((/** @type {Column<any>} */ column) => html`<td class=${column.class}>${column.cell(row)}</td>`)}
  </tr>`;
}
