// Shows what is in a bank's file without leaving the page, so that the chosen file stays chosen.

const form = document.querySelector("#import");
const bank = form?.querySelector("#bank");
form?.querySelector("[data-preview]").addEventListener("click", look);
bank?.addEventListener("change", () => {
  form.querySelector("#columns").open = bank.value === "columns";
});

async function look(event) {
  event.preventDefault();
  const answer = await fetch(event.target.formAction, { method: "POST", body: new FormData(form) });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const problems = page.querySelector(".error-summary");
  document.querySelector(".error-summary")?.remove();
  if (problems) document.querySelector("main").prepend(problems);
  document.querySelector("#preview").replaceChildren(...page.querySelector("#preview").childNodes);
  (problems ?? document.querySelector("#preview")).scrollIntoView();
}
