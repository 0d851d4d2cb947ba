// Files that are dropped anywhere on the page. Where nothing takes them, the browser does not leave the page to open them.
import { useEffect, useRef } from "./html.js";

/** @type {Set<(event: DragEvent) => void>} */
const takers = new Set();

/** @param {DragEvent} event */
function dragged(event) {
  if (!event.dataTransfer?.types.includes("Files") || (event.target instanceof HTMLInputElement && event.target.type === "file")) return;
  event.preventDefault();
  if (takers.size === 0) event.dataTransfer.dropEffect = "none";
  for (const each of takers) each(event);
}

for (const type of /** @type {const} */ (["dragover", "dragleave", "drop"])) addEventListener(type, dragged);

/**
 * Take files that are dropped, while a component is shown.
 * @param {boolean} enabled @param {import("@preact/signals").Signal<boolean>} over whether files hover over the page @param {(dropped: DataTransfer) => void} onDrop
 */
export function useDrops(enabled, over, onDrop) {
  const latest = useRef(onDrop);
  latest.current = onDrop;
  useEffect(() => {
    if (!enabled) return undefined;
    const take = (/** @type {DragEvent} */ event) => {
      over.value = event.type === "dragover" || (event.type === "dragleave" && event.relatedTarget !== null);
      if (event.type === "drop") latest.current(/** @type {DataTransfer} */ (event.dataTransfer));
    };
    takers.add(take);
    return () => {
      takers.delete(take);
      over.value = false;
    };
  }, [enabled]);
}
