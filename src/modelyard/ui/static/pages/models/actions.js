// What can be done to running models: other numbers of replicas, ending them, cancelling a launch.
import { del, path, post } from "../../lib/api.js";
import { models, replicas } from "../../lib/events.js";
import { t, tn } from "../../lib/i18n.js";
import { confirm } from "../../parts/dialog.js";
import { attempt, complain } from "../../parts/toast.js";

const MOST_REPLICAS = 64;

/** Ask for a number of replicas, and scale to it. @param {string} uid */
export async function askScale(uid) {
  const value = String(models.value.get(uid)?.replica ?? 1);
  const answer = await confirm({ title: t("models.scale_title", { name: uid }), action: t("models.scale"), input: { label: t("models.scale_label"), value } });
  const count = Number(answer);
  if (answer === null) return;
  if (Number.isInteger(count) && count >= 1 && count <= MOST_REPLICAS) await scaleTo(uid, count);
  else complain(new Error(t("models.scale_wrong", { n: MOST_REPLICAS })));
}

/** @param {string} uid @param {number} count */
export function scaleTo(uid, count) {
  const present = models.value.get(uid)?.replica ?? 1;
  const newest = [...(replicas.value.get(uid) ?? [])].map((each) => each.replica_id).sort((a, b) => b - a);
  return attempt(async () => {
    if (count > present) await post(path`v1/models/${uid}/replicas`, { replica: count - present });
    for (const id of newest.slice(0, Math.max(0, present - count))) await del(path`v1/models/${uid}/replicas/${id}`);
  }, tn("models.scaled", count, { name: uid }));
}

/** End models, after a question that takes their name, or their number. @param {string[]} uids @returns {Promise<boolean>} whether they were ended */
export async function askTerminate(uids) {
  if (!uids.length) return false;
  const one = uids.length === 1;
  const title = one ? t("models.terminate_title", { name: uids[0] }) : tn("models.terminate_many", uids.length);
  const text = one ? t("models.terminate_text") : uids.join(", ");
  const agreed = await confirm({ title, text, action: t("models.terminate"), danger: true, typed: one ? uids[0] : String(uids.length) });
  if (!agreed) return false;
  const done = await Promise.all(uids.map((uid) => attempt(async () => (await del(path`v1/models/${uid}`), true))));
  return done.every(Boolean);
}

/** @param {string} uid */
export const cancelLaunch = (uid) => attempt(post(path`v1/models/${uid}/cancel`), t("models.cancelled", { name: uid }));
