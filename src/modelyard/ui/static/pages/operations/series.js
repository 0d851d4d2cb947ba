// Figures over time as the server sends them: loaded once, and continued by its stream.
import { signal, useEffect, useMemo } from "../../lib/html.js";
import { follow } from "../../lib/stream.js";

/** @typedef {import("../../../types/api").FigureSeries} FigureSeries */
/** @typedef {{ since: number, step: number, steps: number, data: FigureSeries[] }} SeriesNews */
/** @typedef {{ version: number, times: number[], step: number, series: FigureSeries[] }} SeriesView what a page draws */

/** Figures of which nothing happened when they are absent; of the others nothing is known then. */
const COUNTED = new Set(["requests", "errors", "tokens_in", "tokens_out", "tokens_cached", "prefix_queries", "prefix_hits", "in_flight"]);

/** Seconds that are shown, with the seconds of a step, by the name in the address. @type {Record<string, { seconds: number, step: number }>} */
export const RANGES = {
  "15m": { seconds: 900, step: 5 },
  "1h": { seconds: 3600, step: 10 },
  "6h": { seconds: 21_600, step: 30 },
  "24h": { seconds: 86_400, step: 90 },
};

/** @param {FigureSeries} each */
const keyOf = (each) => [each.name, each.model, each.replica, each.device, each.quantile].join("\n");

/** Series that grow at their end and are cut at their beginning. */
export class SeriesStore {
  /** @param {number} seconds that are kept */
  constructor(seconds) {
    this.seconds = seconds;
    this.since = 0;
    this.step = 1;
    this.steps = 0;
    /** @type {Map<string, FigureSeries>} */
    this.series = new Map();
  }

  /** Whether steps come right behind those that are there; they do not after a long interruption. @param {SeriesNews} news */
  continues(news) {
    return news.step === this.step && Math.abs(news.since - this.since - this.steps * this.step) < this.step / 2;
  }

  /** @param {SeriesNews} news further steps; where they leave a gap, all begins anew with them */
  add(news) {
    if (!this.steps || !this.continues(news)) {
      [this.since, this.step, this.steps] = [news.since, news.step, 0];
      this.series.clear();
    }
    for (const each of news.data) {
      const key = keyOf(each);
      const before = this.series.get(key)?.values ?? this.absent(each.name, this.steps);
      this.series.set(key, { ...each, values: [...before, ...each.values] });
    }
    this.steps += news.steps;
    for (const [key, each] of this.series) {
      const lacking = this.steps - each.values.length;
      if (lacking) this.series.set(key, { ...each, values: [...each.values, ...this.absent(each.name, lacking)] });
    }
    this.cut();
  }

  /** Forget what is older than the range. */
  cut() {
    const extra = this.steps - Math.ceil(this.seconds / this.step);
    if (extra <= 0) return;
    this.steps -= extra;
    this.since += extra * this.step;
    for (const [key, each] of this.series) {
      const values = each.values.slice(extra);
      if (values.some((value) => value !== null)) this.series.set(key, { ...each, values });
      else this.series.delete(key);
    }
  }

  /** @param {string} name @param {number} count @returns {(number | null)[]} */
  absent(name, count) {
    return new Array(count).fill(COUNTED.has(name) ? 0 : null);
  }

  /** @param {number} version @returns {SeriesView} */
  view(version) {
    const times = Array.from({ length: this.steps }, (_, index) => this.since + index * this.step);
    return { version, times, step: this.step, series: [...this.series.values()] };
  }
}

/**
 * Follow figures while a component is shown.
 * @param {{ names?: string[], by: string, model?: string, seconds: number, step: number }} selection
 * @param {import("@preact/signals").Signal<boolean>} paused while it is true, what is drawn stays
 */
export function useSeries(selection, paused) {
  const inputs = JSON.stringify(selection);
  const state = useMemo(
    () => ({ view: signal(/** @type {SeriesView | null} */ (null)), error: signal(/** @type {any} */ (null)), attempt: signal(0) }),
    [inputs],
  );
  useEffect(() => {
    const { names, by, model, seconds, step } = selection;
    const ending = new AbortController();
    const store = new SeriesStore(seconds);
    let version = 0;
    state.error.value = null;
    const query = { follow: true, by, step, name: names, model, since: seconds > 900 ? Math.floor(Date.now() / 1000 - seconds) : undefined };
    follow("v1/metrics/series", { query, signal: ending.signal }, ({ type, data }) => {
      if (type !== "series") return;
      store.add(data);
      if (!paused.value || !version) state.view.value = store.view(++version);
    }).catch((error) => (state.error.value = error));
    const resumed = paused.subscribe((now) => {
      if (!now && version) state.view.value = store.view(++version);
    });
    return () => {
      ending.abort();
      resumed();
    };
  }, [state, state.attempt.value]);
  return state;
}

/** Values of one figure, per second where it counts. @param {SeriesView} view @param {string} name @param {(each: FigureSeries) => boolean} [filter] */
export function seriesOf(view, name, filter) {
  return view.series.filter((each) => each.name === name && (filter?.(each) ?? true));
}

/** @param {(number | null)[]} values @param {number} step */
export const perSecond = (values, step) => values.map((value) => (value === null ? null : value / step));

/** The newest value that is known, of the last steps. @param {FigureSeries | undefined} each @param {number} [steps] */
export function newest(each, steps = 12) {
  const known = each?.values.slice(-steps).filter((value) => value !== null) ?? [];
  return known.length ? /** @type {number} */ (known[known.length - 1]) : null;
}

/** The mean of the last steps per second; null if nothing is known. @param {FigureSeries[]} all @param {number} step @param {number} seconds */
export function rate(all, step, seconds) {
  const count = Math.max(1, Math.round(seconds / step));
  const sum = all.reduce((total, each) => total + each.values.slice(-count).reduce((/** @type {number} */ part, value) => part + (value ?? 0), 0), 0);
  return sum / (count * step);
}
