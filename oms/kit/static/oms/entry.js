// The page “New order”: what is taken from a list fills its fields, lines are added, the totals follow, Ctrl + Enter enters.
(() => {
  "use strict";
  const form = document.getElementById("entry");
  if (!form) return;
  const body = document.getElementById("entry-lines");
  const totals = document.getElementById("entry-totals");
  const history = document.getElementById("entry-history");
  const PAUSE = 250;
  let timer, asked, count = body.rows.length;

  const cell = (row, name) => row.querySelector(`[name=${name}]`);
  const addRow = () => {
    const row = body.rows[0].cloneNode(true);
    count += 1;
    for (const input of row.querySelectorAll("input")) input.value = input.name === "quantity" ? "1" : "";
    for (const text of row.querySelectorAll(".wrong")) text.remove();
    row.querySelector(".e-about").textContent = "";
    row.querySelector(".e-amount").textContent = "";
    const field = cell(row, "sku"), list = row.querySelector(".e-list");
    list.id = field.dataset.list = `entry-skus-${count}`;
    list.hidden = true;
    list.replaceChildren();
    field.setAttribute("aria-controls", list.id);
    field.setAttribute("aria-expanded", "false");
    body.append(row);
    return row;
  };
  const emptyRow = () => [...body.rows].find((row) => !cell(row, "sku").value.trim()) || addRow();
  const filled = () => [...body.rows].filter((row) => ["sku", "price", "line_discount"].some((name) => cell(row, name).value.trim()));

  const askTotals = async () => {
    asked?.abort();
    const mine = asked = new AbortController();
    try {
      const answer = await fetch(form.dataset.totals, { method: "POST", body: new FormData(form), signal: mine.signal, credentials: "same-origin" });
      if (!answer.ok || answer.redirected) return;
      totals.innerHTML = await answer.text();
      const amounts = (totals.querySelector("[data-amounts]")?.dataset.amounts || "").trim().split(" ");
      for (const row of body.rows) row.querySelector(".e-amount").textContent = "";
      filled().forEach((row, at) => { row.querySelector(".e-amount").textContent = amounts[at] || ""; });
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  };
  const changed = () => { clearTimeout(timer); timer = setTimeout(askTotals, PAUSE); };

  const showHistory = async (order) => {
    const answer = await fetch(`${form.dataset.history.replace("/0/", `/${order}/`)}?store=${form.elements.store.value}`, { credentials: "same-origin" });
    if (answer.ok) history.innerHTML = await answer.text();
  };
  const takeBuyer = (data) => {
    for (const [name, value] of Object.entries(data)) if (form.elements[name]) form.elements[name].value = value;
    showHistory(data.order);
    cell(emptyRow(), "sku").focus();
  };
  const takeSku = (field, data) => {
    const row = field.closest("tr");
    field.value = data.sku;
    const about = row.querySelector(".e-about");
    about.textContent = data.about;
    about.classList.toggle("soon", data.available !== "" && Number(data.available) <= 0);
    cell(row, "price").placeholder = data.price;
    const units = cell(row, "quantity");
    units.focus();
    units.select();
    changed();
  };

  form.addEventListener("taken", (event) => {
    if (event.target.id === "entry-buyer") takeBuyer(event.detail);
    else takeSku(event.target, event.detail);
  });
  form.addEventListener("input", (event) => { if (event.target.id !== "entry-buyer") changed(); });
  form.addEventListener("change", (event) => {
    if (event.target.id === "entry-store" && event.target.tagName === "SELECT") changed();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("[name=do][value=enter]"));
    } else if (event.target.closest("#entry-lines input:not([data-lookup])")) {
      event.preventDefault();
      cell(emptyRow(), "sku").focus();
    } else if (event.target.matches("input:not([data-lookup])")) {
      event.preventDefault(); // an order is not entered by an Enter too early
      const fields = [...form.querySelectorAll("input:not([type=hidden]), select, textarea, button")];
      fields[fields.indexOf(event.target) + 1]?.focus();
    }
  });
  document.getElementById("entry-add").addEventListener("click", () => cell(emptyRow(), "sku").focus());
  body.addEventListener("click", (event) => {
    const button = event.target.closest(".e-remove");
    if (!button) return;
    const row = button.closest("tr");
    if (body.rows.length === 1) addRow();
    row.remove();
    cell(emptyRow(), "sku").focus();
    changed();
  });
  if (filled().length) changed();
  (document.querySelector("[aria-invalid=true]") || document.getElementById("entry-buyer")).focus();
})();
