// What changes on the server, from its one stream of events. Pages read these signals; no page polls.
import { batch, computed, signal } from "./html.js";
import { follow } from "./stream.js";

/** @template T @typedef {import("@preact/signals").Signal<T>} Signal */

/** "starting", "open", or "broken", with the time at which the next attempt is made. @type {Signal<{ state: "starting" | "open" | "broken", retryAt: number }>} */
export const connection = signal({ state: "starting", retryAt: 0 });
/** Whether the first snapshot has come. */
export const known = signal(false);
/** Models and adapters by id. @type {Signal<Map<string, any>>} */
export const models = signal(new Map());
/** Replicas by model. @type {Signal<Map<string, any[]>>} */
export const replicas = signal(new Map());
/** Progress of launches by model. @type {Signal<Map<string, any>>} */
export const progress = signal(new Map());
/** Downloads by uid. @type {Signal<Map<string, any>>} */
export const downloads = signal(new Map());
/** Jobs by id: the newest hundred, and those that have changed since. @type {Signal<Map<string, any>>} */
export const jobs = signal(new Map());
/** Requests in flight, memory by device, figures by model and replica; null without `monitor:view`. @type {Signal<any>} */
export const gauges = signal(null);
/** The newest event of a model: `{model_uid, event}`. @type {Signal<any>} */
export const modelEvent = signal(null);
/** Models that answer chats, by name. @type {import("@preact/signals").ReadonlySignal<any[]>} */
export const chatModels = computed(() => [...models.value.values()].filter((model) => model.is_chat));

/** @type {Set<(type: string, data: any, at: number) => void>} */
const listeners = new Set();

/** Call a function for each event; returns what ends it. @param {(type: string, data: any, at: number) => void} listener */
export function onServerEvent(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Jobs, and downloads, that are kept. */
const MOST_KEPT = 500;
const GOING = new Set(["queued", "running", "waiting", "paused"]);

/** @template T @param {Signal<Map<string, T>>} target @param {string} id @param {T} value */
function put(target, id, value) {
  target.value = new Map(target.value).set(id, value);
}

/** Put a job or download, and let go of the oldest ones that have ended. @param {Signal<Map<string, any>>} target @param {string} id @param {any} value */
function putNewest(target, id, value) {
  const next = new Map(target.value).set(id, value);
  for (const [oldest, { state, status }] of next) {
    if (next.size <= MOST_KEPT) break;
    if (!GOING.has(state ?? status)) next.delete(oldest);
  }
  target.value = next;
}

/** @param {Signal<Map<string, any>>} target @param {string} id */
function remove(target, id) {
  const next = new Map(target.value);
  next.delete(id);
  target.value = next;
}

/** @param {any} data */
function takeSnapshot(data) {
  batch(() => {
    models.value = new Map((data.models ?? []).map((/** @type {any} */ each) => [each.id, each]));
    replicas.value = new Map((data.replicas ?? []).map((/** @type {any} */ each) => [each.model_uid, each.replicas]));
    progress.value = new Map((data.progress ?? []).map((/** @type {any} */ each) => [each.model_uid, each.progress]));
    downloads.value = new Map((data.downloads ?? []).map((/** @type {any} */ each) => [each.uid, each]));
    jobs.value = new Map((data.jobs ?? []).toReversed().map((/** @type {any} */ each) => [each.id, each]));
    gauges.value = data.gauges ?? null;
    known.value = true;
  });
}

/** @type {Record<string, (data: any) => void>} */
const takers = {
  snapshot: takeSnapshot,
  model: (data) => put(models, data.id, data),
  model_removed: (data) => {
    batch(() => [models, replicas, progress].forEach((each) => remove(/** @type {any} */ (each), data.id)));
  },
  replicas: (data) => put(replicas, data.model_uid, data.replicas),
  progress: (data) => put(progress, data.model_uid, data.progress),
  model_event: (data) => (modelEvent.value = data),
  download: (data) => putNewest(downloads, data.uid, data),
  download_removed: (data) => remove(downloads, data.id),
  job: (data) => putNewest(jobs, data.id, data),
  job_removed: (data) => remove(jobs, data.id),
  gauges: (data) => (gauges.value = data),
};

let following = new AbortController();

/** Begin the stream of events anew, as when somebody else uses the page. */
export function followAnew() {
  following.abort();
}

/** Follow the server's events until the page is closed. */
export async function followServer() {
  for (;;) {
    following = new AbortController();
    try {
      await follow("v1/events", { signal: following.signal, onConnection: setConnection }, ({ type, data }) => {
        takers[type]?.(data.data);
        for (const listener of listeners) listener(type, data.data, data.at);
      });
    } catch {
      setConnection("broken", 5);
      await new Promise((resolve) => setTimeout(resolve, 5000));
    }
  }
}

/** @param {"open" | "broken"} state @param {number} wait seconds */
function setConnection(state, wait) {
  connection.value = { state, retryAt: Date.now() + wait * 1000 };
}
