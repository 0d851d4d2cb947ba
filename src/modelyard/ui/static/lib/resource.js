// Something that is loaded: its data, its error, and whether it is loading.
import { connection } from "./events.js";
import { signal, useEffect, useMemo } from "./html.js";

/**
 * @template T
 * @typedef {object} Resource
 * @property {import("@preact/signals").Signal<T | undefined>} data the newest data; stays while it is loaded again
 * @property {import("@preact/signals").Signal<any>} error null, or why the newest attempt failed
 * @property {import("@preact/signals").Signal<boolean>} loading
 * @property {() => Promise<void>} reload load again; an older load that is under way is aborted
 * @property {() => void} abort
 */

/** @template T @param {(signal: AbortSignal) => Promise<T>} load @returns {Resource<T>} */
export function resource(load) {
  const data = signal(/** @type {T | undefined} */ (undefined));
  const error = signal(/** @type {any} */ (null));
  const loading = signal(false);
  let running = new AbortController();
  async function reload() {
    running.abort();
    const own = (running = new AbortController());
    loading.value = true;
    try {
      const found = await load(own.signal);
      if (own.signal.aborted) return;
      data.value = found;
      error.value = null;
    } catch (reason) {
      if (own.signal.aborted) return;
      error.value = reason;
    }
    loading.value = false;
  }
  return { data, error, loading, reload, abort: () => running.abort() };
}

/** A resource of a component: loaded when it appears and whenever `inputs` change. @template T @param {(signal: AbortSignal) => Promise<T>} load @param {any[]} inputs @returns {Resource<T>} */
export function useResource(load, inputs) {
  const made = useMemo(() => resource(load), inputs);
  useEffect(() => {
    made.reload();
    return made.abort;
  }, [made]);
  const { state } = connection.value;
  useEffect(() => {
    if (state === "open" && made.error.value?.status === 0) void made.reload(); // the server has come back
  }, [made, state]);
  return made;
}
