// The page before Gradio has built it. Gradio takes about a second where a browser comes for the first time (a hundred
// scripts of its own); a card needs none of them. So the review page stands over the empty window as soon as there is a
// body, works there, and is moved to its place when Gradio has made one.
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

  if (window.Yingma.first !== "review") return;
  const watcher = new MutationObserver(() => {
    if (!document.body) return;
    watcher.disconnect();
    begin();
  });
  watcher.observe(document.documentElement, { childList: true });
})();
