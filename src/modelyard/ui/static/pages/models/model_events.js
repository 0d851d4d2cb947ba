// What happened to a model, newest first; further events are added as they come.
import { get, path } from "../../lib/api.js";
import { onServerEvent } from "../../lib/events.js";
import { moment } from "../../lib/format.js";
import { html, useEffect, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { Icon } from "../../parts/icon.js";
import { Empty, Loaded } from "../../parts/states.js";

/** @param {{ uid: string }} props */
export default function Events({ uid }) {
  const before = useResource((signal) => get(path`v1/models/${uid}/events`, undefined, signal), [uid]);
  const later = useSignal(/** @type {any[]} */ ([]));
  useEffect(() => {
    const end = onServerEvent((type, data) => {
      if (type === "model_event" && data.model_uid === uid) later.value = [...later.value, data.event];
    });
    return () => void end();
  }, [uid]);
  return Loaded({ of: before, draw: (found) => List({ events: [...found, ...later.value].filter((each, index, all) => index === all.findIndex((other) => same(each, other))).reverse() }) });
}

/** @param {any} a @param {any} b */
const same = (a, b) => a.event_ts === b.event_ts && a.event_content === b.event_content;

/** @param {{ events: any[] }} props */
function List({ events }) {
  if (!events.length) return Empty({ icon: "history", title: t("models.no_events") });
  return html`<ol class="models-events">${events.map((each) => html`<li class=${`models-event-${each.event_type}`}>
    ${Icon({ name: each.event_type === "INFO" ? "info" : "alert", label: each.event_type })}<span class="muted nowrap">${moment(each.event_ts)}</span><span>${each.event_content}</span></li>`)}</ol>`;
}
