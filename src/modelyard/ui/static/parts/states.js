// What a view shows when it has nothing to show: it loads, is empty, failed, or may not be seen.
import { html, useEffect, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { can } from "../lib/session.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";

/** Grey lines, drawn after 150 ms so that a quick answer does not flicker. @param {{ lines?: number }} props */
export function Skeleton({ lines = 4 }) {
  const shown = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => (shown.value = true), 150);
    return () => clearTimeout(timer);
  }, []);
  if (!shown.value) return html`<div class="skeleton" aria-busy="true"></div>`;
  return html`<div class="skeleton" role="status" aria-busy="true" aria-label=${t("common.loading")}>
    ${Array.from({ length: lines }, (_, index) => html`<span class="skeleton-line" key=${index}></span>`)}
  </div>`;
}

/** @param {{ lines?: number }} [props] */
export const Loading = (props) => html`<${Skeleton} ...${props ?? {}} />`;

/** Nothing there yet, with the next step. @param {{ icon?: string, title: string, text?: import("../lib/html.js").Children, action?: any }} props */
export function Empty({ icon = "box", title, text, action }) {
  return html`<div class="state">
    ${Icon({ name: icon, size: 28 })}
    <p class="state-title">${title}</p>
    ${text ? html`<p class="state-text">${text}</p>` : null} ${action ?? null}
  </div>`;
}

/** The server's sentence, its code and request id, and another attempt. @param {{ error: any, retry?: () => void, small?: boolean }} props */
export function Failure({ error, retry, small }) {
  if (error?.status === 403 && error.scope) return NoPermission({ scope: error.scope });
  const details = [error?.code, error?.requestId].filter(Boolean).join(" · ");
  const message = error?.status === 0 ? t("common.unreachable") : (error?.message ?? String(error));
  return html`<div class=${`failure ${small ? "failure-small" : ""}`} role="alert">
    ${Icon({ name: "alert" })}
    <div>
      <p>${message}</p>
      ${details ? html`<p class="failure-details mono">${details}</p>` : null}
    </div>
    ${retry ? Button({ label: t("common.retry"), icon: "refresh", size: "small", onClick: retry }) : null}
  </div>`;
}

/** @param {{ scope: string }} props */
export function NoPermission({ scope }) {
  return html`<div class="state" role="alert">
    ${Icon({ name: "key", size: 28 })}
    <p class="state-title">${t("common.no_permission")}</p>
    <p class="state-text">${t("common.no_permission_text", { scope })}</p>
  </div>`;
}

/** `children()` if the caller has a scope, else what is missing. @param {{ scope: string, children: () => any }} props */
export const Permitted = ({ scope, children }) => (can(scope) ? children() : NoPermission({ scope }));

/**
 * What a resource has: its data drawn by `draw`, or what there is instead. Data that is loaded again stays.
 * @template T @param {{ of: import("../lib/resource.js").Resource<T>, draw: (data: T) => any, lines?: number }} props
 */
export function Loaded({ of, draw, lines }) {
  if (of.data.value !== undefined) {
    return html`${of.error.value ? Failure({ error: of.error.value, retry: of.reload, small: true }) : null}${draw(of.data.value)}`;
  }
  return of.error.value ? Failure({ error: of.error.value, retry: of.reload }) : Loading({ lines });
}
