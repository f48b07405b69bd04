// The bar that appears when orders are chosen (the keys are oms.js's).
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const table = document.getElementById("order-table");
  const bar = document.getElementById("bulk-bar");
  const all = document.getElementById("pick-all");
  const rows = table ? [...table.querySelectorAll("tbody tr")] : [];
  const boxOf = (row) => row.querySelector("input[name=pick]");

  function refresh() {
    let chosen = 0;
    for (const row of rows) {
      const box = boxOf(row);
      row.classList.toggle("chosen", Boolean(box && box.checked));
      if (box && box.checked) chosen += 1;
    }
    if (bar) {
      bar.hidden = chosen === 0;
      document.getElementById("bulk-count").textContent = chosen;
      const every = document.getElementById("bulk-all");
      if (every && chosen === 0) every.checked = false;
    }
    if (all) {
      all.checked = chosen > 0 && chosen === rows.length;
      all.indeterminate = chosen > 0 && chosen < rows.length;
    }
  }

  if (all) all.addEventListener("change", () => {
    for (const row of rows) boxOf(row).checked = all.checked;
    refresh();
  });
  if (table) table.addEventListener("change", (event) => { if (event.target.name === "pick") refresh(); });

  refresh();  // the browser keeps ticks when one comes back
});
