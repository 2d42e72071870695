// Dialogs over the card: shortcuts, history with undo, quality and assignment, and the line for a comment. Bulk actions:
// review_bulk.
(() => {
  const R = window.Review;
  const { el } = R;

  function dialog(title, ...children) {
    const made = el("dialog", { class: "panel", "aria-label": title }, el("h2", {}, title), ...children);
    made.addEventListener("close", () => {
      made.remove();
      R.takeKeys();
    });
    made.addEventListener("keydown", (event) => event.stopPropagation());
    R.state.root.append(made);
    made.showModal();
    return made;
  }
  const short = (name) => R.shown(name.length > 60 ? `${name.slice(0, 60)}…` : name);
  const composing = (event) => event.isComposing || event.keyCode === 229;
  const closing = (made) => el("button", { type: "button", onclick: () => made().close() }, R.text("close"));

  // One line for a comment, below what there is to know; goes on with it.
  R.comment = (then, known = null) => {
    const input = el("input", { type: "text", maxlength: "2000", "aria-label": R.text("comment"), placeholder: R.text("comment_needed") });
    const made = dialog(R.text("comment"), known, input, el("p", {}, el("button", { type: "button", onclick: send }, R.text("send")), " ",
      el("button", { type: "button", onclick: () => made.close() }, R.text("cancel"))));
    function send() {
      const why = input.value.trim();
      if (!why) return input.focus();
      made.close();
      return then(why);
    }
    input.addEventListener("keydown", (event) => {
      if (composing(event) || event.key !== "Enter") return;
      event.preventDefault();
      send();
    });
    input.focus();
  };

  function help() {
    const rows = R.table().map((each) => el("tr", {}, el("td", {}, el("kbd", {}, R.keyOf(each.id))), el("td", {}, R.text(`key.${each.id}`))));
    const half = Math.ceil(rows.length / 2);
    const made = dialog(R.text("keys"), el("div", { class: "two" }, ...[rows.slice(0, half), rows.slice(half)].map((each) => el("table", {}, el("tbody", {}, each)))), closing(() => made));
    made.addEventListener("keydown", (event) => ["?", "？"].includes(event.key) && made.close());
  }

  // A list in which arrows move; `act` gets the key and the row.
  function chooser(body, rows, draw, act) {
    let at = 0;
    const show = () => {
      at = Math.max(0, Math.min(rows.length - 1, at)); // there may be fewer now
      body.replaceChildren(...rows.map((row, index) => draw(row, index === at)));
      body.children[at]?.scrollIntoView({ block: "nearest" });
    };
    const keys = (event) => {
      if (composing(event) || event.target.matches("select, input:not([type=checkbox])")) return; // a box is no text
      const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
      if (step) at = Math.max(0, Math.min(rows.length - 1, at + step));
      else if (!rows[at] || !act(event.key, rows[at], at)) return;
      event.preventDefault();
      show();
    };
    show();
    return { keys, show };
  }

  const NUMBERS = ["head_count", "score"];
  const head = (names) => el("thead", {}, el("tr", {}, names.map((each) => el("th", { scope: "col", class: NUMBERS.includes(each) && "n" }, each && R.text(each)))));

  R.ui = { chooser, closing, dialog, head, short };

  // What a decision influenced: other clusters that it settles, and jobs whose output holds it.
  function influenced({ clusters, jobs, all }) {
    const size = (each) => el("td", { class: "n" }, R.text("count", each));
    return el("div", { class: "influence" }, el("p", {}, el("b", {}, R.text("influence", all))),
      el("div", { class: "scroll small" }, el("table", {}, el("tbody", {},
        clusters.map((each) => el("tr", {}, el("td", { class: "short" }, `#${each.id}`), el("td", {}, R.shown(each.institution || "–")), size(each))),
        jobs.map((each) => el("tr", {}, el("td", {}), el("td", {}, R.text("influence_job", each)), size(each)))))),
      clusters.length < all.clusters || jobs.length < all.jobs ? el("p", { class: "note" }, R.text("influence_more", all)) : null);
  }

  let retracting = false;
  async function retract(decision, done) {
    if (retracting) return;
    retracting = true;
    const found = await R.get(`influence?decision=${decision}`).catch(() => null);
    retracting = false;
    if (!found) return R.away(true);
    if (found.status !== 200) return R.refused(found);
    return R.comment(done, influenced(found.body));
  }

  const status = (text) => el("td", { class: "short", title: text }, text.split(/[：:]/)[0]);

  const HISTORY = ["when", "who", "what", "codes", "name", "count", "status", "why"].map((each) => `head_${each}`);

  async function history() {
    let everybody = false;
    let asked = 0; // the newest question; an older answer is dropped
    const rows = [];
    const body = el("tbody", {});
    const note = el("p", { class: "note", role: "status" }, R.text("history_hint"));
    const all = el("input", { type: "checkbox", onchange: () => {
      everybody = all.checked;
      rows.length = 0;
      fetchMore();
    } });
    const made = dialog(
      R.text("history"), note, el("div", { class: "scroll", tabindex: "0", autofocus: true }, el("table", {}, head(HISTORY), body)),
      el("p", {}, el("label", {}, all, R.text("everybody")), " ",
        el("button", { type: "button", onclick: fetchMore }, R.text("older")), " ", closing(() => made)),
    );
    const draw = (row, on) =>
      el(
        "tr", { "aria-selected": String(on), class: row.undone ? "undone" : "", onclick: () => act("Enter", row) },
        el("td", { class: "short" }, R.when(row.at)), el("td", { class: "short" }, R.shown(row.by)),
        el("td", { class: "short" }, row.text, row.batch ? ` (${R.text("bulk")})` : "", row.undone ? ` (${R.text("undone")})` : ""),
        el("td", {}, el("code", {}, row.codes.join(" + "))), el("td", { class: "raw" }, el("bdi", {}, short(row.name))),
        el("td", { class: "n" }, R.text("count", row)), status(row.status), el("td", { class: "raw" }, R.shown(row.why)),
      );
    const list = chooser(body, rows, draw, act);
    made.addEventListener("keydown", list.keys);

    function act(key, row) {
      if (key === "Enter") {
        R.post("card", { id: row.cluster }).then(({ body: found }) => {
          if (!found.row) return;
          made.close();
          R.back(R.model(found.row));
        }, away);
      } else if (key === "u" && row.may_undo) {
        const done = (why) => R.send.takeBack({ decision: row.id, why }, () => made.close()).then(() => R.isAway() && away());
        if (row.own) done("");
        else retract(row.id, done).then(() => R.isAway() && away());
      } else return false;
      return true;
    }
    const away = () => note.replaceChildren(R.text("away_none")); // the page says so too, behind the dialog
    async function fetchMore() {
      const mine = (asked += 1);
      const last = rows[rows.length - 1];
      const answer = await R.get(`history?all=${everybody}${last ? `&before=${last.id}` : ""}`).catch(() => null);
      if (mine !== asked) return undefined;
      if (answer?.status !== 200) return answer && answer.status < 500 ? note.replaceChildren(...R.refusal(answer)) : away();
      note.replaceChildren(R.text("history_hint"));
      rows.push(...answer.body.rows);
      return list.show();
    }
    await fetchMore();
  }

  const share = (each, value) =>
    value === null || value === undefined ? R.text("undefined") : `${value.toFixed(2)} (${each.low.toFixed(2)}–${each.high.toFixed(2)})`;

  function table(names, rows) {
    return el("table", {}, head(names),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, R.shown(String(cell))))))));
  }

  async function lead() {
    const asked = await Promise.all(["quality", "assignments", "filters"].map(R.get)).catch(() => null);
    if (!asked) return undefined; // the page says so
    const [quality, given, filters] = asked;
    const failed = [quality, given, filters].find((each) => each.status !== 200);
    if (failed) return R.refused(failed);
    const kappa = (name, each) => [name, each.n, each.agreed, share(each, each.kappa)];
    const q = quality.body;
    const reasons = new Map(filters.body.reasons.map((each) => [each.id, each.name]));
    const pick = (label, rows) => el("label", {}, R.text(label), el("select", { name: label }, rows.map(([value, text]) => el("option", { value }, R.shown(text)))));
    const all = ["", R.text("all")];
    const form = el(
      "form", { onsubmit: assign },
      pick("person", given.body.people.map((each) => [each.id, each.name])),
      pick("institution", [all, ...filters.body.institutions.map((each) => [each.id, each.name || "–"])]),
      pick("modality", [all, ...filters.body.modalities.map((each) => [each, each])]),
      pick("reason", [all, ...reasons]), " ", el("button", {}, R.text("assign")),
    );
    const body = el("tbody", {});
    const fault = el("p", { class: "alert", role: "alert" });
    const made = dialog(
      R.text("lead"), fault, el("h3", {}, R.text("agreement")),
      table(["person", "pairs", "agreed", "kappa"], [kappa(R.text("overall"), q.overall), ...q.reviewers.map((each) => kappa(each.name, each))]),
      q.categories.length ? table(["category", "pairs", "agreed", "kappa"], q.categories.map((each) => kappa(reasons.get(each.name) ?? each.name, each))) : null,
      el("h3", {}, R.text("controls")),
      q.controls.length
        ? table(["person", "shown", "answered", "caught", "rate"], q.controls.map((each) => [each.name, each.shown, each.answered, each.caught, share(each, each.share)]))
        : el("p", { class: "note" }, R.text("no_controls")),
      el("h3", {}, R.text("assignments")), form, el("table", {}, body),
      el("p", {}, R.text("export"), " ", ["csv", "xlsx", "fhir"].map((each) => [el("a", { href: window.Yingma.mine(`/api/review/export?format=${each}`), download: true }, each.toUpperCase()), " "]), closing(() => made)),
    );
    const gone = () => void (fault.textContent = R.text("away_none"));
    async function show() {
      const answer = await R.get("assignments").catch(() => null);
      if (answer?.status !== 200) return answer ? fault.replaceChildren(...R.refusal(answer)) : gone();
      const found = answer.body;
      fault.textContent = "";
      body.replaceChildren(...found.rows.map((row) =>
        el("tr", {}, el("td", {}, R.shown(row.user)), el("td", {}, R.shown(row.institution)), el("td", {}, row.modality), el("td", {}, reasons.get(row.reason) ?? row.reason),
          el("td", {}, el("button", { type: "button", onclick: () => R.post("unassign", { id: row.id }).then(show, gone) }, R.text("take_away"))))));
    }
    async function assign(event) {
      event.preventDefault();
      const value = (name) => form.elements[name].value || null;
      const place = value("institution");
      const answer = await R.post("assign", { user: Number(value("person")), institution: place ? Number(place) : null, modality: value("modality"), reason: value("reason") }).catch(() => null);
      if (!answer) return gone();
      await show();
      if (answer.status !== 200) fault.replaceChildren(...R.refusal(answer));
      return undefined;
    }
    await show();
    return undefined;
  }

  R.panel = (name) => ({ help, history, bulk: R.bulk, lead })[name]();
})();
