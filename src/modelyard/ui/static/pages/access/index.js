// Who may do what: keys, users, what they used, one's own logins, and who changed what.
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { href, route } from "../../lib/router.js";
import { can } from "../../lib/session.js";
import { PageHead } from "../../parts/page.js";
import { NoPermission } from "../../parts/states.js";
import { Tabs } from "../../parts/tabs.js";
import { Audit } from "./audit.js";
import { Keys } from "./keys.js";
import { Sessions } from "./sessions.js";
import { Usage } from "./usage.js";
import { Users } from "./users.js";

/** Each view, and the permission that it takes. @type {Record<string, { view: any, scope: string | null }>} */
const VIEWS = {
  keys: { view: Keys, scope: "keys:manage" },
  users: { view: Users, scope: "users:manage" },
  usage: { view: Usage, scope: null },
  sessions: { view: Sessions, scope: null },
  audit: { view: Audit, scope: "admin" },
};

/** What one needs to see a view. @param {string} name */
function scopeOf(name) {
  return name === "keys" && can("keys:create") ? null : VIEWS[name].scope; // they may make keys, and list none
}

export default function Page() {
  const [name] = route.value.parts;
  const first = can("keys:manage") || can("keys:create") ? "keys" : "usage";
  const active = name && VIEWS[name] ? name : first;
  const permitted = (/** @type {string} */ each) => each === active || can(scopeOf(each));
  const tabs = Object.keys(VIEWS).filter(permitted).map((each) => ({ name: each, label: t(`access.tab_${each}`), href: href(["access", each]) }));
  const { view } = VIEWS[active];
  const scope = scopeOf(active);
  return html`${PageHead({ title: t("access.title"), children: Tabs({ label: t("access.title"), tabs, active }) })}
    ${can(scope) ? html`<${view} key=${active} />` : NoPermission({ scope: scope ?? "" })}`;
}
