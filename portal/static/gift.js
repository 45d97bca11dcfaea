// Copy buttons: shown only where the browser can copy.

const said = document.querySelector("#copied");

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.firstChild;
  const first = (button.dataset.first ??= label.textContent);
  label.textContent = button.dataset.done;
  said.textContent = button.dataset.said;
  setTimeout(() => (label.textContent = first), 2000);
}
