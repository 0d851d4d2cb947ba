// The rows of a table of documents: read page by page with a cursor, and read again while a job works on them.
import { get } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { signal } from "../../lib/html.js";

/** @typedef {import("./data.js").Doc} Doc */

const PAGE = 300;
const REFRESHED = 600;

/** Documents of a base that a filter leaves. @param {string} base @param {{ contains?: string, state?: string }} filter */
export function documentList(base, filter) {
  const rows = signal(/** @type {Doc[] | null} */ (null));
  const total = signal(0);
  const more = signal(false);
  const error = signal(/** @type {any} */ (null));
  let next = /** @type {string | null} */ (null);
  let running = new AbortController();
  let loading = false;

  /** @param {Record<string, any>} query @param {(page: any) => void} take */
  async function read(query, take) {
    running.abort();
    const own = (running = new AbortController());
    try {
      const page = await get(inBase(base, "documents"), { ...filter, ...query }, own.signal);
      if (own.signal.aborted) return;
      take(page);
      total.value = page.total;
      error.value = null;
    } catch (reason) {
      if (!own.signal.aborted) error.value = reason;
    }
  }

  /** @param {number} limit */
  const reload = (limit) =>
    read({ limit }, (page) => {
      rows.value = page.data;
      next = page.next;
      more.value = page.has_more;
    });

  return {
    rows,
    total,
    more,
    error,
    /** Read what is shown again. */
    reload: () => reload(Math.min(10_000, Math.max(PAGE, rows.value?.length ?? 0))),
    /** Read the first rows again, or all when a job has ended. @param {boolean} whole */
    refresh: (whole) => {
      const shown = rows.value?.length ?? 0;
      if (whole || shown <= REFRESHED) return reload(Math.min(10_000, Math.max(PAGE, shown)));
      return read({ limit: REFRESHED }, (page) => {
        const fresh = new Map(page.data.map((/** @type {Doc} */ doc) => [doc.id, doc]));
        rows.value = (rows.value ?? []).map((doc) => fresh.get(doc.id) ?? doc);
      });
    },
    /** Read the next page. */
    loadMore: async () => {
      if (loading || !more.value || next === null) return;
      loading = true;
      await read({ limit: PAGE, after: next }, (page) => {
        rows.value = [...(rows.value ?? []), ...page.data];
        next = page.next;
        more.value = page.has_more;
      });
      loading = false;
    },
    filter,
    abort: () => running.abort(),
  };
}
