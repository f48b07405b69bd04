// The search box of every page: results while one types, arrow keys, Enter opens, Esc leaves. "/" goes to the box.
(() => {
  "use strict";
  const field = document.getElementById("oms-find");
  if (!field) return;
  const form = field.form;
  const list = document.getElementById("oms-find-list");
  const said = document.getElementById("oms-find-said");
  const FEWEST = 2, PAUSE = 180;
  let waiting, asked, shown = "", came = null;

  const options = () => [...list.querySelectorAll("[role=option]")];
  const chosen = () => list.querySelector("[aria-selected=true]");
  const choose = (option) => {
    chosen()?.setAttribute("aria-selected", "false");
    if (option) {
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      field.setAttribute("aria-activedescendant", option.id);
    } else field.removeAttribute("aria-activedescendant");
  };
  const close = () => {
    clearTimeout(waiting);
    asked?.abort();
    choose(null);
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
  };
  const open = () => {
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
  };
  const ask = async () => {
    const text = field.value.trim();
    asked?.abort();
    if (text.length < FEWEST) { shown = ""; close(); said.textContent = ""; return; }
    if (text === shown) { open(); return; }
    const mine = asked = new AbortController();
    said.textContent = form.dataset.wait;
    try {
      const answer = await fetch(`${form.dataset.results}?q=${encodeURIComponent(text)}`, { signal: mine.signal, credentials: "same-origin" });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const html = await answer.text();
      if (mine.signal.aborted || document.activeElement !== field) return;
      choose(null);
      list.innerHTML = html;
      list.scrollTop = 0;
      shown = text;
      said.textContent = list.querySelector("[data-said]")?.dataset.said || "";
      open();
    } catch (error) {
      if (error.name !== "AbortError") { close(); shown = ""; said.textContent = form.dataset.failed; }
    }
  };

  field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, PAUSE); });
  field.addEventListener("focus", () => { if (shown && field.value.trim() === shown) open(); });
  field.addEventListener("keydown", (event) => {
    const rows = list.hidden ? [] : options();
    const at = rows.indexOf(chosen());
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!rows.length) { ask(); return; }
      const step = event.key === "ArrowDown" ? 1 : -1;
      // Before the first and after the last one is in the field again.
      const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step;
      choose(rows[next] || null);
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      rows[at].click();
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (!list.hidden) { close(); return; }
      field.blur();
      came?.focus();
    } else if (event.key === "Tab") close();
  });
  form.addEventListener("submit", (event) => { if (!field.value.trim()) event.preventDefault(); });
  list.addEventListener("mousedown", (event) => event.preventDefault());  // the field keeps the focus
  document.addEventListener("click", (event) => { if (!form.contains(event.target)) close(); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || (typing && event.target.type !== "checkbox")) return;
    event.preventDefault();
    came = document.activeElement === document.body ? null : document.activeElement;
    field.focus();
    field.select();
  });
})();
