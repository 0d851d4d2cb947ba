// A bar of a device's memory: what others use, what a launch would take, what stays free.
import { bytes } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";

/** @typedef {{ name: string, value: number, kind: string }} Segment */

const PARTS = ["weights", "kv_cache", "activations", "overhead"];

/** The parts of what is needed on one device, as a replica's memory is divided. @param {number} needed @param {Record<string, number> | null} memory @returns {Segment[]} */
function partsOf(needed, memory) {
  if (!needed) return [];
  if (!memory?.total) return [{ name: t("models.mem_needed"), value: needed, kind: "weights" }];
  return PARTS.filter((part) => memory[part]).map((part) => ({ name: t(`models.mem_${part}`), value: (needed * memory[part]) / memory.total, kind: part }));
}

/** @param {{ device: import("../../../types/api").PlannedDevice, memory: Record<string, number> | null, missing?: number }} props `missing`: bytes that a launch needs and that are not there */
export function MemoryBar({ device, memory, missing = 0 }) {
  const used = device.memory_total - device.memory_free;
  const reserved = Math.max(0, device.memory_free - device.usable);
  const needed = missing || device.needed;
  const total = Math.max(device.memory_total, used + reserved + needed);
  const free = Math.max(0, device.memory_total - used - reserved - needed);
  /** @type {Segment[]} */
  const segments = [
    { name: t("models.mem_used"), value: used, kind: "used" },
    ...partsOf(needed, memory),
    { name: t("models.mem_reserved"), value: reserved, kind: "reserved" },
    { name: t("models.mem_free"), value: free, kind: "free" },
  ].filter((each) => each.value > 0);
  const text = segments.map((each) => `${each.name} ${bytes(each.value)}`).join(", ");
  const title = device.name === "cpu" ? t("models.main_memory") : `${device.name} ${device.title}`;
  return html`<div class="memory-device">
    <div class="spread"><strong>${title}</strong><span class=${missing ? "danger" : "muted"}>${needed ? html`${missing ? "" : "+ "}${bytes(needed)} · ` : null}${t("models.mem_of", { free: bytes(device.usable), total: bytes(device.memory_total) })}</span></div>
    <div class=${`memory-bar ${missing ? "memory-over" : ""}`} role="img" aria-label=${`${title}: ${text}`}>
      ${segments.map((each) => html`<span class=${`memory-part memory-${each.kind}`} title=${`${each.name}: ${bytes(each.value)}`} style=${{ width: `${Math.max(each.kind === "free" ? 0 : 0.6, (100 * each.value) / total)}%` }}></span>`)}
    </div>
    ${needed ? html`<ul class="memory-legend">${segments.filter((each) => PARTS.includes(each.kind)).map((each) => html`<li><span class=${`memory-key memory-${each.kind}`}></span>${each.name} <span class="muted">${bytes(each.value)}</span></li>`)}</ul>` : null}
  </div>`;
}
