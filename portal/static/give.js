// Makes the giving form quicker: a live summary, live codes, currencies and frequencies.
// Everything here also works without it; the server always judges again.

const form = document.querySelector("form[data-give]");
if (form) begin(form);

function begin(form) {
  const state = { form, asked: 0 };
  hideFallbacks(form);
  looseBar(form);
  form.addEventListener("input", (event) => onInput(state, event.target));
  form.addEventListener("click", (event) => onClick(state, event));
  form.addEventListener("keydown", (event) => onKey(state, event));
  form.addEventListener("submit", (event) => onSubmit(form, event));
  window.addEventListener("pageshow", () => release(form));
  document.querySelector("[data-focus]")?.focus();
  show(state);
}

function hideFallbacks(form) {
  for (const part of form.querySelectorAll("[data-without-script]")) part.hidden = true;
}

function onInput(state, field) {
  if (field.name === "amount") pairAmounts(state.form, field);
  if (["frequency", "currency"].includes(field.name) || "reload" in field.dataset) reload(state);
  show(state);
}

// A set sum empties the box; typing in the box lets go of the set sums.
function pairAmounts(form, field) {
  const own = form.querySelector("#amount-own");
  if (field.type === "radio") own.value = "";
  else for (const card of form.querySelectorAll("input[type=radio][name=amount]")) card.checked = false;
}

function onClick(state, event) {
  const name = event.target.closest("button")?.name;
  if (name !== "apply_code" && name !== "remove_code") return;
  event.preventDefault();
  const code = state.form.elements.namedItem("code");
  if (name === "remove_code") code.value = "";
  reload(state, true);
}

function onKey(state, event) {
  if (event.key !== "Enter" || event.target.name !== "code") return;
  event.preventDefault();
  reload(state, true);
}

// One click is one gift: a second is not sent while the first is on its way.
function onSubmit(form, event) {
  if (form.dataset.sending) return event.preventDefault();
  form.dataset.sending = "1";
  form.querySelector("#send").setAttribute("aria-disabled", "true");
}

function release(form) {
  delete form.dataset.sending;
  form.querySelector("#send").removeAttribute("aria-disabled");
}

// Ask the server for the same page with other choices, and take over the parts that depend
// on them. What was typed stays.
async function reload(state, moveFocus = false) {
  const asked = ++state.asked;
  const response = await fetch(addressOf(state.form)).catch(() => null);
  if (asked !== state.asked || !response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (asked !== state.asked) return;
  const kept = keepChoices(state.form);
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.getElementById(part.id);
    if (fresh) part.replaceChildren(...fresh.childNodes);
  }
  hideFallbacks(state.form);
  Object.assign(summaryOf(state.form).dataset, page.getElementById("summary").dataset);
  restoreChoices(state.form, kept);
  if (moveFocus) state.form.querySelector("#code-accepted, #code-refused, #code")?.focus();
  show(state);
}

function addressOf(form) {
  const query = new URLSearchParams({ lang: form.dataset.locale });
  const data = new FormData(form);
  const names = ["code", "currency", "frequency"];
  if (form.querySelector("[name=fund][data-reload]")) names.push("fund");
  for (const name of names) if (data.get(name)) query.set(name, data.get(name));
  return `${form.dataset.address}?${query}`;
}

function keepChoices(form) {
  const data = new FormData(form);
  return {
    amount: amountText(form),
    typed: form.querySelector("#amount-own").value,
    mode: data.get("mode"),
    fund: data.get("fund"),
    cover: data.has("cover_fee"),
    partner: data.get("consent_partner"),
  };
}

function restoreChoices(form, kept) {
  const card = [...form.querySelectorAll("input[type=radio][name=amount]")].find(
    (input) => input.value === kept.amount,
  );
  const own = form.querySelector("#amount-own");
  if (kept.amount) own.value = "";
  if (card && !kept.typed) card.checked = true;
  else if (kept.amount) {
    for (const input of form.querySelectorAll("input[type=radio][name=amount]")) input.checked = false;
    own.value = kept.typed || kept.amount;
  }
  const mode = kept.mode && form.querySelector(`input[name=mode][value="${CSS.escape(kept.mode)}"]`);
  if (mode) mode.checked = true;
  const fund = form.querySelector("select[name=fund]");
  if (fund && kept.fund) {
    fund.value = kept.fund;
    if (fund.selectedIndex < 0) fund.selectedIndex = 0;
  }
  const cover = form.querySelector("#cover_fee");
  if (cover) cover.checked = kept.cover;
  // What was said to one partner is not said to another.
  const partner = form.querySelector("#consent_partner");
  if (partner) partner.checked = partner.value === kept.partner;
}

function amountText(form) {
  const own = form.querySelector("#amount-own").value.trim();
  return own || form.querySelector("input[type=radio][name=amount]:checked")?.value || "";
}

// Minor units of what was chosen or typed; 0 for nothing yet, null for what can't be read.
function readAmount(form, texts) {
  const text = amountText(form);
  const how = isCard(form, text) ? { ...texts, decimal: ".", group: "," } : texts;
  const number = bareNumber(text, how);
  return number ? minorUnits(number, how) : 0;
}

// Set sums are written with a point whatever the locale.
function isCard(form, text) {
  const cards = form.querySelectorAll("input[type=radio][name=amount]");
  return [...cards].some((card) => card.value === text);
}

// The rules of parse_amount in portal/money.py, so that the summary names what the server will
// charge; null for what the server would refuse. `how` has the locale's and currency's signs.
function minorUnits(number, how) {
  const digits = Number(how.exponent);
  const [whole, fraction] = splitDecimals(number, digits, how) ?? [];
  if (whole === undefined || whole.length > 12 || fraction.length > Math.max(digits, 2)) return null;
  if (fraction.replace(/0+$/, "").length > digits) return null;
  return Number(whole + fraction.slice(0, digits).padEnd(digits, "0"));
}

// Digits as ASCII, and without the currency's sign or code around them.
function bareNumber(text, { decimal, signs }) {
  const folded = text
    .normalize("NFKC")
    .replace(/\p{Nd}/gu, digitOf)
    .replace(/٫/g, decimal)
    .replace(/[٬’]/g, "'")
    .replace(/\s/g, " ")
    .trim();
  const sign = signs.split("|").map((one) => one.replace(/[^\p{L}\s]/gu, "\\$&")).join("|");
  return folded.replace(new RegExp(`^(?:${sign})?\\s*(.*?)\\s*(?:${sign})?$`, "i"), "$1");
}

// Every script's digits stand in a row from zero to nine.
function digitOf(digit) {
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(digit.codePointAt(0) - before - 1))) before++;
  return before % 10;
}

function splitDecimals(number, digits, { decimal, group, step }) {
  if (/^\d+$/.test(number)) return [number, ""];
  const [marked, whole, mark, fraction] = /^(\d+)([.,])(\d+)$/.exec(number) ?? [];
  if (marked) {
    const mayGroup = fraction.length === 3 && whole.length <= 3 && /[^0]/.test(whole);
    if (!mayGroup || (digits === 3 && mark === decimal)) return [whole, fraction];
    return mark === group && digits !== 3 ? [whole + fraction, ""] : null;
  }
  const grouped = splitGroups(number, 3) ?? splitGroups(number, step);
  return grouped && [grouped[1].replace(/\D/g, ""), grouped[3] ?? ""];
}

function splitGroups(number, step) {
  const groups = `(\\d{1,${step}}([ ,.'])(?:\\d{${step}}\\2)*\\d{3})`;
  return new RegExp(`^${groups}(?:(?!\\2)[.,](\\d{1,3}))?$`).exec(number);
}

// As the server writes it: the browser's own habits of a locale may be others.
function writeMoney(minor, { exponent, decimal, group, step, money }) {
  const digits = Number(exponent);
  const figures = String(minor).padStart(digits + 1, "0");
  const cut = figures.length - digits;
  const between = new RegExp(`\\B(?=(?:\\d{${step}})*\\d{3}$)`, "g");
  const whole = figures.slice(0, cut).replace(between, group);
  return fill(money, { number: digits ? whole + decimal + figures.slice(cut) : whole });
}

// The one formula of portal/regions/records.py, in whole minor units.
function coverOf(minor, mode) {
  if (!mode?.dataset.rate) return 0;
  const rate = Number(mode.dataset.rate);
  const due = minor * rate + Number(mode.dataset.fixed) * 10000;
  const cover = Math.ceil(due / (10000 - rate));
  return mode.dataset.cap ? Math.min(cover, Number(mode.dataset.cap)) : cover;
}

function summaryOf(form) {
  return form.querySelector("#summary");
}

function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

function show({ form }) {
  const texts = summaryOf(form).dataset;
  const note = summaryOf(form).querySelector(".summary-note");
  note.dataset.first ??= note.textContent;
  const monthly = form.querySelector("[name=frequency]:checked, [name=frequency][type=hidden]")?.value === "monthly";
  holdModes(form, monthly);
  const minor = readAmount(form, texts);
  const mode = form.querySelector("input[name=mode]:checked");
  const fee = minor ? coverOf(minor, mode) : 0;
  const cover = form.querySelector("#cover_fee")?.checked ? fee : 0;
  const money = (sum) => writeMoney(sum, texts);
  tellLine(form, minor, monthly);
  tellButton(form, minor && money(minor + cover), mode, monthly);
  offerCover(form, minor, fee);
  note.classList.toggle("quiet", !cover);
  note.textContent = cover
    ? fill(texts.cover, { cover: money(cover), total: money(minor + cover) })
    : note.dataset.first;
  const heading = form.querySelector("[name=fund]")?.selectedOptions?.[0]?.dataset.heading;
  if (heading) document.querySelector("h1").textContent = heading;
}

function tellLine(form, minor, monthly) {
  const texts = summaryOf(form).dataset;
  const line = summaryOf(form).querySelector(".summary");
  if (!minor) {
    line.textContent = minor === null ? texts.unread : texts.ask;
    return;
  }
  const sentence = fill(monthly ? texts.monthly : texts.once, {
    amount: writeMoney(minor, texts),
    fund: fundName(form),
  });
  line.textContent = sentence + (texts.applied ? fill(texts.code, { code: texts.applied }) : "");
}

// The words of portal/giving/form/offer.py.
function tellButton(form, amount, mode, monthly) {
  const texts = summaryOf(form).dataset;
  const words = !amount
    ? texts.pressNone
    : mode && "sends" in mode.dataset
      ? texts.pressSends
      : monthly
        ? texts.pressMonthly
        : texts.pressOnce;
  form.querySelector("#send").textContent = fill(words, { amount });
}

function offerCover(form, minor, fee) {
  const label = form.querySelector("label[for=cover_fee]");
  const texts = summaryOf(form).dataset;
  if (!label) return;
  label.textContent = fee
    ? fill(texts.add, { cover: writeShort(fee, texts), given: writeShort(minor, texts) })
    : texts.addNone;
}

// As set sums are written: without decimals where there are none.
function writeShort(minor, texts) {
  const unit = 10 ** Number(texts.exponent);
  const whole = minor % unit ? {} : { exponent: "0" };
  return writeMoney(minor % unit ? minor : minor / unit, { ...texts, ...whole, money: texts.short });
}

// What can't be paid monthly steps back; the first of those that can takes its place.
function holdModes(form, monthly) {
  const all = [...form.querySelectorAll("input[name=mode]")];
  for (const mode of all) {
    mode.disabled = monthly && "onceOnly" in mode.parentElement.dataset;
    if (mode.disabled) mode.checked = false;
  }
  const first = all.find((mode) => !mode.disabled);
  if (first && !all.some((mode) => mode.checked)) first.checked = true;
}

// The style sheet reckons with a bar of one line; larger letters make it what they make it.
function looseBar(form) {
  const bar = form.querySelector(".closing-bar");
  const fit = () => bar.classList.toggle("closing-bar--loose", bar.offsetHeight > innerHeight / 5);
  new ResizeObserver(fit).observe(bar);
  window.addEventListener("resize", fit);
}

function fundName(form) {
  const fund = form.querySelector("[name=fund]");
  const chosen = fund.selectedOptions?.[0] ?? fund;
  return chosen.dataset.label;
}
