// How programs use a model: the same request as curl, Python and environment variables.
import { ROOT } from "../../lib/api.js";
import { models } from "../../lib/events.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { href } from "../../lib/router.js";
import { me } from "../../lib/session.js";
import { Copy } from "../../parts/copy.js";
import { Card } from "../../parts/page.js";

/** @param {{ uid: string }} props */
export default function Use({ uid }) {
  const model = models.value.get(uid);
  if (!model) return null;
  const base = `${ROOT.href.replace(/\/$/, "")}/v1`;
  const keyless = me.value?.id === "";
  const snippets = snippetsOf(model, base, keyless);
  return html`<p class="muted">${keyless ? t("models.use_no_key") : html`${t("models.use_key")} <a href=${href(["access"])}>${t("common.page_access")}</a>`}</p>
    ${Object.entries(snippets).map(([name, text]) => Card({ title: t(`models.use_${name}`), actions: Copy({ text }), children: html`<pre class="models-json" tabindex="0">${text}</pre>` }))}`;
}

/** @type {Record<string, [string, (uid: string) => Record<string, any>]>} */
const REQUESTS = {
  LLM: ["chat/completions", (uid) => ({ model: uid, messages: [{ role: "user", content: t("models.sample_hello") }] })],
  embedding: ["embeddings", (uid) => ({ model: uid, input: t("models.sample_one") })],
  rerank: ["rerank", (uid) => ({ model: uid, query: t("models.sample_question"), documents: t("models.sample_documents").split("\n") })],
  image: ["images/generations", (uid) => ({ model: uid, prompt: t("models.sample_picture"), size: "512*512" })],
  audio: ["audio/speech", (uid) => ({ model: uid, input: t("models.sample_speech"), voice: "" })],
  video: ["video/generations", (uid) => ({ model: uid, prompt: t("models.sample_picture") })],
};

/** @param {any} model @param {string} base @param {boolean} keyless @returns {Record<string, string>} */
function snippetsOf(model, base, keyless) {
  const [route, bodyOf] = model.model_type === "LLM" && model.is_chat === false ? ["completions", (/** @type {string} */ uid) => ({ model: uid, prompt: t("models.sample_beginning"), max_tokens: 64 })] : (REQUESTS[model.model_type] ?? REQUESTS.LLM);
  const body = bodyOf(model.id);
  const header = keyless ? "" : ` \\\n  -H "Authorization: Bearer $MODELYARD_API_KEY"`;
  const text = JSON.stringify(body, null, 2).replaceAll("'", `'\\''`);
  return {
    curl: `curl ${base}/${route} \\\n  -H 'Content-Type: application/json'${header} \\\n  -d '${text}'`,
    python: python(model, base, keyless, body),
    environment: `export OPENAI_BASE_URL=${base}\nexport OPENAI_API_KEY=${keyless ? "none" : '"$MODELYARD_API_KEY"'}\nexport OPENAI_MODEL=${model.id}`,
    modelyard: model.is_chat ? `modelyard chat ${model.id} -e ${base.replace(/\/v1$/, "")}` : `modelyard list -e ${base.replace(/\/v1$/, "")}`,
  };
}

/** @param {any} model @param {string} base @param {boolean} keyless @param {Record<string, any>} body */
function python(model, base, keyless, body) {
  const head = `import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="${base}", api_key=${keyless ? '"none"' : 'os.environ["MODELYARD_API_KEY"]'})\n`;
  const values = Object.entries(body).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ");
  if (model.model_type === "LLM" && model.is_chat !== false) return `${head}answer = client.chat.completions.create(${values})\nprint(answer.choices[0].message.content)`;
  if (model.model_type === "LLM") return `${head}answer = client.completions.create(${values})\nprint(answer.choices[0].text)`;
  if (model.model_type === "embedding") return `${head}answer = client.embeddings.create(${values})\nprint(len(answer.data[0].embedding))`;
  return `from modelyard.client import Client\n\nwith Client("${base.replace(/\/v1$/, "")}") as client:\n    print(client.models.get("${model.id}"))`;
}
