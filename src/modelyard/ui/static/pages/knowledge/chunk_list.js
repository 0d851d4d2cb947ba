// The chunks of a document, read page by page, and the changes of them that can be undone.
import { del, get, patch, post } from "../../lib/api.js";
import { inBase } from "../../lib/bases.js";
import { signal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { complain, say } from "../../parts/toast.js";

/** @typedef {import("./data.js").Chunk} Chunk */
/** @typedef {() => Promise<number | null>} Undo takes a change back; the id of the chunk that then stands there, or null */

const PAGE = 200;

/** @param {string} base @param {number} document id @param {boolean} embedded whether chunks have vectors */
export function chunkList(base, document, embedded) {
  const rows = signal(/** @type {Chunk[] | null} */ (null));
  const total = signal(0);
  const complete = signal(false);
  const error = signal(/** @type {any} */ (null));
  const busy = signal(false);
  const changes = signal(0);
  /** @type {import("@preact/signals").Signal<Undo[]>} */
  const undos = signal([]);
  let next = /** @type {string | null} */ (null);

  const place = inBase(base, "documents", document, "chunks");
  const one = (/** @type {number} */ id) => inBase(base, "chunks", id);
  const read = async (/** @type {Record<string, any>} */ query, /** @type {Chunk[]} */ before) => {
    try {
      const page = await get(place, query);
      rows.value = [...before, ...page.data];
      total.value = page.total;
      next = page.next;
      complete.value = !page.has_more;
      error.value = null;
    } catch (reason) {
      error.value = reason;
    }
  };
  const reload = () => read({ limit: Math.min(10_000, Math.max(PAGE, rows.value?.length ?? 0)) }, []);

  /** Make a change, and remember how it is taken back. @param {string} done @param {() => Promise<{ id: number | null, undo: Undo }>} work @returns {Promise<number | null>} */
  async function change(done, work) {
    busy.value = true;
    try {
      const { id, undo } = await work();
      undos.value = [...undos.value, undo];
      changes.value += 1;
      await reload();
      say(done, { label: t("knowledge.undo"), run: () => void takeBack(undo) });
      return id;
    } catch (reason) {
      complain(reason);
      return null;
    } finally {
      busy.value = false;
    }
  }

  /** @param {Undo} [undo] the last one if left out */
  async function takeBack(undo = undos.value.at(-1)) {
    if (!undo || !undos.value.includes(undo)) return null;
    undos.value = undos.value.filter((each) => each !== undo);
    busy.value = true;
    try {
      const id = await undo();
      changes.value += 1;
      await reload();
      say(t("knowledge.undone"));
      return id;
    } catch (reason) {
      complain(reason);
      return null;
    } finally {
      busy.value = false;
    }
  }

  const edit = async (/** @type {number} */ id, /** @type {string} */ text) => /** @type {Chunk} */ (await patch(one(id), { text }));
  const add = async (/** @type {string} */ text, /** @type {number | null} */ position) => /** @type {Chunk} */ (await post(place, { text, position }));
  const remove = (/** @type {number} */ id) => del(one(id));

  return {
    rows,
    total,
    complete,
    error,
    busy,
    /** Counts the changes, so that others know when to look again. */
    changes,
    undos,
    reload,
    takeBack,
    loadMore: () => (next === null ? Promise.resolve() : read({ limit: PAGE, after: next }, rows.value ?? [])),
    /** @param {Chunk} chunk @param {string} text */
    edit: (chunk, text) =>
      change(t(embedded ? "knowledge.chunk_embedded" : "knowledge.chunk_saved"), async () => {
        const made = await edit(chunk.id, text);
        return { id: made.id, undo: async () => (await edit(made.id, chunk.text)).id };
      }),
    /** @param {Chunk} chunk */
    toggle: (chunk) =>
      change(chunk.enabled ? t("knowledge.chunk_disabled") : t("knowledge.chunk_enabled"), async () => {
        await patch(one(chunk.id), { enabled: !chunk.enabled });
        return { id: chunk.id, undo: async () => (await patch(one(chunk.id), { enabled: chunk.enabled })).id };
      }),
    /** @param {string} text @param {number | null} position */
    add: (text, position) =>
      change(t("knowledge.chunk_added"), async () => {
        const made = await add(text, position);
        return { id: made.id, undo: async () => (await remove(made.id), null) };
      }),
    /** @param {Chunk} chunk */
    remove: (chunk) =>
      change(t("knowledge.chunk_deleted"), async () => {
        const last = chunk.id === rows.value?.at(-1)?.id;
        await remove(chunk.id);
        return { id: null, undo: async () => (await add(chunk.text, last ? null : chunk.position)).id };
      }),
    /** Make two chunks of one. @param {Chunk} chunk @param {string} first @param {string} second */
    split: (chunk, first, second) =>
      change(t("knowledge.chunk_split"), async () => {
        const head = await edit(chunk.id, first);
        const tail = await add(second, following(rows.value ?? [], chunk)?.position ?? null);
        return { id: head.id, undo: async () => (await remove(tail.id), (await edit(head.id, chunk.text)).id) };
      }),
    /** Make one chunk of two that follow each other. @param {Chunk} chunk */
    merge: (chunk) =>
      change(t("knowledge.chunk_merged"), async () => {
        const second = /** @type {Chunk} */ (following(rows.value ?? [], chunk));
        const after = following(rows.value ?? [], second)?.position ?? null;
        const made = await edit(chunk.id, joined(chunk.text, second.text));
        await remove(second.id);
        return { id: made.id, undo: async () => (await add(second.text, after), (await edit(made.id, chunk.text)).id) };
      }),
  };
}

/** The chunk behind another. @param {Chunk[]} rows @param {Chunk} chunk */
export function following(rows, chunk) {
  return rows[rows.findIndex((each) => each.id === chunk.id) + 1];
}

/** Two texts as one, without what the second repeats of the end of the first. @param {string} first @param {string} second */
export function joined(first, second) {
  for (let length = Math.min(first.length, second.length, 2000); length >= 8; length -= 1) {
    if (first.endsWith(second.slice(0, length))) return first + second.slice(length);
  }
  return `${first}\n${second}`;
}
