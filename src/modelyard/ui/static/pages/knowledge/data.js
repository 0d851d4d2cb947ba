// What the page asks of the server about knowledge bases, and which of the server's jobs concern a base.
import { get, post } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { jobs, onServerEvent } from "../../lib/events.js";
import { computed, useEffect, useRef } from "../../lib/html.js";

/** @typedef {import("../../../types/api").BaseInfo} Base */
/** @typedef {import("../../../types/api").DocumentInfo} Doc */
/** @typedef {import("../../../types/api").ChunkInfo} Chunk */
/** @typedef {import("../../../types/api").JobInfo} Job */

export const UNFINISHED = new Set(["queued", "running", "waiting", "paused"]);

/** Jobs of a base, newest first. @param {string} base @returns {Job[]} */
export function jobsOf(base) {
  return [...jobs.value.values()]
    .filter((job) => job.parameters?.base === base)
    .sort((one, other) => other.created_at - one.created_at);
}

/** Those that are not finished. @param {string} base */
export const runningJobs = (base) => jobsOf(base).filter((job) => UNFINISHED.has(job.state));

/** Seconds until a job is done at its present pace, or null. @param {Job} job */
export function secondsLeft(job) {
  const { done, total } = job.progress;
  if (job.state !== "running" || !job.started_at || !total || done < 3) return null;
  return ((Date.now() / 1000 - job.started_at) * (total - done)) / done;
}

const PAUSE = 1200;

/**
 * Call a function when jobs of a base move: at once, then with a pause that grows with the time that the call takes.
 * @param {string | null} base null for any base @param {(job: Job) => Promise<any> | void} changed @param {string} [kind] only of this kind
 */
export function useJobChanges(base, changed, kind) {
  const latest = useRef(changed);
  latest.current = changed;
  useEffect(() => {
    let [timer, busy] = [0, false];
    /** @type {Job | null} */
    let again = null;
    const run = async (/** @type {Job} */ job) => {
      busy = true;
      const began = performance.now();
      await latest.current(job);
      const took = performance.now() - began;
      timer = window.setTimeout(() => {
        busy = false;
        const next = again;
        again = null;
        if (next) void run(next);
      }, PAUSE + 4 * took);
    };
    const concerns = (/** @type {Job} */ job) => job.parameters?.base && (base === null || job.parameters.base === base) && (!kind || job.kind === kind);
    const stop = onServerEvent((type, data) => {
      // a snapshot comes when the page was cut off: what happened meanwhile is in it
      const job = type === "job" ? data : type === "snapshot" ? data.jobs?.find(concerns) : null;
      if (!job || !concerns(job)) return;
      if (busy) again = again && !UNFINISHED.has(again.state) ? again : job;
      else void run(job);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [base, kind]);
}

/** The bases of the server, in one list. @param {AbortSignal} [signal] @returns {Promise<Base[]>} */
export async function allBases(signal) {
  return (await get("v1/knowledge_bases", undefined, signal)).data;
}

/** All documents that a filter leaves, up to `most`, for actions on all. @param {string} base @param {{ contains?: string, state?: string }} filter @param {number} [most] @returns {Promise<Doc[]>} */
export async function allDocuments(base, filter, most = 10_000) {
  return (await get(inBase(base, "documents"), { ...filter, limit: most })).data;
}

/** Names in portions that one request takes, one after the other. @param {string} base @param {string} action @param {string[]} names @param {Record<string, any>} [more] */
export async function eachPortion(base, action, names, more) {
  const answers = [];
  for (let start = 0; start < names.length; start += 10_000) {
    answers.push(await post(inBase(base, "documents", action), { names: names.slice(start, start + 10_000), ...more }));
  }
  return answers;
}

/** Whether any job of the page's base runs, for the dot in lists. */
export const busyBases = computed(() => {
  const found = new Set();
  for (const job of jobs.value.values()) if (UNFINISHED.has(job.state) && job.parameters?.base) found.add(job.parameters.base);
  return found;
});
