// Makes the clerk's page quick by keys; every act is a button of the form as well.

const form = document.querySelector("form[data-lines]");
if (form) begin(form);

function begin(form) {
  const rows = [...form.querySelectorAll("tr[data-line]")];
  const state = { form, rows, at: -1 };
  const keys = form.querySelector("[data-keys]");
  if (keys) keys.hidden = false;
  for (const row of rows) row.tabIndex = -1;
  document.addEventListener("keydown", (event) => onKey(state, event));
  form.addEventListener("change", () => count(state));
  form.addEventListener("focusin", (event) => {
    const row = event.target.closest("tr[data-line]");
    if (row) state.at = rows.indexOf(row);
  });
  count(state);
}

const ACTS = {
  j: (state) => move(state, 1),
  k: (state) => move(state, -1),
  x: (state) => tick(state.rows[state.at]),
  c: (state) => state.rows[state.at]?.querySelector("[name=confirm_one]")?.click(),
  s: (state) => tickSure(state),
  Enter: (state) => state.rows[state.at]?.querySelector("a")?.click(),
};

function onKey(state, event) {
  const isTyping = event.target.matches("input:not([type=checkbox]), select, textarea, button, a");
  const act = ACTS[event.key];
  if (!act || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act(state);
  count(state);
}

function move(state, step) {
  state.at = Math.min(Math.max(state.at + step, 0), state.rows.length - 1);
  state.rows[state.at].focus();
}

function tick(row) {
  const box = row?.querySelector("[name=line]");
  if (box) box.checked = !box.checked;
}

function tickSure(state) {
  for (const row of state.rows) {
    const box = row.querySelector("[name=line]");
    if (box) box.checked = Number(row.dataset.score) >= Number(state.form.dataset.sure);
  }
}

function count(state) {
  const shown = state.form.querySelector("[data-count]");
  const ticked = state.form.querySelectorAll("[name=line]:checked").length;
  if (shown) shown.textContent = ticked ? `(${ticked})` : "";
}
