// The navigation at the left, with the state of the server and who uses it.
import { connection, gauges, known } from "../lib/events.js";
import { bytes, percent } from "../lib/format.js";
import { html, signal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { PAGES } from "../lib/pages.js";
import { href, route } from "../lib/router.js";
import { can, endSession, me } from "../lib/session.js";
import { Button, IconButton } from "./button.js";
import { Icon } from "./icon.js";
import { Bar } from "./page.js";
import { paletteShown } from "./palette.js";

/** Whether the rail lies over the page, on narrow screens. */
export const railShown = signal(false);

export function Rail() {
  const { page: active } = route.value;
  const pages = me.value ? PAGES.filter((page) => page.key && can(page.scope)) : [];
  return html`<header class="topbar">
      ${IconButton({ icon: "menu", title: t("common.menu"), onClick: () => (railShown.value = !railShown.value), more: { "aria-expanded": String(railShown.value) } })}
      <span class="brand-name">Modelyard</span>
      ${ServerDot()}
    </header>
    ${railShown.value ? html`<div class="rail-shade" onClick=${() => (railShown.value = false)}></div>` : null}
    <nav class=${`rail ${railShown.value ? "rail-shown" : ""}`} aria-label=${t("common.navigation")}>
      <a class="brand" href=${href("chat")}>${Mark()}<span class="brand-name">Modelyard</span></a>
      <button type="button" class="rail-search" onClick=${() => (paletteShown.value = true)}>${Icon({ name: "search" })}<span>${t("common.search")}</span><kbd>Ctrl K</kbd></button>
      <ul class="rail-pages">
        ${pages.map(
          (page) => html`<li><a class="rail-page" href=${href(page.name)} aria-current=${page.name === active ? "page" : undefined}>${Icon({ name: page.icon, size: 18 })}<span>${t(`common.page_${page.name}`)}</span></a></li>`,
        )}
      </ul>
      <div class="rail-foot">${Machine()} ${ServerDot()} ${Who()}</div>
    </nav>`;
}

/** The sign of Modelyard. */
export function Mark() {
  return html`<svg class="mark" width="26" height="26" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" /><path d="M7 23V10.5l5.2 6.3 3.8-4.6 3.8 4.6 5.2-6.3V23" /></svg>`;
}

function ServerDot() {
  const { state } = connection.value;
  const text = state === "open" ? t("common.connected") : state === "broken" ? t("common.reconnecting") : t("common.connecting");
  return html`<p class=${`server-dot server-${state}`} role="status"><span class="dot" aria-hidden="true"></span>${text}</p>`;
}

/** Memory in use of each device. */
function Machine() {
  const devices = gauges.value?.devices ?? [];
  if (!known.value || !devices.length) return null;
  return html`<div class="machine">
    ${devices.map((/** @type {any} */ device) => {
      const used = device.memory_total - device.memory_free;
      const share = used / device.memory_total;
      const name = device.name === "cpu" ? t("common.memory") : device.title || device.name;
      const kind = share > 0.95 ? "danger" : share > 0.85 ? "warn" : undefined;
      return html`<div class="machine-device" title=${`${bytes(used)} / ${bytes(device.memory_total)}`}>
        <span>${name}</span><span class="muted">${percent(share)}</span>${Bar({ value: used, max: device.memory_total, label: name, kind })}
      </div>`;
    })}
  </div>`;
}

function Who() {
  const user = me.value;
  if (!user) return null;
  const open = user.id === "";
  return html`<div class="who">
    ${Icon({ name: "user" })}<span class="who-name" title=${open ? t("common.open_server_hint") : undefined}>${open ? t("common.open_server") : (user.username ?? user.name)}</span>
    ${user.session && !open ? Button({ icon: "logout", kind: "quiet", size: "small", title: t("common.logout"), onClick: () => void endSession() }) : null}
  </div>`;
}
