// Buttons, and links that look like them.
import { html } from "../lib/html.js";
import { Icon } from "./icon.js";

/**
 * @typedef {object} ButtonProps
 * @property {import("../lib/html.js").Children} [label]
 * @property {string} [icon]
 * @property {"primary" | "plain" | "quiet" | "danger"} [kind] plain if left out
 * @property {"small"} [size]
 * @property {(event: MouseEvent) => void} [onClick]
 * @property {boolean} [disabled]
 * @property {boolean} [busy] shows that it works, and takes no clicks
 * @property {string} [title] what the button does, where its label does not say it; the reason, where it is disabled
 * @property {string} [href] makes it a link
 * @property {boolean} [pressed] of a button that stays down
 * @property {string} [type] "submit" in a form
 * @property {string} [download] of a link: the name of the file
 * @property {string} [class]
 * @property {Record<string, any>} [more] further attributes
 */

/** @param {ButtonProps} props */
export function Button({ label, icon, kind = "plain", size, onClick, disabled, busy, title, href, pressed, type = "button", download, class: name, more }) {
  const classes = ["button", `button-${kind}`, size ? `button-${size}` : "", label ? "" : "button-icon", name ?? ""].join(" ").trim();
  const inside = html`${busy ? Icon({ name: "loader" }) : icon ? Icon({ name: icon }) : null}${label ? html`<span>${label}</span>` : null}`;
  if (href !== undefined && !disabled) {
    return html`<a class=${classes} href=${href} title=${title} aria-label=${label ? undefined : title} download=${download} onClick=${onClick} ...${more}>${inside}</a>`;
  }
  return html`<button
    class=${classes}
    type=${type}
    title=${title}
    aria-label=${label ? undefined : title}
    aria-pressed=${pressed === undefined ? undefined : String(pressed)}
    aria-busy=${busy ? "true" : undefined}
    disabled=${disabled || busy}
    onClick=${onClick}
    ...${more}
  >
    ${inside}
  </button>`;
}

/** A button that is only an icon; `title` is its name. @param {ButtonProps & { title: string, icon: string }} props */
export const IconButton = (props) => Button({ kind: "quiet", ...props });
