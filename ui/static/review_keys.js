// The shortcuts as a table: it drives the handler, the buttons and the page of help.
(() => {
  const R = window.Review;
  const TABLE = [
    { id: "accept", keys: ["Enter"], run: () => R.decide("settle") },
    { id: "next", keys: ["j", "ArrowDown"], shown: "j ↓", run: () => R.step(1) },
    { id: "previous", keys: ["k", "ArrowUp"], shown: "k ↑", run: () => R.step(-1) },
    { id: "take", keys: [..."1234567890"], shown: "1…9 0", run: (key) => R.take((Number(key) + 9) % 10) },
    { id: "side", keys: ["l"], run: () => R.edit.side() },
    { id: "edit", keys: ["e"], run: () => R.edit.edit() },
    { id: "find", keys: ["/", "、"], run: () => R.edit.find() },
    { id: "nearest", keys: ["="], run: () => R.edit.nearest() },
    { id: "add", keys: ["i", "+"], shown: "i", run: () => R.edit.add() },
    { id: "remove", keys: ["d", "Delete"], shown: "d", run: () => R.edit.remove() },
    { id: "split", keys: ["p"], run: () => R.edit.split() },
    { id: "exam_next", keys: ["]", "ArrowRight"], shown: "] →", run: () => move(1) },
    { id: "exam_previous", keys: ["[", "ArrowLeft"], shown: "[ ←", run: () => move(-1) },
    { id: "reject", keys: ["x"], run: () => R.decide("reject") },
    { id: "not_in_standard", keys: ["z"], run: () => R.decide("not_in_standard") },
    { id: "flag", keys: ["f"], run: () => R.state.model && R.comment((why) => R.decide("flag", why)) },
    { id: "ask", keys: ["o"], run: () => R.decide("ask") },
    { id: "widen", keys: ["w"], run: () => R.decide("widen"), role: ["adjudicator", "lead", "admin"] },
    { id: "skip", keys: ["s"], run: () => R.skip() },
    { id: "again", keys: ["r"], run: () => R.again() },
    { id: "undo", keys: ["u"], run: () => R.send.undo() },
    { id: "more", keys: ["m"], run: () => R.more() },
    { id: "filter", keys: ["g"], run: () => R.focusFilter() },
    { id: "history", keys: ["h"], run: () => R.panel("history") },
    { id: "bulk", keys: ["b"], run: () => R.panel("bulk"), role: ["reviewer", "adjudicator", "lead", "admin"] },
    { id: "lead", keys: ["q"], run: () => R.panel("lead"), role: ["lead", "admin"] },
    { id: "help", keys: ["?", "？"], shown: "?", run: () => R.panel("help") },
  ];
  const TAB = "tab-review-button";
  const INPUTS = ["INPUT", "TEXTAREA", "SELECT"];

  function move(by) {
    if (R.state.model) R.setActive(R.state.model.active + by);
  }
  R.table = () => TABLE.filter((each) => !each.role || each.role.includes(window.YINGMA.person.role));
  R.has = (id) => R.table().some((each) => each.id === id);
  const named = (id) => TABLE.find((each) => each.id === id);
  R.keyOf = (id) => named(id).shown ?? named(id).keys[0];
  R.run = (id) => inTurn(named(id));

  // While an undo is under way, what is pressed waits for its card, in order: it is meant for that card, and each undo
  // takes back another decision. Where no card comes back, it was meant for none that is on the screen, and is dropped;
  // where a line or a dialog is open when its turn comes, it is not typed into that.
  let line = null;
  function inTurn(each, key) {
    const undo = each.id === "undo";
    if (!line && !undo) return each.run(key);
    const before = line;
    const mine = (async () => {
      const came = before ? await before.catch(() => false) : true; // what failed was told where it happened
      try {
        if (writing() || !(came || undo)) return came;
        const done = await each.run(key);
        return undo ? done === true : came;
      } finally {
        if (line === mine) line = null;
      }
    })();
    line = mine;
    return mine;
  }
  R.busy = () => line !== null;
  const writing = () => R.state.root.querySelector("dialog[open]") || INPUTS.includes(document.activeElement?.tagName);

  R.pressed = (event) => {
    const { root } = R.state;
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (root.offsetParent === null || root.querySelector("dialog[open]")) return; // another tab, or a dialog
    const target = event.target;
    if (INPUTS.includes(target.tagName) || target.isContentEditable) {
      if (event.key === "Escape" && root.contains(target)) root.focus({ preventScroll: true });
      return;
    }
    if (!root.contains(target) && target !== document.body && target.id !== TAB) return;
    if (event.key === "Enter" && (target.tagName === "BUTTON" || target.tagName === "A")) return; // it is pressed
    if (event.key === "Escape") R.edit.unwant();
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const found = R.table().find((each) => each.keys.includes(key));
    if (!found) return;
    event.preventDefault();
    if (event.repeat && !["next", "previous"].includes(found.id)) return; // a key that is held decides once
    inTurn(found, key);
  };

  // Further names of the cluster, a page at a time.
  R.more = async () => {
    const { model } = R.state;
    if (!model) return;
    const rows = [...model.card.names, ...model.pages.flat()];
    if (rows.length >= model.card.count.names || model.fetching) return;
    model.fetching = true;
    const answer = await R.post("names", { id: model.card.id, after: rows[rows.length - 1]?.id ?? 0 }).catch(() => null);
    model.fetching = false;
    if (!answer) return R.away(true);
    if (answer.status !== 200) return R.refused(answer);
    model.pages.push(answer.body.names);
    if (R.state.model !== model) return;
    R.draw();
    R.state.root.querySelector(".names").scrollTop = 1e9;
  };

  // A click on the tab of this page gives it the keyboard, as soon as it is seen.
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("button")?.id !== TAB) return;
    const focus = (left) => {
      const { root } = R.state;
      if (root && root.offsetParent !== null) R.takeKeys();
      else if (left) requestAnimationFrame(() => focus(left - 1));
    };
    focus(60);
  });
})();
