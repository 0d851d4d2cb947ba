// The prompt templates of the server, and the tools that answers may use.
import { get } from "../../lib/api.js";
import { html, useSignal } from "../../lib/html.js";
import { has, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { can } from "../../lib/session.js";
import { Button } from "../../parts/button.js";
import { Copy } from "../../parts/copy.js";
import { Card } from "../../parts/page.js";
import { Loaded, Permitted } from "../../parts/states.js";

/** @typedef {import("../../../types/api").PromptTemplate} Template */
/** @typedef {import("../../../types/api").McpServerInfo} McpServer */

export function Prompts() {
  const templates = useResource((signal) => get("v1/server/prompts", {}, signal), []);
  return html`${Card({ title: t("settings.mcp"), children: Permitted({ scope: "tools:use", children: () => html`<${McpServers} />` }) })}
    ${can("models:read") ? Card({ title: t("settings.tools"), children: html`<${Tools} />` }) : null}
    ${Card({
      title: t("settings.templates"),
      children: html`<p class="muted">${t("settings.templates_text")}</p>
        ${Loaded({ of: templates, draw: ({ data }) => html`<div class="stack">${data.map(TemplateRow)}</div>` })}`,
    })}`;
}

/** @param {Template} each */
function TemplateRow({ kind, name, template }) {
  const label = has(`settings.kind_${kind}`) ? t(`settings.kind_${kind}`) : kind;
  return html`<details key=${`${kind} ${name}`}>
    <summary>${label} · <span class="mono">${name}</span></summary>
    <div class="settings-template"><pre tabindex="0">${template}</pre>${Copy({ text: template })}</div>
  </details>`;
}

function Tools() {
  const found = useResource((signal) => get("v1/server/tools", {}, signal), []);
  return Loaded({
    of: found,
    draw: ({ data, search_engines: engines }) => html`<p class="muted">${engines.length ? t("settings.search_engines", { names: engines.join(", ") }) : t("settings.no_search_engines")}</p>
      ${data.length ? html`<dl class="settings-tools">${data.map((/** @type {any} */ tool) => html`<div><dt class="mono">${tool.name}</dt><dd>${tool.description}</dd></div>`)}</dl>` : html`<p class="muted">${t("settings.no_tools")}</p>`}`,
  });
}

function McpServers() {
  const withTools = useSignal(false);
  const found = useResource((signal) => get("v1/server/mcp_servers", { tools: withTools.value }, signal), [withTools.value]);
  return Loaded({
    of: found,
    draw: ({ data }) =>
      data.length
        ? html`<div class="stack">${data.map(McpRow)}</div>
            <div>${Button({ label: t("settings.ask_tools"), size: "small", busy: found.loading.value, onClick: () => (withTools.value ? found.reload() : (withTools.value = true)) })}</div>`
        : html`<p class="muted">${t("settings.no_mcp")} <span class="mono">MODELYARD_MCP_SERVERS</span></p>`,
  });
}

/** @param {McpServer} server */
function McpRow({ name, transport, tools, error }) {
  return html`<div class="settings-mcp" key=${name}>
    <h3>${name} <span class="muted mono">${transport}</span></h3>
    ${error ? html`<p class="danger">${error}</p>` : null}
    ${tools ? html`<dl class="settings-tools">${tools.map((tool) => html`<div><dt class="mono">${tool.name}</dt><dd>${tool.description}</dd></div>`)}</dl>` : null}
  </div>`;
}
