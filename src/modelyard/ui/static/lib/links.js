// Which addresses of content the page follows and shows.
import { ROOT } from "./api.js";

const PICTURE = /^data:image\/(?:png|jpeg|gif|webp|avif|svg\+xml)[;,]/i;
/** What may be a picture of this server: stored files, and documents of bases. A picture is a request in the person's name. */
const OWN_PICTURE = /^v1\/(?:files\/[^/]+|knowledge_bases\/[^/]+\/documents\/[^/]+)\/content$/;
const FOLLOWED = new Set(["http:", "https:", "mailto:"]);

/**
 * The address of a link in content, or null if the page does not follow it. Only web pages, mail and places of this page.
 * @param {string} href
 * @returns {string | null}
 */
export function linkAddress(href) {
  const trimmed = href.trim();
  if (trimmed.startsWith("#")) return trimmed;
  try {
    const { protocol } = new URL(trimmed);
    return FOLLOWED.has(protocol) ? trimmed : null;
  } catch {
    return null;
  }
}

/**
 * The address of a picture in content, or null if it is none that the page fetches: not from other servers, which would learn of it, and only files of this one.
 * @param {string} source
 * @returns {string | null}
 */
export function pictureAddress(source) {
  const trimmed = source.trim();
  if (PICTURE.test(trimmed)) return trimmed;
  try {
    const address = new URL(trimmed, document.baseURI);
    const own = address.href.startsWith(ROOT.href) && OWN_PICTURE.test(address.href.slice(ROOT.href.length));
    return own ? address.href : null;
  } catch {
    return null;
  }
}
