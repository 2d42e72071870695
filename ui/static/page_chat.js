// 对话: what Gradio does not do by itself. The line is emptied at once, not by the server's answer; a session that has
// ended takes neither the conversation nor the text; what cannot be taken back is asked twice.
window.Chat = (() => {
  const { h, MINE, OTHER } = window.Yingma;
  const { person, t } = window.YINGMA;
  const KEPT = `yingma.chat.${person.id}`; // the text that a log-in in between must not lose; his own only
  const BACK = "/login?next=" + encodeURIComponent("/ui/?tab=chat");
  const ASKED = 5000; // a second press counts within this time
  let sent = []; // texts that were taken out of the line, and that the server has not taken yet

  const line = () => document.querySelector("#chat-box textarea");

  function write(text) {
    const box = line();
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // Takes what is said out of the line; an answer of the server that did it could wipe what was typed meanwhile.
  function take(...given) {
    if (given[0]) sent.push(given[0]);
    if (line().value === given[0]) write("");
    return given;
  }

  function told() {
    return document.getElementById("chat-expired");
  }

  const keep = () => line().value && sessionStorage.setItem(KEPT, line().value);

  function expired(texts, why) {
    if (!line()) return;
    for (const text of texts) if (line().value !== text) write(line().value ? `${line().value}\n${text}` : text);
    keep();
    told()?.remove();
    const link = h("a", { href: BACK, textContent: t.login, onclick: keep });
    document.getElementById("chat-line").before(h("div", { id: "chat-expired", role: "alert" }, why, " ", link));
  }

  // Gradio shows a bare "Error" over the whole conversation when one of its calls is refused. A call of an ended session
  // is therefore left without an answer, and the page says what happened.
  // So is one of a page whose session is another person's by now.
  const fetched = window.fetch.bind(window);
  window.fetch = async (wanted, options) => {
    const path = new URL(wanted?.url ?? wanted, location.href).pathname;
    if (!path.startsWith("/ui/gradio_api/")) return fetched(wanted, options);
    const headers = new Headers(options?.headers ?? wanted?.headers);
    for (const [name, value] of Object.entries(MINE)) headers.set(name, value);
    const answer = await fetched(wanted, { ...options, headers });
    const body = typeof options?.body === "string" ? options.body : "";
    const texts = sent.filter((text) => body.includes(JSON.stringify(text)));
    sent = sent.filter((text) => !texts.includes(text));
    if (answer.status === 401 || answer.status === OTHER) {
      expired(texts, answer.status === 401 ? t.expired : t.other);
      return new Promise(() => {});
    }
    if (answer.ok && path.endsWith("/queue/join")) {
      told()?.remove(); // logged in again, in another tab
      sessionStorage.removeItem(KEPT);
    }
    return answer;
  };

  // The text that waited for the log-in.
  function restore() {
    const kept = sessionStorage.getItem(KEPT);
    sessionStorage.removeItem(KEPT);
    if (kept && !line().value) write(kept);
  }

  // The first press asks, by mouse or key; a second one soon after does it.
  function twice(button) {
    const label = button.textContent;
    let timer = 0;
    const calm = () => {
      clearTimeout(timer);
      timer = 0;
      button.textContent = label;
    };
    button.addEventListener(
      "click",
      (event) => {
        if (timer && event.detail < 2) return calm(); // a double click has asked once
        event.stopImmediatePropagation();
        event.preventDefault();
        if (timer) return;
        button.textContent = t.sure;
        timer = setTimeout(calm, ASKED);
      },
      true,
    );
    button.addEventListener("blur", () => timer && calm());
  }

  // Gradio builds the page after this script.
  const watcher = new MutationObserver(() => {
    const button = document.getElementById("chat-delete");
    if (!button || !line()) return;
    watcher.disconnect();
    twice(button);
    restore();
  });
  watcher.observe(document.documentElement, { childList: true, subtree: true });

  return { take };
})();
