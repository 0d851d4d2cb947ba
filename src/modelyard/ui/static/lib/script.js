// Loads a classic script of this server's, under Trusted Types: only files of the page's own folder are accepted.
const FOLDER = new URL("../", import.meta.url).href;

const policy = /** @type {any} */ (window).trustedTypes?.createPolicy("modelyard", {
  createScriptURL: (/** @type {string} */ address) => {
    if (!address.startsWith(FOLDER)) throw new TypeError("Only the page's own scripts are loaded.");
    return address;
  },
});

/** @type {Map<string, Promise<void>>} */
const scripts = new Map();

/** Load a script once. @param {string} path below the folder of the page's files @returns {Promise<void>} */
export function loadScript(path) {
  const found = scripts.get(path);
  if (found) return found;
  const address = FOLDER + path;
  const loading = new Promise((/** @type {(value: void) => void} */ resolve, reject) => {
    const script = document.createElement("script");
    script.src = policy ? policy.createScriptURL(address) : address;
    script.onload = () => resolve();
    script.onerror = () => {
      scripts.delete(path); // the next one who needs it tries again
      script.remove();
      reject(new Error(`${path} was not loaded.`));
    };
    document.head.append(script);
  });
  scripts.set(path, loading);
  return loading;
}
