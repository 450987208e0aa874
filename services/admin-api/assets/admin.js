// What the pages do beyond forms: count the characters of a reason while somebody types, and say what a form lacks before
// it is sent.
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

  const form = document.getElementById("exclude-form");
  const say = (id, field, isMissing) => {
    const place = document.getElementById(id);
    place.textContent = isMissing ? place.dataset.missing : "";
    place.hidden = !isMissing;
    field?.closest(".field").classList.toggle("wrong", isMissing);
    field?.setAttribute("aria-invalid", isMissing);
  };
  form?.addEventListener("submit", (event) => {
    const { reason, namespace_search: search } = form.elements;
    const noNamespace = !form.querySelector("[name=namespace_id]:checked");
    const noReason = reason.value.trim() === "";
    if (event.submitter?.name === "find" || !(noNamespace || noReason)) return;
    event.preventDefault();
    say("namespace-problem", search, noNamespace);
    say("reason-problem", reason, noReason);
    say("problem", null, true);
    document.getElementById("problem").focus();
  });
})();
