// The bar above all pages: who is logged in, the language, the way out. Text only, never markup, from the server.
(() => {
  const post = (path, body) =>
    fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

  function fill(bar) {
    const { person, local, lang, t } = window.YINGMA;
    const put = (tag, text, click) => {
      const each = document.createElement(tag);
      each.textContent = text;
      if (click) each.onclick = click;
      bar.append(each);
      return each;
    };
    put("b", t.title);
    put("span", "").className = "space";
    put("span", local ? t.local : `${person.name} · ${t.role}`);
    put("button", t.language, async () => {
      await post("/language", { lang: lang === "zh" ? "en" : "zh" });
      location.reload();
    }).id = "language";
    if (local) return;
    put("button", t.logout, async () => {
      await post("/logout", {});
      location.assign("/login");
    }).id = "logout";
  }

  function watch() {
    const bar = document.getElementById("bar");
    if (bar && !bar.childElementCount) fill(bar);
  }
  new MutationObserver(watch).observe(document.documentElement, { childList: true, subtree: true });
})();
