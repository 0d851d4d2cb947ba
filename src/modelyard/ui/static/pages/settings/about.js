// Versions and licences: of the server, and of the libraries that this page is made of.
import { get, request, url } from "../../lib/api.js";
import { html, useSignal } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { can } from "../../lib/session.js";
import { Card, Facts } from "../../parts/page.js";
import { Loaded } from "../../parts/states.js";

/** @typedef {{ package: string, version: string, licence: string, files: { path: string }[] }} Library */

const FOLDER = new URL("../../vendor/", import.meta.url);

export function About() {
  const libraries = useResource(async (signal) => /** @type {Library[]} */ (await (await request(new URL("vendor.json", FOLDER).href, { signal })).json()), []);
  return html`${Card({
      title: "Modelyard",
      children: html`${can("admin") ? html`<${Version} />` : null}
        <p>${t("settings.about_text")}</p>
        <p class="row"><a href=${url("docs")} target="_blank" rel="noopener">${t("settings.api_docs")}</a> <a href=${url("openapi.json")} target="_blank" rel="noopener">openapi.json</a></p>`,
    })}
    ${Card({
      title: t("settings.libraries"),
      children: html`<p class="muted">${t("settings.libraries_text")}</p>
        ${Loaded({ of: libraries, draw: (data) => LibraryTable({ data }) })}`,
    })}`;
}

function Version() {
  const found = useResource((signal) => get("v1/cluster/version", {}, signal), []);
  return Loaded({ of: found, lines: 1, draw: ({ version }) => Facts({ items: [[t("settings.version"), version]] }) });
}

/** @param {{ data: Library[] }} props */
function LibraryTable({ data }) {
  const licence = (/** @type {Library} */ each) => each.files.find((file) => /licen[cs]e/i.test(file.path));
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("settings.libraries")}>
    <table class="table">
      <thead><tr><th scope="col">${t("settings.library")}</th><th scope="col">${t("settings.version")}</th><th scope="col">${t("settings.licence")}</th></tr></thead>
      <tbody>
        ${data.map((each) => {
          const file = licence(each);
          return html`<tr key=${each.package}><td class="mono nowrap">${each.package}</td><td class="mono nowrap">${each.version}</td><td>${file ? html`<${Licence} name=${each.licence} path=${file.path} />` : each.licence}</td></tr>`;
        })}
        <tr><td class="mono">lucide</td><td></td><td>ISC, ${t("settings.icons")}</td></tr>
      </tbody>
    </table>
  </div>`;
}

/** The name of a licence, and its text once it is opened. @param {{ name: string, path: string }} props */
function Licence({ name, path }) {
  const open = useSignal(false);
  return html`<details onToggle=${(/** @type {any} */ event) => (open.value = event.target.open)}>
    <summary>${name}</summary>
    ${open.value ? html`<${LicenceText} path=${path} />` : null}
  </details>`;
}

/** @param {{ path: string }} props */
function LicenceText({ path }) {
  const found = useResource(async (signal) => (await request(new URL(path, FOLDER).href, { signal })).text(), [path]);
  return Loaded({ of: found, lines: 2, draw: (text) => html`<pre class="settings-licence" tabindex="0">${text}</pre>` });
}
