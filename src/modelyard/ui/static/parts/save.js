// Saves what the page has as a file of the person's own.

/** @param {string} name of the file @param {string} text @param {string} [type] */
export function saveText(name, text, type = "text/plain") {
  const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  saveFrom(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Save what an address of this server answers. @param {string} address @param {string} name of the file */
export function saveFrom(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name.replace(/[\\/:*?"<>|]+/g, "-");
  document.body.append(link);
  link.click();
  link.remove();
}
