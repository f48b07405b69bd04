// The rows of a rule: the value field suggests what fits the choice, and only the comparisons that fit are offered.
(() => {
  "use strict";
  const follow = (row, isNew) => {
    const choice = row.querySelector("[data-rule-choice]").selectedOptions[0];
    const value = row.querySelector("[data-rule-value]");
    const ops = row.querySelector("[data-rule-op]");
    const list = choice.dataset.list && document.getElementById(`list-${choice.dataset.list}`);
    value.placeholder = choice.dataset.hint || "";
    if (list) value.setAttribute("list", list.id);
    else value.removeAttribute("list");
    if (!ops) { value.readOnly = choice.value === "release"; return; }
    const allowed = choice.dataset.ops ? choice.dataset.ops.split(" ") : [];
    for (const option of ops.options) option.hidden = option.disabled = allowed.length > 0 && !allowed.includes(option.value);
    if (allowed.length && (isNew || ops.selectedOptions[0]?.disabled)) ops.value = allowed[0];
  };
  // A person may have chosen before this script ran, and a browser may put an earlier choice back: that is a change, too.
  const given = (select) => Math.max(0, [...select.options].findIndex((option) => option.defaultSelected));
  const isUntouched = (select) => !select || select.selectedIndex === given(select);
  for (const row of document.querySelectorAll("[data-rule-row]")) {
    const choice = row.querySelector("[data-rule-choice]");
    choice.addEventListener("change", () => follow(row, true));
    follow(row, !isUntouched(choice) && isUntouched(row.querySelector("[data-rule-op]")));
  }
})();
