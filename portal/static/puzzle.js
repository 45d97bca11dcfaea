// Solves the puzzle of a busy hour and sends the form again; the server knows the number.

const form = document.querySelector("form[data-puzzle]");
if (form && window.crypto?.subtle) solve(form);

async function solve(form) {
  for (const part of form.querySelectorAll("[data-without-script]")) part.hidden = true;
  const shown = form.querySelector("div[data-with-script]");
  shown.hidden = false;
  const number = await find(form.dataset, shown.querySelector("progress"));
  if (number === null) return;
  form.elements.work.value = [form.dataset.salt, number, form.dataset.signature].join(".");
  form.querySelector("#solved").textContent = shown.querySelector("label").dataset.done;
  // Should the browser hold the form back, a person can send it.
  form.querySelector("button[data-with-script]").hidden = false;
  form.requestSubmit(form.querySelector("button[data-with-script]"));
}

async function find({ salt, target, most, rounds }, progress) {
  for (let number = 0; number <= Number(most); number += 1) {
    if ((await derive(String(number), salt, Number(rounds), target.length * 4)) === target) return number;
    progress.value = number;
  }
  return null;
}

// As `derive` of portal/limits.py.
async function derive(number, salt, iterations, bits) {
  const bytes = (text) => new TextEncoder().encode(text);
  const key = await crypto.subtle.importKey("raw", bytes(number), "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations };
  const derived = new Uint8Array(await crypto.subtle.deriveBits(how, key, bits));
  return Array.from(derived, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
