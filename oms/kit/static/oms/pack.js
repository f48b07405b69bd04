// Pack by scanning: each scan is sent at once and answered with a text, a colour and a sound; the field keeps the focus.
(() => {
  "use strict";
  const begin = document.getElementById("pack-begin");
  if (begin) { begin.requestSubmit(); return; }
  const form = document.getElementById("pack-form");
  if (!form && !document.querySelector("[data-alarm]")) return;
  const field = document.getElementById("pack-code");
  const said = document.getElementById("pack-said");
  const count = document.getElementById("pack-count");
  let audio, line = Promise.resolve();

  // A short high tone for a right item, two low ones for a wrong one.
  const sound = (isRight) => {
    try {
      audio ||= new AudioContext();
      for (const start of isRight ? [0] : [0, .28]) {
        const tone = audio.createOscillator(), volume = audio.createGain();
        tone.type = isRight ? "sine" : "square";
        tone.frequency.value = isRight ? 1320 : 180;
        volume.gain.value = .2;
        tone.connect(volume).connect(audio.destination);
        tone.start(audio.currentTime + start);
        tone.stop(audio.currentTime + start + (isRight ? .09 : .22));
      }
    } catch { /* A machine without sound still has the text and the colour. */ }
  };
  if (!form) { // the weight was wrong
    document.body.classList.add("e-alarm");
    sound(false);
    return;
  }
  const show = (answer) => {
    const isRight = ["ok", "packed", "weigh"].includes(answer.kind);
    said.textContent = "";
    said.textContent = answer.text;
    said.className = `e-said ${isRight ? "right" : "wrong"}`;
    said.dataset.kind = answer.kind;
    document.body.classList.toggle("e-alarm", !isRight);
    sound(isRight);
    let all = 0;
    for (const [pk, units] of Object.entries(answer.scanned || {})) {
      const row = document.querySelector(`[data-line="${CSS.escape(pk)}"]`);
      all += units;
      if (!row) continue;
      row.querySelector(".e-scanned").textContent = units;
      const isDone = units >= Number(row.dataset.needed);
      row.classList.toggle("done", isDone);
      if (isDone) row.querySelector(".e-one")?.remove();
    }
    if (answer.scanned) count.textContent = all;
    if (answer.next) setTimeout(() => { location.href = answer.next; }, 350);
  };
  const send = async (data) => {
    try {
      const reply = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "application/json" }, credentials: "same-origin" });
      if (!reply.ok || reply.redirected) throw new Error(String(reply.status));
      show(await reply.json());
    } catch { show({ kind: "refused", text: form.dataset.failed }); }
  };
  document.addEventListener("submit", (event) => {
    if (event.target !== form && !event.target.matches(".e-one")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const data = new FormData(event.target);
    field.value = "";
    field.focus();
    if (String(data.get("code")).trim()) line = line.then(() => send(data)); // a fast scanner: one after the other
  }, true);
  field.focus();
})();
