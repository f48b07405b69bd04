// The ship station: Enter (as a scanner sends it) goes to the next row, a pasted column fills the rows below, Ctrl + Enter
// sends. A row with a new number is ticked. What is missing or stands twice is said before anything is sent.
(() => {
  "use strict";
  const form = document.getElementById("station");
  if (!form) return;
  const said = document.getElementById("station-said");
  const button = document.getElementById("station-ship");
  const fields = [...form.querySelectorAll("input[name^=number-]")];
  const tick = (field) => field.closest("tr").querySelector("[name=pick]");
  const text = (words, value) => words.replace("%1", value);

  const check = () => {
    const seen = new Map(), parts = [];
    for (const field of fields) {
      const value = field.value.trim();
      field.removeAttribute("aria-invalid");
      if (!value) continue;
      if (seen.has(value)) {
        seen.get(value).setAttribute("aria-invalid", "true");
        field.setAttribute("aria-invalid", "true");
        parts[0] = text(form.dataset.twice, value);
      } else seen.set(value, field);
    }
    const chosen = fields.filter((field) => tick(field)?.checked);
    const without = chosen.filter((field) => !field.value.trim() && field.dataset.expected !== undefined);
    parts.push(text(form.dataset.chosen, chosen.length));
    if (without.length) parts.push(text(form.dataset.without, without.length));
    said.textContent = parts.filter(Boolean).join(" · ");
    said.classList.toggle("wrong", Boolean(parts[0]?.includes(form.dataset.twice.split("%1")[0])));
  };
  const put = (field, value) => {
    field.value = value;
    const box = tick(field);
    if (box) box.checked = Boolean(value.trim());
  };
  form.addEventListener("input", (event) => {
    if (fields.includes(event.target)) put(event.target, event.target.value);
    check();
  });
  form.addEventListener("change", check);
  form.addEventListener("paste", (event) => {
    const at = fields.indexOf(event.target);
    const lines = event.clipboardData?.getData("text").replace(/\r/g, "").replace(/\n$/, "").split("\n") || [];
    if (at < 0 || lines.length < 2) return;
    event.preventDefault();
    lines.forEach((line, step) => { if (fields[at + step]) put(fields[at + step], line.split("\t")[0].trim()); });
    (fields[at + lines.length] || button).focus();
    check();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      form.requestSubmit(button);
    } else if (event.target.matches("input")) {
      event.preventDefault();
      const at = fields.indexOf(event.target);
      const next = fields[at + 1] || button;
      next.focus();
      next.select?.();
    }
  });
  check();
  (document.querySelector("#station-ask button") || form.querySelector("[aria-invalid=true]") ||
    fields.find((field) => !field.value) || fields[0])?.focus();
})();
