// The product page: pictures are ordered by dragging them, and the description has buttons for its tags. Both work without.
(() => {
  "use strict";

  // Pictures.
  const list = document.querySelector(".d-gallery[data-order]");
  if (list) {
    let held = null;
    const order = () => [...list.children].map((item) => item.dataset.key).join(",");
    let before = order();
    list.addEventListener("dragstart", (event) => {
      if (event.target.closest("input, select, button")) return;
      held = event.target.closest("li");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", held.dataset.key);
      held.classList.add("held");
    });
    list.addEventListener("dragover", (event) => {
      const over = event.target.closest("li");
      if (!held || !over) return;
      event.preventDefault();
      if (over === held) return;
      const items = [...list.children];
      if (items.indexOf(held) < items.indexOf(over)) over.after(held);
      else over.before(held);
    });
    list.addEventListener("drop", (event) => event.preventDefault());
    list.addEventListener("dragend", () => {
      if (!held) return;
      held.classList.remove("held");
      held = null;
      const now = order();
      if (now === before) return;
      before = now;
      const form = document.getElementById(list.dataset.order);
      form.elements.order.value = now;
      form.submit();
    });
  }

  // The theme writes the name of a chosen file into a field of its own form, which this page does not have.
  document.addEventListener("change", (event) => {
    if (event.target.matches(".d input[type=file]")) event.stopImmediatePropagation();
  }, true);

  // Description.
  const BUTTONS = [
    ["B", "strong"], ["I", "em"], ["H", "h3"], ["¶", "p"], ["•", "ul"], ["1.", "ol"], ["↗", "a"],
  ];
  const wrapped = (tag, text) => {
    if (tag === "ul" || tag === "ol") {
      const lines = (text || "…").split("\n").filter((line) => line.trim());
      return `<${tag}>\n${lines.map((line) => `<li>${line.trim()}</li>`).join("\n")}\n</${tag}>`;
    }
    return tag === "a" ? `<a href="https://">${text || "…"}</a>` : `<${tag}>${text || "…"}</${tag}>`;
  };
  for (const area of document.querySelectorAll("textarea[data-rich]:not([disabled])")) {
    const bar = document.createElement("div");
    bar.className = "d-row d-rich-bar";
    for (const [words, tag] of BUTTONS) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "d-btn small";
      button.textContent = words;
      button.title = `<${tag}>`;
      button.setAttribute("aria-label", `<${tag}>`);
      button.addEventListener("click", () => {
        const { selectionStart: from, selectionEnd: to, value } = area;
        area.setRangeText(wrapped(tag, value.slice(from, to)), from, to, "select");
        area.focus();
      });
      bar.append(button);
    }
    area.before(bar);
  }
})();
