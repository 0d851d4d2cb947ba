// Sets theme and language before anything is drawn, so that a dark page does not flash white. A classic script on purpose.
(() => {
  const root = document.documentElement;
  try {
    const stored = JSON.parse(localStorage.getItem("modelyard") ?? "{}");
    if (stored.theme === "dark" || stored.theme === "light") root.dataset.theme = stored.theme;
    if (stored.density === "compact") root.dataset.density = "compact";
    root.lang = stored.language ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
  } catch {
    root.lang = "en";
  }
})();
