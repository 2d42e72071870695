// The outbox: decisions are kept in this tab, under the name of who made them, and sent one after another until each is
// answered. Also what comes next: cards are fetched before they are needed, and leased while this tab shows them.
(() => {
  const R = window.Review;
  const AHEAD = 9; // cards that wait behind the one on the screen: a second of work when the server is held up
  const REFILL = 6; // as many or fewer at hand: ask for more
  const FIRST = 3; // cards to ask for while the screen is empty
  const RENEW = 40_000;
  const IDLE = 10_000; // between looks at an empty queue
  const state = () => R.state;
  const { person } = window.YINGMA;
  const BOX = `yingma.review.${person.id}.${person.name}`;
  const SKIPPED = `${BOX}.skipped`;

  let box = [];
  let keys = []; // of what was delivered, the newest last: for undo
  let sending = null; // the order that is under way
  let running = false;
  let expired = false; // nothing is taken of this page until this person is logged in again
  let other = false; // since somebody else is logged in
  let fetching = false;
  let dropping = Promise.resolve(); // until it is done: a card asked for before would be given to this tab, and then freed
  let early = null; // the first cards, asked for while Gradio still builds the page
  let leaving = false; // to the log-in, in this tab, which keeps the outbox

  const rest = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  function load() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(BOX) || "{}");
      box = kept.box || [];
      keys = kept.keys || [];
      state().skipped = JSON.parse(sessionStorage.getItem(SKIPPED) || "[]");
    } catch {
      box = [];
    }
  }
  function skipped(ids) {
    state().skipped = ids;
    sessionStorage.setItem(SKIPPED, JSON.stringify(ids));
    R.waiting();
  }
  const save = () => sessionStorage.setItem(BOX, JSON.stringify({ box, keys: keys.slice(-50) }));

  function settle(order, answer) {
    const { r, sentence, prog } = answer.body;
    if (prog) R.progress(prog);
    if (r === "ok" || r === "again") {
      keys.push(order.key);
      const n = answer.body.answered;
      if (order.action === "widen") R.tell(R.text(n ? "widened_waiting" : "widened", { id: order.id, n }));
    } else if (r === "refused") {
      R.say(R.text("refused", { id: order.id, sentence }), true);
      const model = state().decided.get(order.key);
      if (answer.body.stale) reread(order.id);
      else if (model) state().queue.unshift(model); // nothing was written: it comes again
    } else R.say(R.text("conflict", { id: order.id, sentence }), true);
  }

  // Other codes are suggested by now: it comes again, as it is.
  async function reread(id) {
    const answer = await R.post("card", { id }).catch(() => null);
    const row = answer?.body?.row;
    if (!row || state().queue.some((each) => each.card.id === id)) return; // else it comes from the queue
    state().queue.unshift(R.model(row));
    if (!state().model) R.advance();
  }

  async function pump() {
    if (running) return;
    running = true;
    let wait = 1000;
    while (box.length) {
      sending = box[0];
      let answer = null;
      try {
        answer = await R.post("decide", sending);
      } catch {
        answer = null; // no server: tried again
      }
      if (answer && R.out(answer)) {
        sending = null;
        await rest(5000);
        continue; // logged in again in another tab, it goes on
      }
      if (!answer || answer.status >= 500 || answer.status === 429) {
        R.away(true);
        await rest(wait);
        wait = Math.min(wait * 1.5, 5000);
        continue;
      }
      wait = 1000;
      const order = box.shift();
      sending = null;
      if (answer.status === 200) settle(order, answer);
      else R.say(R.text("lost", { id: order.id, status: answer.status, sentence: R.sentence(answer) }), true);
      save();
      R.waiting();
    }
    running = false;
    R.waiting();
    R.send.refill();
  }

  function next() {
    const s = state();
    const skip = [...new Set([...shown(), ...box.map((each) => each.id), ...s.skipped])];
    const n = s.model ? Math.max(1, AHEAD + 1 - shown().length) : FIRST;
    return R.post("next", { tab: s.tab, n, skip, filter: s.filter, order: s.order }).catch(() => null);
  }

  async function refill() {
    const s = state();
    if (fetching || shown().length > REFILL) return;
    fetching = true;
    await dropping;
    const asked = s.filter;
    const answer = await (early ?? next());
    early = null;
    fetching = false;
    if (!answer || answer.status >= 500) {
      R.away(true);
      return void setTimeout(refill, 1000);
    }
    if (R.out(answer)) return void setTimeout(refill, 5000);
    if (answer.status !== 200) return R.say(R.sentence(answer), true);
    if (asked !== s.filter) {
      drop(answer.body.rows.map((each) => each.id));
      return refill(); // the filter was changed meanwhile
    }
    const here = new Set(shown()); // an undo may have brought one of them meanwhile
    s.queue.push(...answer.body.rows.filter((each) => !here.has(each.id)).map(R.model));
    R.progress(answer.body.prog);
    if (!s.model && s.queue.length) R.advance(); // which asks for more
    s.loaded = true;
    if (s.model) return;
    R.draw();
    setTimeout(refill, IDLE);
  }

  const shown = () => [state().model, ...state().queue].filter(Boolean).map((each) => each.card.id);

  function drop(ids) {
    if (!ids.length) return;
    const body = JSON.stringify({ tab: state().tab, drop: ids });
    const dropped = fetch("/api/review/leases", {
      method: "POST",
      headers: { "content-type": "application/json", ...window.Yingma.MINE },
      body,
      keepalive: true,
      signal: AbortSignal.timeout(R.PATIENCE),
    }).catch(() => {}); // without a server the leases run out by themselves
    dropping = Promise.all([dropping, dropped]);
  }

  async function renew() {
    const { root, tab } = state();
    if (!root.isConnected) return;
    setTimeout(renew, RENEW);
    if (document.hidden || root.offsetParent === null || !shown().length) return;
    try {
      await R.post("leases", { tab, keep: shown() });
    } catch {
      R.away(true); // told; the next decision or renewal tries again
    }
  }

  // Without a server, and with nothing to deliver, nobody may ask for long: whether it answers again.
  let looking = false;
  async function look() {
    if (looking) return;
    looking = true;
    while (R.isAway()) {
      await rest(2000);
      if (running || !R.isAway()) continue;
      const answer = await R.get("progress").catch(() => null);
      if (answer?.status === 200) R.progress(answer.body);
    }
    looking = false;
  }

  // The last decision: taken out of the outbox where it was not sent yet, else taken back on the server. True where a
  // card came back.
  async function undo() {
    const s = state();
    const last = box[box.length - 1];
    if (last && last !== sending && s.decided.has(last.key)) {
      box.pop();
      save();
      R.waiting();
      R.say(R.text("undone_now", { id: last.id }));
      R.back(s.decided.get(last.key));
      return true;
    }
    while (box.length) {
      if (expired) return false;
      if (R.isAway()) return R.say(R.text("undo_away"), true); // what is pressed after it must not wait for a server
      await rest(20);
    }
    if (!keys.length) return R.say(R.text("nothing_to_undo"));
    const of = keys[keys.length - 1];
    return takeBack({ of }, () => {
      keys = keys.filter((each) => each !== of);
      save();
    });
  }

  async function takeBack(what, done) {
    const asked = { tab: state().tab, key: R.unique(), ...what };
    const answer = await R.post("undo", asked).catch(() => null);
    if (!answer || answer.status >= 500) return R.away(true);
    if (answer.status !== 200) return R.refused(answer);
    const { r, row, id, sentence, prog, requeued } = answer.body;
    R.progress(prog);
    done?.();
    if (r !== "ok" && r !== "again") return R.say(sentence, true);
    R.say(R.text(requeued ? "requeued" : "undone_now", { id, n: requeued }));
    if (row) R.back(R.model(row));
    return Boolean(row);
  }

  function begin() {
    addEventListener("beforeunload", (event) => box.length && !leaving && event.preventDefault());
    setTimeout(renew, RENEW);
    R.waiting();
    if (box.length) pump();
    refill();
  }

  load();
  if (window.Yingma.first === "review") early = next();
  let came = []; // cards that were asked for, and that nobody has taken over yet
  early?.then((answer) => (came = answer?.body?.rows?.map((each) => each.id) ?? []));
  addEventListener("pagehide", () => drop([...new Set([...shown(), ...(early ? came : [])])]));

  R.send = {
    begin,
    drop,
    look,
    refill,
    skipped,
    takeBack,
    undo,
    waiting: () => box.length,
    expired: () => expired,
    other: () => other,
    session(holds, others) {
      if (expired === !holds && other === others) return;
      expired = !holds;
      other = others;
      R.waiting();
    },
    dropped: () => dropping,
    leave: () => (leaving = true),
    pump,
    keep(order) {
      box.push(order);
      save();
      R.waiting();
    },
  };
})();
