// What all pages share: the bar above them, elements made of text only, questions to the API.
// window.YINGMA (from the server): {lang, person: {id, name, role}, local, t}.
window.Yingma = (() => {
  const RANKS = ["viewer", "clerk", "reviewer", "adjudicator", "lead", "admin"];

  // An element; attributes, handlers (onclick: f) and children. What comes from data is always text, never markup.
  function h(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === false || value === null || value === undefined) continue;
      if (name.startsWith("on")) made[name] = value;
      else if (name in made && name !== "list" && name !== "form") made[name] = value;
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat(9).filter((each) => each !== null && each !== undefined && each !== false));
    return made;
  }

  // Draws what cannot be seen or turns the direction of writing, so that a name is shown as it is.
  const HIDDEN = /[\u2400\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
  const seen = (text) => text.replace(HIDDEN, (char) => char === "\u2400" ? "\\u0000" : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  // A name out of the data: its direction never leaks into what stands beside it.
  const name = (text, most = 300) =>
    h("bdi", { className: "name", title: text.length > most ? seen(text.slice(0, 2000)) : "" },
      seen(text.length > most ? `${text.slice(0, most)}… (${text.length})` : text));

  class Failure extends Error {
    constructor(status, sentence) {
      super(sentence);
      this.status = status;
    }
  }

  // Who the page was made for goes with whatever it asks: another tab may have logged somebody else in since, and then
  // the server does nothing and answers OTHER.
  const MINE = { "x-yingma-person": String(window.YINGMA.person.id) };
  const OTHER = 409;
  // An address of a link or a form, which sends no header.
  const mine = (path) => `${path}${path.includes("?") ? "&" : "?"}person=${window.YINGMA.person.id}`;

  async function ask(path, options = {}) {
    let answer;
    try {
      answer = await fetch(path, { ...options, redirect: "manual", headers: { accept: "application/json", ...MINE, ...options.headers } });
    } catch {
      throw new Failure(0, window.YINGMA.t.away);
    }
    if (answer.status === 204) return null;
    let body = null;
    try {
      body = await answer.json();
    } catch {
      body = null;
    }
    if (answer.ok && body !== null) return body;
    throw new Failure(answer.status, body?.error?.[window.YINGMA.lang] ?? `${answer.status}`);
  }

  // get("/api/x", {a: 1, b: ["x", "y"]}); what is empty is left out.
  function get(path, values = {}, options = {}) {
    const wanted = new URLSearchParams();
    for (const [key, value] of Object.entries(values))
      for (const each of Array.isArray(value) ? value : [value])
        if (each !== "" && each !== null && each !== undefined) wanted.append(key, each);
    const query = wanted.toString();
    return ask(query ? `${path}?${query}` : path, options);
  }

  const post = (path, body = {}) =>
    ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

  const may = (role) => RANKS.indexOf(window.YINGMA.person.role) >= RANKS.indexOf(role);
  const number = (value) => value.toLocaleString("en-US");
  // A time of the server's, as the clock of who looks tells it.
  function moment(value) {
    const at = new Date(value);
    const two = (part) => String(part).padStart(2, "0");
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
  }

  // A sentence in a place of the page; with the way back in where the session is not, or no longer, this person's.
  function say(place, failure) {
    place.replaceChildren(failure.message ?? failure);
    if ([401, OTHER].includes(failure.status)) place.append(" ", h("a", { href: "/login?next=/ui/", textContent: window.YINGMA.t.login }));
  }

  // Calls `start` when a page is first looked at, not before: a hidden tab asks for nothing.
  function whenSeen(element, start) {
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      start();
    });
    watcher.observe(element);
  }

  function fill(bar) {
    const { person, local, lang, t } = window.YINGMA;
    const problem = h("span", { className: "problem", role: "alert" });
    bar.append(
      h("b", { textContent: t.title }),
      h("span", { textContent: local ? t.local : `${person.name} · ${t.role}` }),
      h("button", {
        id: "language",
        textContent: t.language,
        onclick: () => post("/language", { lang: lang === "zh" ? "en" : "zh" }).then(() => location.reload(), (failure) => say(problem, failure)),
      }),
    );
    if (!local) bar.append(h("form", { method: "post", action: mine("/logout") }, h("button", { id: "logout", textContent: t.logout })));
    bar.append(problem);
  }

  // The tab that ?tab= names (Gradio keeps ?page= for itself), else the first that this person may see.
  const { pages } = window.YINGMA;
  const wanted = new URLSearchParams(location.search).get("tab");
  const first = pages.includes(wanted) ? wanted : pages[0];
  function turn() {
    const button = document.getElementById(`tab-${first}-button`);
    if (button && button.getAttribute("aria-selected") !== "true") button.click();
    return button;
  }

  // Gradio builds the page after this script: wait for the bar and the tabs, then stop watching.
  const watcher = new MutationObserver(() => {
    const bar = document.getElementById("bar");
    if (bar && !bar.childElementCount) fill(bar);
    if (bar && turn()) watcher.disconnect();
  });
  watcher.observe(document.documentElement, { childList: true, subtree: true });

  return { h, name, seen, get, post, may, number, moment, say, whenSeen, first, Failure, MINE, OTHER, mine };
})();
