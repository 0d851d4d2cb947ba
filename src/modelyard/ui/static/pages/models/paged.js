// A list that is loaded page by page, by cursor.
import { signal } from "../../lib/html.js";

/**
 * @param {(cursor: string | undefined, signal: AbortSignal) => Promise<{ data: any[], total?: number | null, has_more: boolean, next_cursor: string | null, failures?: any[] }>} load
 */
export function paged(load) {
  const state = signal({ rows: /** @type {any[]} */ ([]), total: /** @type {number | null} */ (null), loading: false, complete: false, error: /** @type {any} */ (null), failures: /** @type {any[]} */ ([]) });
  const aborting = new AbortController();
  /** @type {string | undefined} */
  let cursor;
  async function more() {
    if (state.value.loading || state.value.complete) return;
    state.value = { ...state.value, loading: true, error: null };
    try {
      const page = await load(cursor, aborting.signal);
      if (aborting.signal.aborted) return;
      cursor = page.next_cursor ?? undefined;
      state.value = { rows: [...state.value.rows, ...page.data], total: page.total ?? null, loading: false, complete: !page.has_more, error: null, failures: page.failures ?? [] };
    } catch (error) {
      if (!aborting.signal.aborted) state.value = { ...state.value, loading: false, error };
    }
  }
  return { state, more, abort: () => aborting.abort() };
}
