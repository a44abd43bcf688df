// On paper nothing scrolls: what is wider than its frame is cut off there.
() => [document.documentElement, ...document.querySelectorAll(".scroll, .panel")]
  .filter((e) => e.scrollWidth > e.clientWidth + 1 && (e === document.documentElement || matchMedia("print").matches))
  .map((e) => `${e.tagName} ${e.className} ${e.getAttribute("aria-label") ?? ""} ${e.scrollWidth} > ${e.clientWidth}`)
