// The address after `#` says what is shown: `#/models/qwen3/logs?lines=200` is the page `models` with two parts and a query.
import { signal } from "./html.js";

/** @typedef {{ page: string, parts: string[], query: Record<string, string> }} Route */

/** @param {string} hash @returns {Route} */
function parse(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page, ...parts] = path.split("/").filter(Boolean).map(decode);
  return { page: page ?? "", parts, query: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** What the address says. @type {import("@preact/signals").Signal<Route>} */
export const route = signal(parse(location.hash));
let address = location.hash;
/** Asks whether the place may be left, where something would be lost. @type {(() => Promise<boolean>) | null} */
let guard = null;

addEventListener("hashchange", () => {
  const target = location.hash;
  const next = parse(target);
  if (guard && (next.page !== route.value.page || next.parts.join("/") !== route.value.parts.join("/"))) {
    history.replaceState(null, "", address);
    void mayLeave().then((leave) => leave && (location.hash = target));
    return;
  }
  address = target;
  route.value = next;
});
addEventListener("beforeunload", (event) => guard && event.preventDefault());

/** Ask before the place is left, until the function that is returned is called. @param {() => Promise<boolean>} ask */
export function guardLeaving(ask) {
  guard = ask;
  return () => {
    if (guard === ask) guard = null;
  };
}

/** Whether nothing would be lost, or may be. */
export async function mayLeave() {
  if (!guard) return true;
  const leave = await guard();
  if (leave) guard = null;
  return leave;
}

/**
 * The address of a place in the page. `path` is a list whose parts are encoded, or a text that already is.
 * @param {string | string[]} path @param {Record<string, string | number | boolean | null | undefined>} [query] empty values are left out
 */
export function href(path, query) {
  const place = Array.isArray(path) ? path.map(encodeURIComponent).join("/") : path;
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  const search = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return `#/${place}${search ? `?${search}` : ""}`;
}

/** Go to a place. @param {string | string[]} path @param {Record<string, string | number | boolean | null | undefined>} [query] @param {{ replace?: boolean }} [options] */
export function go(path, query, options) {
  const target = href(path, query);
  if (target === location.hash) return;
  if (options?.replace) {
    history.replaceState(null, "", target);
    address = target;
    route.value = parse(target);
  } else {
    location.hash = target;
  }
}

/** Change the query of the present place without a step in the history. @param {Record<string, string | number | boolean | null | undefined>} changes */
export function setQuery(changes) {
  const { page, parts, query } = route.value;
  go([page, ...parts], { ...query, ...changes }, { replace: true });
}
