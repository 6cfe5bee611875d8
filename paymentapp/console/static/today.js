// The numbers of the page of today are fetched again every 15 seconds (htmx). Not while the page is
// hidden, while somebody is in them by keyboard, or half an hour after the last sign of somebody:
// then the session ends as it would without this.
(() => {
  "use strict";
  const LEFT_ALONE_MS = 30 * 60 * 1000;
  let seenAt = Date.now();
  let opened = [];
  let scrolled = [];
  for (const sign of ["pointerdown", "pointermove", "keydown", "scroll"]) {
    addEventListener(sign, () => { seenAt = Date.now(); }, { passive: true, capture: true });
  }
  const numbers = () => document.getElementById("numbers");
  const isOfNumbers = (event) => event.detail.target === numbers();

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isOfNumbers(event)) return;
    const leftAlone = Date.now() - seenAt > LEFT_ALONE_MS;
    if (document.hidden || leftAlone || numbers().contains(document.activeElement)) {
      event.preventDefault();
    }
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isOfNumbers(event)) return;
    // A session that has ended leads to another page: that is no part of this one.
    if (!new URL(event.detail.xhr.responseURL).pathname.endsWith("/today/numbers")) {
      event.detail.shouldSwap = false;
      location.reload();
      return;
    }
    opened = [...numbers().querySelectorAll("details[id]")].filter((each) => each.open);
    scrolled = [...numbers().querySelectorAll(".table")].map((each) => each.scrollLeft);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!isOfNumbers(event)) return;
    for (const each of opened) document.getElementById(each.id)?.setAttribute("open", "");
    [...numbers().querySelectorAll(".table")].forEach((each, place) => {
      each.scrollLeft = scrolled[place] ?? 0;
    });
  });
})();
