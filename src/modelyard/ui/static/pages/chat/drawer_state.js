// Whether the drawer is open, and what it shows. The drawer itself is loaded when it is first opened.
import { signal } from "../../lib/html.js";

/** @typedef {"sources" | "parameters" | "request"} DrawerTab */

/** What the drawer shows; null when it is closed. @type {import("@preact/signals").Signal<{ tab: DrawerTab, message?: string, number?: number } | null>} */
export const drawer = signal(null);

/** @param {DrawerTab} tab */
export function toggleDrawer(tab) {
  drawer.value = drawer.value?.tab === tab ? null : { ...drawer.value, tab };
}
