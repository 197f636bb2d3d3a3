// The console works without this file: it adds live updates, keys and a word before what can't be undone.
"use strict";
(() => {
  const $ = (query, from = document) => from.querySelector(query);
  const all = (query, from = document) => [...from.querySelectorAll(query)];

  // Theme: as the system, light or dark; kept in this browser.
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  document.addEventListener("click", (event) => {
    const change = event.target.closest("[data-theme-next]");
    if (!change) return;
    const order = ["", "light", "dark"];
    const next = order[(order.indexOf(document.documentElement.dataset.theme || "") + 1) % 3];
    if (next) document.documentElement.dataset.theme = next; else delete document.documentElement.dataset.theme;
    localStorage.setItem("theme", next);
    change.title = "Theme: " + (next || "as the system");
  });

  // Times: "3m ago" goes on counting.
  const ages = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  const tell = () => {
    const now = Date.now();
    for (const at of all("time[data-age]")) {
      const seconds = Math.round((now - Date.parse(at.dateTime)) / 1000), size = Math.abs(seconds);
      const [unit, name] = ages.find(([unit]) => size >= unit) || [1, "s"];
      const text = at.dataset.due !== undefined && seconds >= 0 ? "due" : size < 1 ? "just now" : seconds > 0 ? Math.floor(size / unit) + name + " ago" : "in " + Math.floor(size / unit) + name;
      if (at.textContent !== text) at.textContent = text;
    }
  };

  // Keys walk over the rows that lead somewhere.
  const rows = () => all("table.rows tbody tr").filter((row) => $("a", row));
  const mark = (at) => {
    const list = rows();
    for (const row of list) row.classList.remove("at");
    if (list[at]) { list[at].classList.add("at"); list[at].scrollIntoView({ block: "nearest" }); }
  };

  // Live: when the server says that something moved, the parts marked data-live are read again.
  const lamp = $(".live");
  let reading = false, again = false;
  // Nothing moves under the hand.
  const busy = () => document.hidden || reading || $("dialog[open]") || $("[data-live] form:hover") || (document.activeElement && document.activeElement.closest("[data-live] form"));
  const replace = (part, fresh) => {
    const other = fresh.getElementById(part.id);
    if (!other || other.innerHTML === part.dataset.was) return;
    const at = rows().findIndex((row) => row.classList.contains("at"));
    const open = all("details[open]", part).map((one) => one.id);
    part.dataset.was = part.innerHTML = other.innerHTML;
    for (const id of open) if (id) $("#" + CSS.escape(id))?.setAttribute("open", "");
    if (at >= 0) mark(at);
  };
  const refresh = async () => {
    if (busy()) { again = true; return; }
    reading = true;
    again = false;
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error" });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of all("[data-live]")) replace(part, fresh);
        tell();
      }
    } catch { /* the next pulse tries again */ }
    reading = false;
  };
  tell();
  setInterval(() => { tell(); if (again) refresh(); }, 1000);
  if (lamp && $("[data-live]")) {
    lamp.hidden = false;
    for (const part of all("[data-live]")) part.dataset.was = part.innerHTML;
    const source = new EventSource("/live");
    source.addEventListener("pulse", refresh);
    source.onopen = () => { lamp.classList.add("on"); lamp.textContent = "live"; refresh(); };
    source.onerror = () => { lamp.classList.remove("on"); lamp.textContent = "reconnecting"; };
  }

  // On a narrow screen the strip of rooms begins where we are.
  const here = $("a.room[aria-current]");
  if (here && here.parentElement.scrollWidth > here.parentElement.clientWidth) here.parentElement.scrollLeft = here.offsetLeft - 60;

  // Copies: where the browser keeps its clipboard for TLS, what is to be copied is selected instead.
  document.documentElement.classList.add("script");
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(button.parentElement);
      range.setEndBefore(button);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }
  });

  // A word before what can't be undone.
  document.addEventListener("submit", (event) => {
    const form = event.target, question = form.dataset.ask;
    if (!question || form.dataset.sure) return;
    event.preventDefault();
    const dialog = $("#ask"), by = event.submitter;
    $("p", dialog).textContent = question;
    dialog.returnValue = "";
    dialog.onclose = () => { if (dialog.returnValue === "yes") { form.dataset.sure = "1"; form.requestSubmit(by); } };
    dialog.showModal();
  });

  let going = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "Escape" && typing) { event.target.blur(); return; }
    if (typing || $("dialog[open]")) return;
    if (going) {
      going = false;
      $(`a.room[data-key="${CSS.escape(event.key)}"]`)?.click();
      return;
    }
    const list = rows(), at = list.findIndex((row) => row.classList.contains("at"));
    switch (event.key) {
      case "/": event.preventDefault(); setTimeout(() => $("form.find input").select()); break; // after the key's own character
      case "g": going = true; setTimeout(() => { going = false; }, 2000); break;
      case "j": mark(Math.min(at + 1, list.length - 1)); break;
      case "k": mark(Math.max(at - 1, 0)); break;
      case "Enter": if (at >= 0 && event.target === document.body) $("a", list[at]).click(); break;
      case "?": $("#keys").showModal(); break;
    }
  });
})();
