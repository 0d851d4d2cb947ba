// The pages, in the order of the navigation. A page is a module whose default export is its component, with texts and styles of its own.

/**
 * @typedef {object} Page
 * @property {string} name as in the address
 * @property {string} area of its texts: text/LANGUAGE/AREA.js; its title is the text `AREA.title`
 * @property {string} icon
 * @property {string | null} scope what one needs to see it at all
 * @property {string | null} key the letter after `g`; null for a page outside of the navigation
 * @property {string | null} styles a style sheet, loaded before the page is drawn
 * @property {() => Promise<{ default: import("preact").ComponentType<any> }>} load
 */

/** @type {Page[]} */
export const PAGES = [
  { name: "chat", area: "chat", icon: "message", scope: "models:read", key: "c", styles: "pages/chat/chat.css", load: () => import("../pages/chat/index.js") },
  { name: "compare", area: "chat", icon: "columns", scope: "models:read", key: null, styles: "pages/chat/chat.css", load: () => import("../pages/compare/index.js") },
  { name: "models", area: "models", icon: "box", scope: "models:list", key: "m", styles: "pages/models/models.css", load: () => import("../pages/models/index.js") },
  { name: "knowledge", area: "knowledge", icon: "book", scope: "knowledge:read", key: "k", styles: "pages/knowledge/knowledge.css", load: () => import("../pages/knowledge/index.js") },
  // The page for training stands here: icon "sliders", scope "models:write", key "t".
  { name: "jobs", area: "jobs", icon: "list", scope: null, key: "j", styles: "pages/jobs/jobs.css", load: () => import("../pages/jobs/index.js") },
  { name: "operations", area: "operations", icon: "activity", scope: null, key: "o", styles: "pages/operations/operations.css", load: () => import("../pages/operations/index.js") },
  { name: "access", area: "access", icon: "key", scope: null, key: "a", styles: "pages/access/access.css", load: () => import("../pages/access/index.js") },
  { name: "settings", area: "settings", icon: "settings", scope: null, key: "s", styles: "pages/settings/settings.css", load: () => import("../pages/settings/index.js") },
];

/** @param {string} name */
export function pageOf(name) {
  return PAGES.find((page) => page.name === name);
}

/** @type {Map<string, Promise<void>>} */
const sheets = new Map();

/** Load a style sheet once; a sheet that cannot be loaded does not keep the page from being shown. @param {string} path below the folder of the page's files */
export function loadStyles(path) {
  const found = sheets.get(path);
  if (found) return found;
  const loading = new Promise((/** @type {(value: void) => void} */ resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL(`../${path}`, import.meta.url).href;
    link.onload = link.onerror = () => resolve();
    document.head.append(link);
  });
  sheets.set(path, loading);
  return loading;
}
