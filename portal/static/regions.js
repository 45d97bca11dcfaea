// Narrows the regions to those whose name has what is typed; without it the server does.

const search = document.querySelector("form[data-search]");
if (search) begin(search);

function begin(search) {
  search.querySelector("[data-without-script]").hidden = true;
  const box = search.querySelector("#region");
  box.addEventListener("input", () => narrow(box.value));
  search.addEventListener("submit", (event) => onSubmit(event, box.value));
}

// The likely region stays on top, whatever is searched. All that have the name.
function narrow(text) {
  const wanted = fold(text);
  const rows = [...document.querySelectorAll(".regions > li")];
  const found = rows.filter((row) => fold(row.dataset.words).includes(wanted));
  for (const row of rows) row.hidden = row.parentElement.id === "regions" && !found.includes(row);
  const none = document.querySelector("#no-region");
  none.textContent = found.length ? "" : none.dataset.none;
  return found;
}

// Enter leads to the only region that has the name.
function onSubmit(event, text) {
  event.preventDefault();
  const found = narrow(text);
  if (found.length === 1) location.href = found[0].querySelector("a").href;
}

// As portal/giving/regions.py does: without case and accents.
function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}
