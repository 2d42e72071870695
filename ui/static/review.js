// The review page: what is on the screen, and the steps from card to card. Everything from the server is put in as text,
// never as markup. Parts: review_send (outbox, queue, leases), review_draw, review_edit (slots, type-ahead), review_keys
// (shortcuts as a table), review_panels (dialogs), review_bulk, review_early (before Gradio has built the page).
window.Review = {};
(() => {
  const R = window.Review;
  const { MINE, OTHER } = window.Yingma;
  const FULL = 20; // decisions that may be undelivered
  const KEPT = 50; // of what was decided, for undo
  const SKIPPED = 100; // that are remembered; one that was skipped before them comes again by itself
  const AGAIN = 10; // of them that come at once
  R.PATIENCE = 20_000; // for an answer; then it is as if there were no server

  const S = (R.state = {
    root: null,
    t: {},
    tab: Array.from(crypto.getRandomValues(new Uint8Array(16)), (each) => each.toString(16).padStart(2, "0")).join(""),
    model: null, // the card on the screen: {card, exams, active}
    queue: [], // models that come next
    decided: new Map(), // models by the key of their decision
    filter: null, // null: what is this person's
    order: "priority",
    skipped: [], // clusters that come no more by themselves in this tab; `r` brings them
    assigned: [], // what is assigned to this person
    prog: null,
    loaded: false,
  });

  R.text = (name, values) =>
    Object.entries(values || {})
      .reduce((text, [key, value]) => text.replaceAll(`{${key}}`, value), S.t[name] ?? name)
      .replace(/(?<![\d.,])1 (cluster|name|exam|outcome|decision)s\b/g, "1 $1"); // English alone has a singular

  // An element: attributes, listeners (onclick), children; a string child is text.
  R.el = (tag, given, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(given || {})) {
      if (value === false || value === null || value === undefined) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
    return made;
  };

  R.post = (path, body, signal) => {
    const headers = { "content-type": "application/json", ...MINE };
    return ask(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  };
  R.get = (path) => ask(path, { headers: { accept: "application/json", ...MINE } });
  // Whether an answer says that the session has ended, or is another person's by now.
  R.out = (answer) => answer.status === 401 || answer.status === OTHER;
  // Whatever was asked tells whether the server answers, and whether the session still holds.
  let failed = 0; // when a request failed last
  async function ask(path, options) {
    const began = performance.now();
    let answer, body;
    try {
      const signal = options.signal ?? AbortSignal.timeout(R.PATIENCE);
      answer = await fetch(`/api/review/${path}`, { ...options, signal });
      body = await answer.json().catch((error) => {
        if (!(error instanceof SyntaxError)) throw error; // cut off
        return {};
      });
    } catch (error) {
      failed = performance.now();
      R.away(true);
      throw error;
    }
    // What was asked before another request failed does not tell that the server is there again.
    if (answer.status < 500 && answer.status !== 429 && began >= failed) R.away(false);
    if (R.out(answer) || answer.ok) R.send.session(answer.ok, answer.status === OTHER);
    return { status: answer.status, body };
  }
  R.sentence = (answer) => answer.body?.error?.[window.YINGMA.lang] ?? String(answer.status);
  R.unique = () => `${S.tab}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;

  R.model = (card) => ({
    card,
    active: 0,
    pages: [], // further pages of names
    pending: null, // an edit that is under way
    exams: card.exams.map((each) => ({ ...each, pick: each.candidates.findIndex((one) => one.code === each.code) })),
  });

  R.exam = () => S.model && S.model.exams[S.model.active];

  R.start = (root) => {
    S.root = root;
    S.t = window.YINGMA.review;
    R.frame();
    document.addEventListener("keydown", function handle(event) {
      if (!root.isConnected) return document.removeEventListener("keydown", handle);
      R.pressed(event);
    });
    R.send.begin();
  };

  // The keys are the page's again, unless a list was opened meanwhile: what is typed there must not decide.
  R.takeKeys = () => {
    if (document.activeElement?.getAttribute("role") !== "combobox") S.root.focus({ preventScroll: true });
  };

  R.show = (model) => {
    R.unsay(model);
    S.model = model;
    R.draw();
  };

  // The next card; the outbox sends the decision meanwhile.
  R.advance = () => {
    S.loaded = S.queue.length > 0; // until the server says that nothing waits
    R.show(S.queue.shift() ?? null);
    R.send.refill();
  };

  R.decide = (action, why = "") => {
    const model = S.model;
    if (!model) return;
    if (model.pending) return void model.pending.then(() => S.model === model && R.decide(action, why));
    if (!model.card.may[action]) return R.say(R.text("may_not"), true, model);
    const codes = action === "settle" ? model.exams.map((each) => (each.listed ? each.code : "")) : [];
    const missing = codes.indexOf("");
    if (missing >= 0 || (action === "settle" && !codes.length)) {
      model.active = Math.max(0, missing);
      R.refresh();
      return R.say(R.text("no_code", { n: model.active + 1 }), true, model);
    }
    if (new Set(codes).size < codes.length) return R.say(R.text("double"), true, model);
    if (R.send.waiting() >= FULL) return R.say(R.text("full"), true);
    const { id, rev, turn, suggestion: seen } = model.card;
    const key = R.unique();
    S.decided.set(key, model);
    if (S.decided.size > KEPT) S.decided.delete(S.decided.keys().next().value);
    R.say("");
    R.send.keep({ id, rev, turn, seen, action, codes, why, key }); // before more is fetched: it must not come again
    R.advance();
    R.send.pump();
  };

  R.skip = () => {
    if (!S.model) return;
    R.send.skipped([...S.skipped.filter((each) => each !== S.model.card.id), S.model.card.id].slice(-SKIPPED));
    R.send.drop([S.model.card.id]);
    R.say("");
    R.advance();
  };

  // What was skipped comes now, and then the card that is on the screen.
  R.again = async () => {
    if (!S.skipped.length) return R.say(R.text("none_skipped"));
    await R.send.dropped();
    const asked = S.skipped.slice(0, AGAIN);
    const held = [S.model, ...S.queue].filter(Boolean);
    const body = { tab: S.tab, n: AGAIN, skip: held.map((each) => each.card.id), only: asked };
    const answer = await R.post("next", body).catch(() => null);
    if (!answer || answer.status >= 500) return R.away(true);
    if (answer.status !== 200) return R.refused(answer);
    const found = answer.body.rows.map(R.model);
    const gone = asked.length - found.length;
    R.send.skipped(S.skipped.filter((each) => !asked.includes(each)));
    R.say(gone ? R.text("skipped_gone", { n: gone }) : "");
    S.queue = [...found, ...[S.model, ...S.queue].filter(Boolean)];
    if (found.length) R.show(S.queue.shift());
    return undefined;
  };

  // Puts a card before the one on the screen, which comes next again.
  R.back = (model) => {
    if (S.model && S.model.card.id !== model.card.id) S.queue.unshift(S.model);
    S.queue = S.queue.filter((each) => each.card.id !== model.card.id);
    R.show(model);
  };

  R.changeFilter = (filter, order) => {
    R.send.drop([S.model, ...S.queue].filter(Boolean).map((each) => each.card.id));
    Object.assign(S, { filter, order, queue: [], loaded: false });
    R.show(null);
    R.send.refill();
  };
})();
