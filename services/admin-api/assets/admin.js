// What the pages do beyond forms: count the characters of a reason while somebody types, and say what a form lacks before
// it is sent. Everything is heard at the document: what htmx puts into a page needs no binding of its own.
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
  for (const field of document.querySelectorAll("[data-limit]")) count(field);
  document.addEventListener("input", ({ target }) => {
    if (target.matches("[data-limit]")) count(target);
  });

  // On the way back to where a search was typed, htmx would load the page anew, and take away what stands in the form.
  window.addEventListener("popstate", (event) => event.stopImmediatePropagation(), true);

  const say = (id, isMissing) => {
    const place = document.getElementById(id);
    place.textContent = isMissing ? place.dataset.missing : "";
    place.hidden = !isMissing;
  };
  const mark = (field, problem, isMissing) => {
    say(problem, isMissing);
    field.closest(".field").classList.toggle("wrong", isMissing);
    field.setAttribute("aria-invalid", isMissing);
    // As the server writes it: a hint is always there.
    const hint = document.getElementById(`${field.id}-hint`)?.id;
    const described = [hint, isMissing && problem].filter(Boolean).join(" ");
    if (described) field.setAttribute("aria-describedby", described);
    else field.removeAttribute("aria-describedby");
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id !== "exclude-form" || event.submitter?.name === "find") return;
    const { reason, namespace_search: search } = form.elements;
    const noNamespace = !form.querySelector("[name=namespace_id]:checked");
    const noReason = reason.value.trim() === "";
    if (!(noNamespace || noReason)) return;
    event.preventDefault();
    mark(search, "namespace-problem", noNamespace);
    mark(reason, "reason-problem", noReason);
    say("problem", true);
    document.getElementById("problem").focus();
  });
})();
