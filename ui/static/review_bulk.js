// Bulk actions: what is in scope, a selection or all of it, shown first, then done; and those of before, taken back alone.
(() => {
  const R = window.Review;
  const { el } = R;

  const QUEUE = ["head_checked", "head_name", "head_count", "head_codes", "head_items", "head_reason", "score"];
  const OUTCOMES = ["head_codes", "head_items", "head_count"];
  const LONG = 120_000; // for an answer about all that waits, milliseconds
  const EARLIER = ["head_when", "head_who", "head_what", "head_count", "head_done", ""];

  // What may be in scope: the filter that is chosen, else what is assigned; always what is open.
  function scopes() {
    const { filter, order, assigned } = R.state;
    const narrow = ({ institution_id: institution = null, modality, reason }) => ({
      status: "open", order, institution, modality: modality || null, reason: reason || null,
    });
    if (filter) return [narrow({ ...filter, institution_id: filter.institution })];
    return [...assigned.map(narrow), narrow({})];
  }
  const named = (filter) => R.scope({ ...filter, institution_id: filter.institution });

  // Chunk after chunk; a chunk that is sent again decides nothing twice.
  async function loop(path, body, line) {
    for (;;) {
      const answer = await R.post(path, body, AbortSignal.timeout(LONG)).catch(() => null);
      if (!answer || answer.status >= 500) {
        line.textContent = R.text("bulk_away");
        await new Promise((done) => setTimeout(done, 1000));
        continue;
      }
      if (answer.status !== 200) {
        line.textContent = R.sentence(answer);
        return null;
      }
      line.textContent = R.text(path === "apply" ? "bulk_doing" : "bulk_undoing", answer.body);
      if (!answer.body.left) return answer.body;
    }
  }

  // It is open at once, so that no key reaches the card, and returns at once, so that none waits for it in line.
  R.bulk = () => {
    let choices = []; // none before it is known what is assigned: all that waits would stand for it
    let filter = null;
    let asked = 0; // the newest question for rows; an older answer is dropped
    const rows = [];
    const checked = new Set();
    const body = el("tbody", {});
    const scope = el(
      "select", { "aria-label": R.text("bulk_scope"), class: "scope", onchange: () => {
        filter = choices[scope.selectedIndex];
        rows.length = 0;
        checked.clear();
        count();
        more();
      } },
    );
    const action = el("select", { "aria-label": R.text("bulk"), onchange: () => result.replaceChildren() }, ["settle", "reject", "not_in_standard"].map((each, at) =>
      el("option", { value: each }, R.text(["bulk_settle", "bulk_reject", "bulk_not"][at]))));
    const chosen = el("span", { class: "note", role: "status" }, R.text("loading"));
    const result = el("div", { role: "status", class: "result" });
    const earlier = el("div", { class: "earlier" });
    const where = el("p", { hidden: true }, el("label", {}, R.text("bulk_scope"), scope), " ", el("span", { class: "note" }, R.text("bulk_hint")));
    const acts = el("span", { hidden: true }, action, " ", el("button", { type: "button", onclick: preview }, R.text("preview")), " ",
      el("button", { type: "button", onclick: more }, R.text("more_rows")), " ");
    const made = R.ui.dialog(
      R.text("bulk"), where, el("div", { class: "scroll queue", tabindex: "0", autofocus: true }, el("table", {}, R.ui.head(QUEUE), body)),
      el("p", {}, acts, R.ui.closing(() => made), " ", chosen), result, earlier,
    );
    const draw = (row, on) =>
      el(
        "tr", { "aria-selected": String(on), onclick: () => toggle(row) },
        el("td", {}, checked.has(row.id) ? "☑" : "☐"), el("td", { class: "raw" }, el("bdi", {}, R.ui.short(row.name))),
        el("td", { class: "n" }, R.text("count", row)), el("td", {}, el("code", {}, row.codes.join(" + "))),
        el("td", { class: row.codes.length ? "" : "note" }, row.codes.length ? row.items.join(" + ") : R.text("bulk_none")),
        el("td", { class: "note" }, R.reason(row.reason)), el("td", { class: "n" }, row.score.toFixed(2)),
      );
    const list = R.ui.chooser(body, rows, draw, (key, row) => {
      if (key === " ") return toggle(row);
      if (key === "a") checked.size < rows.length ? rows.forEach((each) => checked.add(each.id)) : checked.clear();
      else if (key === "Enter") preview();
      else return false;
      count();
      return true;
    });
    made.addEventListener("keydown", (event) => event.target.tagName !== "BUTTON" && list.keys(event));

    function toggle(row) {
      checked.has(row.id) ? checked.delete(row.id) : checked.add(row.id);
      count();
      list.show();
      return true;
    }
    function say() {
      chosen.textContent = checked.size ? R.text("bulk_checked", { n: checked.size }) : R.text("bulk_whole", { scope: named(filter) });
    }
    function count() {
      say();
      result.replaceChildren(); // what was shown there is no longer what would be done
    }
    async function more() {
      const mine = (asked += 1);
      const last = rows[rows.length - 1];
      const answer = await R.post("list", { filter, after: last ? last.id : null }).catch(() => null);
      if (mine !== asked) return undefined;
      if (answer?.status !== 200) return void result.replaceChildren(...(answer ? R.refusal(answer) : [R.text("bulk_away")]));
      rows.push(...answer.body.rows);
      if (!last) count();
      return list.show();
    }
    async function preview() {
      const ids = [...checked];
      const answer = await R.post("preview", { key: R.unique(), action: action.value, filter, ids }, AbortSignal.timeout(LONG)).catch(() => null);
      if (answer?.status !== 200) return void result.replaceChildren(...(answer ? R.refusal(answer) : [R.text("bulk_away")]));
      const found = answer.body;
      const apply = el("button", { type: "button", class: "apply", onclick: () => run(found.batch, apply) }, R.text("bulk_apply"));
      result.replaceChildren(
        el("p", {}, el("b", {}, R.text("bulk_shows", found)), found.without ? ` ${R.text("bulk_without", { n: found.without })}` : ""),
        found.clusters === 0 ? "" : el("div", { class: "scroll small" }, el("table", {}, R.ui.head(OUTCOMES), el("tbody", {}, found.by_code.map((each) =>
          el("tr", {}, el("td", { class: "short" }, el("code", {}, each.codes.join(" + ") || "–")), el("td", {}, each.items.join(" + ")), el("td", { class: "n" }, R.text("count", each))))))),
        found.codes > found.by_code.length ? el("p", { class: "note" }, R.text("bulk_first", { n: found.by_code.length })) : "",
        el("p", {}, found.clusters ? apply : R.text("bulk_nothing")),
      );
      if (found.clusters) apply.focus();
    }
    async function run(batch, button) {
      button.disabled = true;
      const line = el("p", { class: "doing" });
      result.append(line);
      R.send.drop([R.state.model, ...R.state.queue].filter(Boolean).map((each) => each.card.id));
      const done = await loop("apply", { batch }, line);
      if (!done) return;
      line.textContent = R.text("bulk_done", done);
      const back = el("button", { type: "button", onclick: async () => {
        back.disabled = true;
        const undone = await loop("unapply", { batch }, line);
        if (undone) line.textContent = R.text("bulk_undone", undone);
        back.disabled = Boolean(undone) && !undone.left_out;
        await changed();
      } }, R.text("bulk_undo"));
      result.append(el("p", {}, back));
      back.focus();
      await changed();
    }
    // The queue and the lists are others now; what was said about it stays.
    async function changed() {
      R.changeFilter(R.state.filter, R.state.order);
      const mine = (asked += 1);
      rows.length = 0;
      checked.clear();
      say();
      const answer = await R.post("list", { filter, after: null }).catch(() => null);
      if (mine === asked && answer?.status === 200) rows.push(...answer.body.rows);
      list.show();
      await before();
    }

    // Those of before, of this person; for a lead, everybody's; a page at a time. One that was cut off can be gone on with.
    let pages = 1; // of them that are open, also when the list is drawn anew
    let drawn = 0; // the newest drawing; an older one is dropped
    async function before() {
      const mine = (drawn += 1);
      const lines = el("tbody", {});
      const older = el("button", { type: "button", onclick: async () => {
        older.disabled = true;
        if (await page()) pages += 1;
        older.disabled = false;
        if (document.activeElement === document.body) older.focus(); // it was lost with the button
      } }, R.text("older"));
      let last = null;
      async function page() {
        const answer = await R.get(`batches${last ? `?before=${last}` : ""}`).catch(() => null);
        if (mine !== drawn || answer?.status !== 200) return false;
        lines.append(...answer.body.rows.map(one));
        last = answer.body.rows.at(-1)?.id ?? last;
        older.hidden = !answer.body.more;
        return true;
      }
      for (let open = 0; open < pages; open += 1) if (!(await page()) || older.hidden) break;
      if (mine !== drawn || !lines.childElementCount) return;
      earlier.replaceChildren(
        el("h3", {}, R.text("bulk_earlier")), el("div", { class: "scroll small" }, el("table", {}, R.ui.head(EARLIER), lines), older),
      );
    }
    function one(row) {
      const line = el("td", { class: "note" }, R.text(`bulk_${row.state}`, { done: row.done, left_out: row.left_out }));
      const again = async (path, why) => {
        if (await loop(path, path === "apply" ? { batch: row.batch } : { batch: row.batch, why }, line)) await changed();
      };
      const undo = () => (row.own ? again("unapply", "") : R.comment((why) => again("unapply", why)));
      return el(
        "tr", {},
        el("td", { class: "short" }, R.when(row.created_at)), el("td", { class: "short" }, R.shown(row.by)), el("td", { class: "short" }, row.text),
        el("td", { class: "n" }, R.text("bulk_size", row)), line,
        el("td", { class: "n" },
          row.state === "running" && row.own ? el("button", { type: "button", onclick: () => again("apply", "") }, R.text("bulk_go_on")) : null, " ",
          row.state === "undone" && row.ended_at && !row.left_out ? null : el("button", { type: "button", class: "undo", onclick: undo }, R.text("bulk_undo"))),
      );
    }
    async function begin() {
      const [failed] = (await R.known()).filter((each) => each?.status !== 200); // null where no answer came
      if (!made.open) return;
      chosen.textContent = "";
      if (failed !== undefined) return void result.replaceChildren(...(failed && failed.status < 500 ? R.refusal(failed) : [R.text("away_none")]));
      choices = scopes();
      [filter] = choices;
      scope.append(...choices.map((each) => el("option", {}, named(each))));
      where.hidden = acts.hidden = false;
      more();
      before();
    }
    begin();
  };
})();
