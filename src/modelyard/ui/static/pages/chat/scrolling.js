// Keeps the end of a conversation in view while it grows, unless the person has scrolled up; loads what is earlier at its beginning.
import { useEffect, useRef, useSignal } from "../../lib/html.js";

const NEAR = 48;

/**
 * @param {{ current: HTMLElement | null }} scroller
 * @param {import("./conversation.js").Conversation} conversation
 */
export function useBottom(scroller, conversation) {
  const stuck = useRef(true);
  const away = useSignal(false);
  const toEnd = () => {
    stuck.current = true;
    const shown = scroller.current;
    if (shown) shown.scrollTop = shown.scrollHeight;
  };
  /** Load what is earlier; what is in view stays where it is. */
  const earlier = async () => {
    const shown = scroller.current;
    if (!shown || conversation.earlier.value === 0 || conversation.loading.value) return;
    const first = shown.querySelector("[data-message]");
    const before = first?.getBoundingClientRect().top ?? 0;
    const keep = () => {
      if (first?.isConnected) shown.scrollTop += first.getBoundingClientRect().top - before;
    };
    await conversation.loadEarlier();
    requestAnimationFrame(() => (keep(), requestAnimationFrame(keep)));
  };
  useEffect(() => {
    const shown = scroller.current;
    const content = shown?.firstElementChild;
    if (!shown || !content) return undefined;
    const scrolled = () => {
      const rest = shown.scrollHeight - shown.scrollTop - shown.clientHeight;
      stuck.current = rest < NEAR;
      away.value = rest > shown.clientHeight;
      if (shown.scrollTop < 200 && !stuck.current) void earlier();
    };
    const grown = new ResizeObserver(() => {
      if (stuck.current) shown.scrollTop = shown.scrollHeight;
    });
    grown.observe(content);
    grown.observe(shown);
    shown.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      grown.disconnect();
      shown.removeEventListener("scroll", scrolled);
    };
  }, [conversation]);
  return { away, toEnd, earlier };
}
