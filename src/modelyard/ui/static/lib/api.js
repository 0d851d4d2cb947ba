// Requests to this server. A request that is refused because the login has ended waits for the next login and is sent again.
import { signal } from "./html.js";

/** The server's root, which is one above the page, so that a prefix of a proxy is kept. */
export const ROOT = new URL("../", document.baseURI);

/** @typedef {Record<string, string | number | boolean | null | undefined | string[]>} Query */

/** An error answer of the server, or no answer at all (`status` 0). */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {{ requestId?: string, body?: any, retryAfter?: number }} [more] */
  constructor(status, code, message, more) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.requestId = more?.requestId ?? "";
    this.body = more?.body;
    /** Seconds after which it is worth trying again. */
    this.retryAfter = more?.retryAfter;
    /** The scope that the caller lacks, of a 403. */
    this.scope = status === 403 ? (/[`'"]?([a-z]+:[a-z]+|admin)[`'"]?/.exec(message)?.[1] ?? "") : "";
  }
}

/** Whether the page waits for a login. */
export const loginNeeded = signal(false);
/** @type {(() => void)[]} */
let waiting = [];

/** Called when a login has succeeded: requests that waited for it are sent again. */
export function loggedIn() {
  loginNeeded.value = false;
  const resumed = waiting;
  waiting = [];
  for (const resume of resumed) resume();
}

/** Wait until somebody has logged in. @returns {Promise<void>} */
function login() {
  loginNeeded.value = true;
  return new Promise((resolve) => waiting.push(resolve));
}

/** The address of a path below the server's root. @param {string} path without a leading slash @param {Query} [query] */
export function url(path, query) {
  const address = new URL(path, ROOT);
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== null && each !== undefined && each !== "") address.searchParams.append(name, String(each));
    }
  }
  return address.href;
}

/** Parts of a path, encoded: path`v1/models/${uid}/logs`. @param {TemplateStringsArray} strings @param {...(string | number)} values */
export function path(strings, ...values) {
  return String.raw({ raw: strings }, ...values.map((value) => encodeURIComponent(value)));
}

/** Send a request, and return the answer if it is no error. @param {string} target @param {RequestInit} [init] @param {{ login?: boolean }} [options] @returns {Promise<Response>} */
export async function request(target, init, options) {
  for (;;) {
    let answer;
    try {
      answer = await fetch(target, { credentials: "same-origin", ...init });
    } catch (error) {
      if (init?.signal?.aborted) throw error;
      throw new ApiError(0, "unreachable", "The server does not answer.");
    }
    if (answer.ok) return answer;
    if (answer.status === 401 && options?.login !== false) {
      await login();
      continue;
    }
    throw await errorOf(answer);
  }
}

/** @param {Response} answer */
async function errorOf(answer) {
  const requestId = answer.headers.get("x-request-id") ?? "";
  const retryAfter = Number(answer.headers.get("retry-after")) || undefined;
  const text = await answer.text().catch(() => "");
  try {
    const body = JSON.parse(text);
    const { code, message } = body.error ?? {};
    return new ApiError(answer.status, code ?? "", message ?? body.detail ?? text, { requestId, body, retryAfter });
  } catch {
    return new ApiError(answer.status, "", text.slice(0, 300) || `HTTP ${answer.status}`, { requestId, retryAfter });
  }
}

/** @param {Response} answer @returns {Promise<any>} */
async function decoded(answer) {
  if (answer.status === 204) return null;
  return answer.headers.get("content-type")?.includes("json") ? answer.json() : answer.text();
}

/** @param {string} method @param {string} target @param {Query} [query] @param {any} [body] @param {AbortSignal} [signal] */
async function send(method, target, query, body, signal) {
  const headers = body === undefined ? undefined : { "content-type": "application/json" };
  const text = body === undefined ? undefined : JSON.stringify(body);
  return decoded(await request(url(target, query), { method, headers, body: text, signal }));
}

/** @param {string} target @param {Query} [query] @param {AbortSignal} [signal] @returns {Promise<any>} */
export const get = (target, query, signal) => send("GET", target, query, undefined, signal);
/** @param {string} target @param {any} [body] @param {AbortSignal} [signal] @returns {Promise<any>} */
export const post = (target, body, signal) => send("POST", target, undefined, body, signal);
/** @param {string} target @param {any} body @returns {Promise<any>} */
export const patch = (target, body) => send("PATCH", target, undefined, body);
/** @param {string} target @param {any} body @returns {Promise<any>} */
export const put = (target, body) => send("PUT", target, undefined, body);
/** @param {string} target @param {Query} [query] @returns {Promise<any>} */
export const del = (target, query) => send("DELETE", target, query);

/**
 * Send a form with files, with its progress, which fetch does not tell.
 * @param {string} target @param {FormData} form
 * @param {{ query?: Query, signal?: AbortSignal, onProgress?: (sent: number, total: number) => void }} [options] @returns {Promise<any>}
 */
export function upload(target, form, options) {
  return new Promise((resolve, reject) => {
    if (options?.signal?.aborted) return reject(new DOMException("The upload was cancelled.", "AbortError"));
    const sending = new XMLHttpRequest();
    sending.open("POST", url(target, options?.query));
    sending.upload.onprogress = (event) => options?.onProgress?.(event.loaded, event.total);
    sending.onerror = () => reject(new ApiError(0, "unreachable", "The server does not answer."));
    sending.onabort = () => reject(new DOMException("The upload was cancelled.", "AbortError"));
    sending.onload = async () => {
      const headers = { "content-type": sending.getResponseHeader("content-type") ?? "", "x-request-id": sending.getResponseHeader("x-request-id") ?? "" };
      const answer = new Response(sending.status === 204 ? null : sending.responseText, { status: sending.status, headers });
      if (answer.ok) resolve(await decoded(answer));
      else if (answer.status === 401) login().then(() => upload(target, form, options)).then(resolve, reject);
      else reject(await errorOf(answer));
    };
    options?.signal?.addEventListener("abort", () => sending.abort());
    sending.send(form);
  });
}
