// Copy buttons: shown only where the browser can copy.

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
  setTimeout(() => (label.textContent = first), 2000);
}
