// Numbers, sizes, times as people of the page's language write them.
import { signal } from "./html.js";
import { language, t } from "./i18n.js";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** The present minute, so that "2 minutes ago" stays true without a timer of its own in every row. */
export const minute = signal(Date.now());
setInterval(() => {
  if (!document.hidden) minute.value = Date.now();
}, 30_000);

/** 12,345.6. @param {number | null | undefined} value @param {number} [digits] digits after the point at most */
export function number(value, digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return new Intl.NumberFormat(language.value, { maximumFractionDigits: digits }).format(value);
}

/** 12.3k, for places with little room. @param {number | null | undefined} value */
export function compact(value) {
  if (value === null || value === undefined) return "–";
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** 1.5 GB, in powers of 1000 as disks and this server's messages count. @param {number | null | undefined} value */
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  let [amount, unit] = [value, 0];
  while (Math.abs(amount) >= 999.5 && unit < UNITS.length - 1) [amount, unit] = [amount / 1000, unit + 1];
  const digits = unit === 0 || Math.abs(amount) >= 100 ? 0 : 1;
  return `${number(amount, digits)} ${UNITS[unit]}`;
}

/** 42 %. @param {number | null | undefined} share between 0 and 1 @param {number} [digits] */
export function percent(share, digits = 0) {
  if (share === null || share === undefined || Number.isNaN(share)) return "–";
  return new Intl.NumberFormat(language.value, { style: "percent", maximumFractionDigits: digits }).format(share);
}

/** 340 ms, 1.2 s, 3 min 20 s, 2 h 5 min. @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 1) return `${number(seconds * 1000)} ms`;
  if (seconds < 60) return `${number(seconds, seconds < 10 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60 ? `${whole % 60} s` : ""}`.trim();
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.round((whole % 86_400) / 3600)} h`;
}

/** A Unix time in seconds, or an ISO text, as a Date. @param {number | string} at */
export function date(at) {
  return new Date(typeof at === "number" ? at * 1000 : at);
}

/** "3 minutes ago", and the date for what is older than a week. @param {number | string | null | undefined} at */
export function ago(at) {
  if (at === null || at === undefined) return "–";
  const seconds = (Math.max(minute.value, Date.now()) - date(at).getTime()) / 1000;
  if (seconds < 45) return t("common.now");
  const relative = new Intl.RelativeTimeFormat(language.value, { numeric: "auto" });
  if (seconds < 3600) return relative.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86_400) return relative.format(-Math.round(seconds / 3600), "hour");
  if (seconds < 7 * 86_400) return relative.format(-Math.round(seconds / 86_400), "day");
  return new Intl.DateTimeFormat(language.value, { dateStyle: "medium" }).format(date(at));
}

/** Date and time. @param {number | string | null | undefined} at */
export function moment(at) {
  if (at === null || at === undefined) return "–";
  return new Intl.DateTimeFormat(language.value, { dateStyle: "medium", timeStyle: "medium" }).format(date(at));
}

/** Time of the day with seconds. @param {number | string} at */
export function clock(at) {
  return new Intl.DateTimeFormat(language.value, { timeStyle: "medium" }).format(date(at));
}
