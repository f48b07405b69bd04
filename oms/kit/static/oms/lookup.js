// A field with a list under it: [data-lookup] asks that address while one types, arrow keys choose, Enter takes, Esc closes.
// The list is the element [data-list]. What was taken is announced as the event "taken" on the field, with the option.
(() => {
  "use strict";
  const PAUSE = 150;
  const states = new WeakMap();
  const listOf = (field) => document.getElementById(field.dataset.list);
  const options = (field) => [...listOf(field).querySelectorAll("[role=option]")];
  const chosen = (field) => listOf(field).querySelector("[aria-selected=true]");
  const state = (field) => {
    if (!states.has(field)) states.set(field, { timer: 0, asked: null, shown: null, waiting: null });
    return states.get(field);
  };
  const choose = (field, option) => {
    chosen(field)?.setAttribute("aria-selected", "false");
    if (!option) { field.removeAttribute("aria-activedescendant"); return; }
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  };
  const close = (field) => {
    const mine = state(field);
    clearTimeout(mine.timer);
    mine.asked?.abort();
    mine.shown = null;
    listOf(field).hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const take = (field, option) => {
    close(field);
    field.dispatchEvent(new CustomEvent("taken", { bubbles: true, detail: { ...option.dataset } }));
  };
  const ask = async (field) => {
    const mine = state(field), text = field.value.trim();
    mine.asked?.abort();
    if (text.length < 2) { close(field); return; }
    const asked = mine.asked = new AbortController();
    const store = field.form?.elements.store?.value || "";
    try {
      const url = `${field.dataset.lookup}?q=${encodeURIComponent(text)}&store=${encodeURIComponent(store)}`;
      const answer = await fetch(url, { signal: asked.signal, credentials: "same-origin" });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const html = await answer.text();
      if (asked.signal.aborted || field.value.trim() !== text) return;
      const list = listOf(field);
      list.innerHTML = html;
      options(field).forEach((option, at) => { option.id = `${list.id}-${at}`; });
      list.hidden = document.activeElement !== field;
      field.setAttribute("aria-expanded", String(!list.hidden));
      mine.shown = text;
      choose(field, options(field)[0]);
    } catch (error) {
      if (error.name !== "AbortError") close(field);
    }
  };
  // Enter before the list has come, as a scanner sends it: wait for the list, then take its first option.
  const takeFirst = async (field) => {
    clearTimeout(state(field).timer);
    if (state(field).shown !== field.value.trim()) await ask(field);
    const option = chosen(field);
    if (option) take(field, option);
  };
  const fieldOf = (event) => event.target.closest?.("[data-lookup]");

  document.addEventListener("input", (event) => {
    const field = fieldOf(event);
    if (!field) return;
    const mine = state(field);
    clearTimeout(mine.timer);
    mine.timer = setTimeout(() => ask(field), PAUSE);
  });
  document.addEventListener("keydown", (event) => {
    const field = fieldOf(event);
    if (!field || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter") {
      event.preventDefault();
      if (field.value.trim()) takeFirst(field);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const rows = options(field), at = rows.indexOf(chosen(field));
      if (rows.length) choose(field, rows[(at + (event.key === "ArrowDown" ? 1 : -1) + rows.length) % rows.length]);
    } else if (event.key === "Escape" && !listOf(field).hidden) {
      event.preventDefault();
      close(field);
    }
  });
  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest("[role=option]");
    const list = option?.closest("[role=listbox]");
    const field = list && document.querySelector(`[data-list="${CSS.escape(list.id)}"]`);
    if (!field) return;
    event.preventDefault(); // the field keeps the focus
    take(field, option);
  });
  document.addEventListener("focusout", (event) => {
    const field = fieldOf(event);
    if (field) close(field);
  });
})();
