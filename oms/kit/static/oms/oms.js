// What every page of Manifold OMS does by itself. Each page also works without it.
(() => {
  "use strict";
  const one = (selector, root = document) => root.querySelector(selector);
  const typing = (node) => node && (node.isContentEditable || (/^(INPUT|SELECT|TEXTAREA)$/.test(node.tagName) && !/^(checkbox|radio|button|submit)$/.test(node.type)));

  // Times are shown in the zone of this browser: the server reads it from a cookie (oms/middleware.py).
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  if (zone && !document.cookie.split("; ").includes(`oms_zone=${zone}`)) {
    document.cookie = `oms_zone=${zone}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  }

  // The menu on a narrow screen.
  const side = one("#oms-side");
  const opener = one("#oms-menu-button");
  const openMenu = (open) => {
    side.classList.toggle("is-open", open);
    opener.setAttribute("aria-expanded", String(open));
    if (open) one("a", side)?.focus(); else opener.focus();
  };
  if (side && opener) {
    opener.addEventListener("click", () => openMenu(!side.classList.contains("is-open")));
    document.addEventListener("click", (event) => {
      if (side.classList.contains("is-open") && !side.contains(event.target) && !opener.contains(event.target)) openMenu(false);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && side.classList.contains("is-open")) openMenu(false);
    });
  }

  // The skip link moves the focus and leaves the address as it is: with #main in it, the next page of this address
  // would give the focus to main instead of to its own first field.
  one(".oms-skip")?.addEventListener("click", (event) => {
    const main = one("#main");
    if (!main) return;
    event.preventDefault();
    main.focus();
    main.scrollIntoView();
  });

  // The tab, or the step of an order, that we are on is in sight, also after a phone is turned.
  const bringIntoSight = () => document.querySelectorAll(".oms-tabs [aria-current], .d-tabs [aria-current], .d-steps [aria-current]").forEach((here) => {
    const strip = here.parentElement;
    if (strip.scrollWidth > strip.clientWidth) strip.scrollLeft += here.getBoundingClientRect().left - strip.getBoundingClientRect().left - 40;
  });
  bringIntoSight();
  window.addEventListener("resize", bringIntoSight);

  // What is wider or higher than its box can be scrolled by keyboard, also where it holds nothing to tab to.
  const scrollable = () => document.querySelectorAll(".d-steps, .d-scroll, .d-tabs, .oms-tabs, .oms-chart-box, .oms-card-body, .d-card, .d pre, .oms-body pre").forEach((box) => {
    const { overflowX, overflowY } = getComputedStyle(box), scrolls = /auto|scroll/;
    const isCut = (scrolls.test(overflowX) && box.scrollWidth > box.clientWidth) || (scrolls.test(overflowY) && box.scrollHeight > box.clientHeight);
    if (isCut && !one("a[href], button, input, select, textarea", box)) box.tabIndex = 0; else box.removeAttribute("tabindex");
  });
  scrollable();
  window.addEventListener("resize", scrollable);

  // A picture that cannot be fetched leaves a quiet square, not a broken one.
  document.addEventListener("error", (event) => {
    if (event.target.matches?.("img.oms-thumb")) event.target.classList.add("oms-no-picture");
  }, true);

  // The theme calls the first column of a list without links "Select record"; on a phone it is read beside every row.
  const head = one("#result_list thead th")?.cloneNode(true);
  head?.querySelectorAll(".material-symbols-outlined").forEach((icon) => icon.remove());
  document.querySelectorAll("#result_list tr.data-row > td:first-child[data-label]").forEach((cell) => {
    if (head && !one("input", cell)) cell.dataset.label = head.textContent.trim() || cell.dataset.label;
  });

  // A button that is off says why instead of doing anything.
  document.addEventListener("click", (event) => {
    const off = event.target.closest("[data-off]");
    if (!off) return;
    event.preventDefault();
    event.stopPropagation();
    const box = off.closest("[title]");
    const said = box.parentNode.querySelector(".oms-why");
    said?.remove();
    if (said?.dataset.of === off.textContent) return;
    const why = document.createElement("p");
    why.className = "oms-why";
    why.setAttribute("role", "status");
    why.dataset.of = off.textContent;
    why.textContent = box.title;
    box.parentNode.append(why);
  }, true);

  // A field that suggests while one types: the address it asks is in data-suggest.
  document.querySelectorAll("input[data-suggest]").forEach((field, place) => {
    const list = document.createElement("datalist");
    list.id = `oms-suggest-${place}`;
    field.after(list);
    field.setAttribute("list", list.id);
    let waiting, asked;
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      asked?.abort();
      const text = field.value.trim();
      if (text.length < 2) return;
      waiting = setTimeout(async () => {
        asked = new AbortController();
        try {
          const answer = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(text)}`, { signal: asked.signal });
          if (!answer.ok) return;
          const { names } = await answer.json();
          list.replaceChildren(...names.map((name) => Object.assign(document.createElement("option"), { value: name })));
        } catch { /* What is typed needs no suggestion. */ }
      }, 250);
    });
    // What was typed before this script ran.
    if (field === document.activeElement && field.value) field.dispatchEvent(new Event("input"));
  });

  // A form is sent once, however often it is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (form.method === "post") {
      form.dataset.sent = "1";
      setTimeout(() => { delete form.dataset.sent; }, 4000);
    }
  });

  // A select that is its own button.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-check-all]")) {
      document.querySelectorAll(`input[name="${event.target.dataset.checkAll}"]`).forEach((box) => { box.checked = event.target.checked; });
    }
  });

  // Copy what is named.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = one(button.dataset.copy)?.innerText;
    if (text) navigator.clipboard?.writeText(text).then(() => { button.textContent = button.dataset.done || button.textContent; });
  });

  // Keys: / the search box of the page head (search.js), s the search of a list, j k move, x choose, m the actions for what is chosen, o open, p print; and any button with data-key.
  const rows = () => [...document.querySelectorAll("#result_list tbody tr, [data-rows] tbody tr")].filter((row) => one("a, input", row));
  let at = -1;
  const move = (step) => {
    const list = rows();
    if (!list.length) return;
    list[at]?.classList.remove("oms-selected");
    at = Math.max(0, Math.min(list.length - 1, at + step));
    const row = list[at];
    row.classList.add("oms-selected");
    row.scrollIntoView({ block: "nearest" });
    (one("th a", row) || one("a", row) || one("input", row)).focus({ preventScroll: true });
  };
  // Esc leaves the search of a list; what was typed stays (search.js does this for the box of the page head).
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || !event.target.matches?.("#searchbar, main [type=search]")) return;
    event.preventDefault();
    event.target.blur();
  });
  // The button of a key that can be seen: the print menu of a list is shown while rows are selected.
  const shown = (key) => [...document.querySelectorAll("[data-key]")].find((node) => node.dataset.key === key && node.offsetParent);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const row = rows()[at];
    if (event.key === "s") {
      const search = one("#searchbar, main [type=search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    } else if (event.key === "j") { move(1);
    } else if (event.key === "k") { move(-1);
    } else if (event.key === "x" && row) { one("input[type=checkbox]", row)?.click();
    } else if (event.key === "o" && row) { (one("th a", row) || one("a", row))?.click();
    } else if (event.key === "m" && one("#bulk-bar:not([hidden]) button")) { event.preventDefault(); one("#bulk-bar button").focus();
    } else if (event.key === "p" && !shown("p")) { window.print();
    } else {
      const target = shown(event.key);
      if (target) { event.preventDefault(); target.click(); }
    }
  });

  // Progress: ask the address again and again, put the answer's pieces where they belong, reload at the end.
  document.querySelectorAll("[data-poll]").forEach((box) => {
    one("meta[http-equiv=refresh]")?.remove();
    let wait = 1000;
    const ask = async () => {
      try {
        const answer = await fetch(box.dataset.poll, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        if (!answer.ok) throw new Error(String(answer.status));
        const data = await answer.json();
        for (const [name, html] of Object.entries(data.parts || {})) {
          const part = one(`[data-part="${name}"]`, box);
          if (part && part.innerHTML !== html) part.innerHTML = html;
        }
        if (data.finished) { window.location.reload(); return; }
        wait = 1000;
      } catch { wait = Math.min(wait * 2, 15000); }
      setTimeout(ask, wait);
    };
    setTimeout(ask, wait);
  });
})();
