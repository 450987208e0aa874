// What the pages do beyond forms: count the characters of a reason, say what a form lacks before it is sent, and say
// when a request of htmx has failed. All listeners are on the document, so that content from htmx needs none.
"use strict";
(() => {
  const count = (field) => {
    const place = document.querySelector(`[data-count-of="${field.id}"]`);
    const limit = Number(field.dataset.limit);
    // The server counts code points, and a line break as one.
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

  // When the history leads back to an earlier search, htmx would load the page again and lose what is in the form.
  window.addEventListener("popstate", (event) => event.stopImmediatePropagation(), true);

  // Requests of htmx: what they replace, the live regions that they change, and the control that leads to the sign-in.
  const REQUESTS = {
    list: { result: "result", status: "count", error: "list-error", signIn: "list-sign-in" },
    picker: { result: "choices", status: "picker-hint", error: "picker-error", signIn: "picker-sign-in" },
  };
  const UNREACHABLE = "The server cannot be reached. Check your connection and try again.";
  const FAILED = "Something went wrong. Try again in a moment.";
  const THROTTLED = "Too many requests. Try again in a moment.";
  const ENDED = "Your session has ended.";

  const request = (event) => {
    const source = event.detail.elt?.closest?.("[data-request]");
    if (!source) return null;
    const ids = Object.entries(REQUESTS[source.dataset.request]);
    return { source, ...Object.fromEntries(ids.map(([name, id]) => [name, document.getElementById(id)])) };
  };
  // After a sign-in from a list, the typed search is shown. A button of the exclude form keeps what is in the form.
  const offerSignIn = ({ source, signIn }, isOffered) => {
    signIn.hidden = !isOffered;
    if (!isOffered || signIn.localName !== "a") return;
    const page = `${source.getAttribute("action")}?${new URLSearchParams(new FormData(source))}`;
    const { pathname } = new URL(signIn.href);
    signIn.href = `${pathname}?${new URLSearchParams({ return_to: page })}`;
  };
  const fail = (event, sentence) => {
    const parts = request(event);
    if (!parts) return;
    // The old result is not the answer to what is typed now.
    parts.result.replaceChildren();
    parts.status.textContent = "";
    parts.error.textContent = sentence;
    offerSignIn(parts, sentence === ENDED);
  };
  const sentenceFor = ({ status, responseText }) => {
    if (status === 401) return ENDED;
    if (status === 429) return THROTTLED;
    return [400, 413].includes(status) && responseText ? responseText : FAILED;
  };
  document.addEventListener("htmx:sendError", (event) => fail(event, UNREACHABLE));
  document.addEventListener("htmx:timeout", (event) => fail(event, UNREACHABLE));
  document.addEventListener("htmx:responseError", (event) => fail(event, sentenceFor(event.detail.xhr)));
  document.addEventListener("htmx:afterRequest", (event) => {
    const parts = event.detail.successful ? request(event) : null;
    if (!parts) return;
    parts.error.textContent = "";
    offerSignIn(parts, false);
  });

  const say = (id, isMissing) => {
    const place = document.getElementById(id);
    place.textContent = isMissing ? place.dataset.missing : "";
    place.hidden = !isMissing;
  };
  const mark = (field, problem, isMissing) => {
    say(problem, isMissing);
    field.closest(".field").classList.toggle("wrong", isMissing);
    field.setAttribute("aria-invalid", isMissing);
    // The server writes the same attribute: each field has a hint.
    const hint = field.id === "reason" ? "reason-hint" : "picker-hint";
    field.setAttribute("aria-describedby", isMissing ? `${hint} ${problem}` : hint);
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
