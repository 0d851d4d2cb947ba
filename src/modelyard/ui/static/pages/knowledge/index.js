// The page of knowledge bases: the list of them, one base with its tabs, and one document.
import { html } from "../../lib/html.js";
import { route } from "../../lib/router.js";
import { BaseView } from "./base.js";
import { Bases } from "./bases.js";

export default function Page() {
  const [base, tab, ...rest] = route.value.parts;
  if (!base) return html`<${Bases} />`;
  return html`<${BaseView} key=${base} name=${base} tab=${tab ?? "documents"} rest=${rest} />`;
}
