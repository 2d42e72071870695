// The page before Gradio has built it. Gradio takes about a second where a browser comes for the first time (a hundred
// scripts of its own); a card needs none of them. So the review page stands over the empty window as soon as there is a
// body, works there, and is moved to its place when Gradio has made one.
//
// Where the session ends or the server goes in that second, what Gradio asks for does not come, and Gradio does not ask
// again: the page is then loaded once more, as soon as that takes nothing away.
(() => {
  const R = window.Review;
  const { el } = R;
  const make = () => el("div", { class: "review", tabindex: "-1" });
  let early = null;

  function begin() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches; // as Gradio chooses
    early = el("div", { id: "early", class: dark ? "dark" : null }, make());
    document.body.append(early);
    R.start(early.firstChild);
  }

  // Gradio's page has a place for it. What is typed, open or scrolled goes along where the browser can move an element
  // as it is; else it loses no more than a list that was open.
  R.settle = (place) => {
    if (!early) {
      const root = make();
      place.append(root);
      return R.start(root);
    }
    const root = early.firstChild;
    const held = document.activeElement;
    if (place.moveBefore && place.isConnected) place.moveBefore(root, null);
    else place.append(root);
    if (root.contains(held)) held.focus({ preventScroll: true });
    early.remove();
    early = null;
    return undefined;
  };

  // Something of Gradio's did not come: said by its loader, by an element of its page, or by a promise of its own.
  const AGAIN = "yingma.review.loaded_again";
  const LEAST = 60_000; // between two such loads in a tab
  const LOOK = 1000;
  const PLACE = "/ui/assets/";
  const LOADING = /import|preload|module script/i;
  let broken = false;

  addEventListener("vite:preloadError", (event) => {
    event.preventDefault();
    repair();
  });
  addEventListener(
    "error",
    (event) => {
      if ((event.target?.src ?? event.target?.href ?? "").includes?.(PLACE)) return void repair();
      if (broken && event.filename?.includes(PLACE)) event.preventDefault(); // what comes of it
    },
    true,
  );
  addEventListener("unhandledrejection", (event) => {
    const { reason } = event;
    if (!`${reason?.message} ${reason?.stack}`.includes(PLACE)) return;
    if (!broken && !early && !LOADING.test(reason.message)) return;
    event.preventDefault();
    repair();
  });

  async function repair() {
    if (broken) return;
    broken = true;
    for (;;) {
      await new Promise((done) => setTimeout(done, LOOK));
      if (!idle() || Date.now() - Number(sessionStorage.getItem(AGAIN)) < LEAST) continue;
      const answer = await R.get("progress").catch(() => null); // also tells that the session is this person's again
      if (answer?.status !== 200 || !idle()) continue;
      sessionStorage.setItem(AGAIN, Date.now());
      return location.reload();
    }
  }

  // Nothing is undelivered, and nothing is under way on the screen.
  function idle() {
    const { root, model } = R.state;
    if (!root || root.offsetParent === null || R.send.waiting() || R.busy()) return false;
    if (root.querySelector("dialog[open]") || document.activeElement?.matches("input, textarea, select")) return false;
    const given = model?.card.exams.map((each) => each.code).join();
    return !model || (!model.pending && given === model.exams.map((each) => each.code).join());
  }

  if (window.Yingma.first !== "review") return;
  const watcher = new MutationObserver(() => {
    if (!document.body) return;
    watcher.disconnect();
    begin();
  });
  watcher.observe(document.documentElement, { childList: true });
})();
