// Starts the page: texts, who we are, the server's events, and the frame with the page of the address in it.
import "./drops.js";
import { followServer } from "./events.js";
import { html, render } from "./html.js";
import { loadTexts } from "./i18n.js";
import { loadMe } from "./session.js";
import "./settings.js";
import { Frame } from "../parts/frame.js";

await loadTexts("common");
const place = /** @type {HTMLElement} */ (document.getElementById("app"));
place.replaceChildren();
render(html`<${Frame} />`, place);
await loadMe().catch(() => null);
void followServer();
