(() => {
  "use strict";
  const errors = document.getElementById("errors");
  const form = errors && errors.querySelector("form.filter");
  if (!form) return;
  const quotes = [...errors.querySelectorAll(".quote")];
  const groups = [...errors.querySelectorAll("[data-group]")];
  const folds = [...errors.querySelectorAll("details")];
  const state = form.querySelector("output");
  const apply = () => {
    const wanted = new FormData(form);
    const value = (name) => wanted.get(name) || "";
    const words = value("text").toLowerCase().split(/\s+/).filter(Boolean);
    const filtered = words.length > 0 || ["dataset", "system", "kind", "label"].some((name) => value(name));
    let shown = 0;
    for (const quote of quotes) {
      const is = (name) => !value(name) || quote.dataset[name] === value(name);
      const labelled = !value("label") || quote.dataset.labels.split("\u001f").includes(value("label"));
      const text = words.length > 0 ? quote.textContent.toLowerCase() : "";
      quote.hidden = !(is("dataset") && is("system") && is("kind") && labelled && words.every((word) => text.includes(word)));
      shown += quote.hidden ? 0 : 1;
    }
    for (const group of groups) group.hidden = !group.querySelector(".quote:not([hidden])");
    for (const fold of folds) fold.open = filtered;
    state.textContent = filtered ? `${shown} of ${quotes.length} shown` : `${quotes.length} quoted`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  form.hidden = false;
  apply();
})();
