// Admin lists: the bar over chosen rows, the count, columns in order, figures edited in their cell. Keys are oms.js's.
(() => {
  "use strict";
  const table = document.getElementById("list-table");
  const bar = document.getElementById("bulk-bar");
  const all = document.getElementById("pick-all");
  const toast = document.getElementById("list-toast");

  // Chosen rows.
  const boxes = () => table ? [...table.querySelectorAll("input[name=_selected_action]")] : [];
  const refresh = () => {
    const list = boxes(), chosen = list.filter((box) => box.checked).length;
    list.forEach((box) => box.closest("tr").classList.toggle("chosen", box.checked));
    if (bar) {
      bar.hidden = chosen === 0;
      document.getElementById("bulk-count").textContent = chosen;
      const across = document.getElementById("bulk-all");
      if (across && chosen === 0) across.checked = false;
    }
    if (all) {
      all.checked = chosen > 0 && chosen === list.length;
      all.indeterminate = chosen > 0 && chosen < list.length;
    }
  };
  all?.addEventListener("change", () => { boxes().forEach((box) => { box.checked = all.checked; }); refresh(); });
  table?.addEventListener("change", (event) => { if (event.target.name === "_selected_action") refresh(); });
  // The whole cell around a box ticks it: the box itself is small.
  table?.addEventListener("click", (event) => {
    const cell = event.target.closest("td.pick, th.pick");
    if (cell && event.target === cell) cell.querySelector("input").click();
  });
  refresh();  // the server ticks the rows of the last action

  // On a phone the filters are behind one button, and the cards show the first columns; both open on demand.
  document.querySelectorAll("[data-opens]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      const isOpen = document.getElementById(button.dataset.opens).classList.toggle("is-open");
      button.setAttribute("aria-expanded", String(isOpen));
    });
  });

  // The number of rows, asked for when the page is there.
  const count = document.querySelector("[data-count]");
  if (count) {
    fetch(count.dataset.count, { credentials: "same-origin" })
      .then((answer) => answer.ok ? answer.json() : {})
      .then((data) => { if (data.count) count.textContent = count.textContent.replace(/[\d.,\s]+\+?/, `${data.count} `); })
      .catch(() => {});
  }

  // Columns in the order that a person likes.
  document.getElementById("column-choice")?.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (!button) return;
    const item = button.closest("li");
    if (button.dataset.move === "-1") item.previousElementSibling?.before(item);
    else item.nextElementSibling?.after(item);
    button.focus();
  });

  // Figures: Enter saves, Esc cancels; for a minute the change can be undone.
  const words = document.getElementById("list-words")?.dataset || {};
  const token = () => document.querySelector("input[name=csrfmiddlewaretoken]").value;
  const send = async (row, body) => {
    const answer = await fetch(`${row.dataset.pk}/set/`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
      body: JSON.stringify(body),
    });
    return { status: answer.status, data: await answer.json().catch(() => ({})) };
  };
  const names = table ? [...table.querySelectorAll("thead th")].map((head) => head.dataset.name) : [];
  const show = (row, cells) => {
    [...row.cells].forEach((cell, place) => { if (names[place] in cells) cell.innerHTML = cells[names[place]]; });
  };
  let fading;
  const say = (text, undo) => {
    clearTimeout(fading);
    toast.replaceChildren(document.createTextNode(text));
    if (undo) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "d-btn small", textContent: words.undo });
      button.addEventListener("click", undo);
      toast.append(button);
    }
    toast.hidden = false;
    fading = setTimeout(() => { toast.hidden = true; }, 60000);
  };
  const save = async (row, body, field) => {
    const { status, data } = await send(row, body);
    if (status !== 200) return { error: data.error || words.failed, now: data.now };
    show(row, data.cells);
    row.querySelector(`[data-edit="${field}"]`)?.focus();
    say(`${words.saved} ${body.was || "–"} → ${data.value || "–"}`, async () => {
      const back = await send(row, { field, value: body.was, was: data.value, reason: words.undone });
      if (back.status === 200) { show(row, back.data.cells); say(words.restored); } else say(back.data.error || words.failed);
    });
    return {};
  };
  const edit = (button) => {
    const row = button.closest("tr"), cell = button.closest("td"), before = cell.innerHTML, field = button.dataset.edit;
    let was = button.dataset.was, isSending = false;
    const form = document.createElement("span");
    form.className = "d-figure-form";
    const value = Object.assign(document.createElement("input"), { type: "text", name: "value", value: was, inputMode: "numeric", autocomplete: "off" });
    value.setAttribute("aria-label", button.getAttribute("aria-label"));
    form.append(value);
    const reason = Object.assign(document.createElement("input"), { type: "text", name: "reason", maxLength: 200, placeholder: button.dataset.reason });
    reason.setAttribute("aria-label", words.reason);
    if (button.dataset.reason) form.append(reason);
    const error = Object.assign(document.createElement("span"), { className: "d-figure-error" });
    error.setAttribute("role", "alert");
    form.append(error);
    const close = () => { cell.innerHTML = before; cell.querySelector("[data-edit]")?.focus(); };
    form.addEventListener("keydown", async (event) => {
      if (event.key === "Escape") { event.preventDefault(); close(); }
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (isSending) return;
      if (value.value.trim() === was) { close(); return; }
      isSending = true;
      const answer = await save(row, { field, value: value.value.trim(), was, reason: reason.value }, field).catch(() => ({ error: words.failed }));
      isSending = false;
      if (answer.error) {
        error.textContent = answer.error;
        if (answer.now !== undefined) was = answer.now;
        value.focus();
        value.select();
      }
    });
    cell.replaceChildren(form);
    value.focus();
    value.select();
  };
  table?.addEventListener("click", (event) => {
    const button = event.target.closest("[data-edit]");
    if (button) edit(button);
  });
})();
