// What the pages do beyond forms: count the characters of a reason while somebody types.
"use strict";
(() => {
  const count = (field) => {
    const place = document.querySelector(`[data-count-of="${field.id}"]`);
    const limit = Number(field.dataset.limit);
    // As the server counts: code points, and one for the end of a line.
    const left = limit - [...field.value].length;
    place.textContent = left >= 0
      ? `${left} of ${limit} characters left`
      : `${-left} characters too many (at most ${limit})`;
    place.classList.toggle("too-many", left < 0);
  };
  for (const field of document.querySelectorAll("[data-limit]")) {
    field.addEventListener("input", () => count(field));
    count(field);
  }
})();
