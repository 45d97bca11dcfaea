// Shows the donor's page while a desk is filled in; the Preview button opens it as well.

const WAIT = 400;
const form = document.querySelector("form[data-live]");
if (form) begin(form);

function begin(form) {
  const view = document.querySelector("#live");
  const state = {
    form,
    frame: view.querySelector("iframe"),
    said: view.querySelector("[role=status]"),
    timer: 0,
    asked: new AbortController(),
  };
  view.hidden = false;
  state.frame.addEventListener("load", () => scroll(state));
  form.addEventListener("input", () => {
    clearTimeout(state.timer);
    state.timer = setTimeout(() => look(state), WAIT);
  });
  look(state);
}

async function look(state) {
  state.asked.abort();
  const { signal } = (state.asked = new AbortController());
  try {
    const answer = await fetch(address(state.form), { method: "POST", body: read(state.form), signal });
    const text = await answer.text();
    if (answer.redirected || !answer.ok) say(state, state.said.dataset.away);
    else if (answer.headers.has("X-Not-Shown")) say(state, state.said.dataset.wrong, list(text));
    else show(state, text);
  } catch {
    if (!signal.aborted) say(state, state.said.dataset.away);
  }
}

function address(form) {
  const url = new URL(form.action);
  url.searchParams.set("lang", document.documentElement.lang);
  return url;
}

// All that is typed. Chosen pictures stay here until they are kept.
function read(form) {
  const sent = new FormData(form);
  for (const [name, value] of [...sent]) if (value instanceof File) sent.delete(name);
  sent.set("preview", "live");
  return sent;
}

function show(state, text) {
  state.from = state.frame.srcdoc ? state.frame.contentWindow.scrollY : null;
  state.frame.srcdoc = text;
  say(state, "");
}

function scroll(state) {
  const page = state.frame.contentDocument;
  const place = page.getElementById(state.form.dataset.live);
  const top = state.from ?? (place ? place.getBoundingClientRect().top : 0);
  state.frame.contentWindow.scrollTo(0, top);
}

// What is wrong, as the page would say it above its form.
function list(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  return [...page.querySelectorAll(".error-summary li")].map((one) => one.textContent.trim());
}

function say(state, text, rest = []) {
  const whole = [text, ...rest].join(" ");
  if (state.said.textContent !== whole) state.said.textContent = whole;
}
