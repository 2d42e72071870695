// Editing: one slot of an exam by a combobox over the edition's elements, a whole item by another, exams added, removed
// and split. The server derives the code anew; while it does, a decision waits for it.
(() => {
  const R = window.Review;
  const { el } = R;
  const LISTED = 12; // options that are drawn
  let open = null; // {slot | null, input, list, rows, at, asked}
  let wanting = 0; // counts the edits that wait for the fields, so that Escape takes back the last

  const model = () => R.state.model;

  // Keeps a decision waiting while a change is under way; draws when it is there.
  function change(work) {
    const on = model();
    const run = Promise.all([on.pending, on.later]).then(work).catch(() => R.away(true));
    on.pending = run;
    return run.then(() => {
      if (on.pending === run) on.pending = null;
      if (model() === on) R.refresh();
    });
  }

  // `only`: what comes of it holds only while the exam still has this code.
  async function derived(exam, body, only) {
    const answer = await R.post("edit", body);
    if (only && exam.code !== only) return undefined;
    if (answer.status !== 200) return R.refused(answer, model());
    if (!only) R.unsay(); // of a whole item it was done at once, and something may have been said since
    Object.assign(exam, answer.body);
    exam.pick = exam.candidates.findIndex((each) => each.code === exam.code);
    return undefined;
  }

  const wanted = (exam) => ({ modality: exam.modality, slots: exam.slots });

  // A whole item for the exam: at once on the screen, its fields when the server has taken it apart.
  function item(code, name) {
    const exam = R.exam();
    if (!exam) return;
    R.unsay(); // that it has no code
    Object.assign(exam, { code, name, listed: true, near: [], dropped: [], problem: { zh: "", en: "" } });
    exam.pick = exam.candidates.findIndex((each) => each.code === code);
    const on = model();
    R.refresh();
    on.later = derived(exam, { code }, code)
      .catch(() => R.away(true)) // its fields are missing; its code is there
      .then(() => model() === on && R.refresh());
  }

  R.take = (at) => {
    const exam = R.exam();
    if (exam && exam.candidates[at]) item(exam.candidates[at].code, exam.candidates[at].name);
  };
  R.step = (by) => {
    const exam = R.exam();
    if (!exam || !exam.candidates.length) return;
    const n = exam.candidates.length;
    R.take(exam.pick < 0 ? (by > 0 ? 0 : n - 1) : (exam.pick + by + n) % n);
  };
  R.setActive = (at) => {
    const n = model().exams.length;
    model().active = (at + n) % n;
    close();
    R.refresh();
  };

  function side() {
    const exam = R.exam();
    if (!exam) return;
    const none = (text) => R.say(R.text(text), true, model());
    change(async () => {
      if (!exam.fields.some((each) => each.slot === "side")) return none(exam.fields.length ? "no_sides" : "no_part");
      const answer = await R.post("choices", { ...wanted(exam), slot: "side", words: "" });
      if (answer.status !== 200) return R.refused(answer, model());
      const rows = answer.body.rows.filter((each) => each.listed);
      const now = exam.fields.find((each) => each.slot === "side").code;
      const next = rows[(rows.findIndex((each) => each.code === now) + 1) % rows.length];
      if (!next || next.code === now) return none("no_other_side");
      return derived(exam, { ...wanted(exam), slot: "side", value: next.code });
    });
  }

  const blank = () => ({
    modality: "", slots: {}, code: "", name: "", listed: false, fields: [], near: [], dropped: [],
    problem: { zh: "", en: "" }, said: "", candidates: [], pick: -1,
  });

  function add() {
    if (!model()) return;
    model().exams.push(blank());
    R.setActive(model().exams.length - 1);
    find();
  }

  function remove() {
    const on = model();
    if (!on || on.exams.length < 2) return;
    on.exams.splice(on.active, 1);
    R.setActive(Math.min(on.active, on.exams.length - 1));
  }

  function split() {
    const exam = R.exam();
    if (!exam) return;
    const on = model();
    change(async () => {
      const body = exam.code && exam.listed ? { code: exam.code } : wanted(exam);
      const answer = exam.modality || exam.code ? await R.post("split", body) : { status: 200, body: { rows: [{}, {}] } };
      if (answer.status !== 200) return R.refused(answer, model());
      const made = answer.body.rows.map((each) => ({ ...exam, ...each }));
      for (const each of made) each.pick = each.candidates.findIndex((one) => one.code === each.code);
      on.exams.splice(on.exams.indexOf(exam), 1, ...made);
      return undefined;
    });
  }

  function nearest() {
    const near = R.exam()?.near[0];
    if (near) item(near.code, near.name);
  }

  // -- the combobox ------------------------------------------------------------------------------------------------------

  function slots() {
    return R.exam().fields.filter((each) => each.editable).map((each) => each.slot);
  }

  async function edit() {
    const on = model();
    if (!on) return;
    const mine = (wanting += 1);
    await Promise.all([on.pending, on.later]); // the fields as they are now
    if (model() !== on || mine !== wanting) return;
    const exam = R.exam();
    if (!exam.fields.length) return find();
    const own = slots();
    const part = exam.fields.find((each) => each.slot.startsWith("part") && each.editable);
    slot(own.includes("side") ? "side" : part ? part.slot : own[0]);
  }

  const unwant = () => {
    wanting += 1;
  };

  function slot(name) {
    const field = R.exam().fields.find((each) => each.slot === name);
    const label = window.YINGMA.lang === "zh" ? field.label_zh : field.label_en;
    if (name === "addition") return plainInput(name, label);
    return combobox(name, R.text("value", { slot: label }), field.name);
  }
  function find() {
    if (R.exam()) combobox(null, R.text("find"), "");
  }

  function combobox(name, label, hint) {
    close(false);
    const list = el("ul", { role: "listbox", id: "review-options", "aria-label": label });
    const input = el("input", {
      type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "review-options", autocomplete: "off",
      "aria-autocomplete": "list", "aria-label": label, placeholder: hint ? `${label} (${hint})` : label, spellcheck: "false",
    });
    open = { slot: name, input, list, rows: [], at: 0, asked: 0 };
    input.addEventListener("input", ask);
    input.addEventListener("keydown", typed);
    const place = R.state.root.querySelector(".edit");
    place.replaceChildren(el("div", { class: "combo" }, el("span", { class: "label" }, label), input, list));
    for (const cell of R.state.root.querySelectorAll(".fields td"))
      cell.classList.toggle("editing", cell.dataset.slot === name);
    input.focus();
    ask();
  }

  async function ask() {
    const mine = open;
    const number = (mine.asked += 1);
    const words = mine.input.value;
    const exam = R.exam();
    const answer = await (mine.slot === null
      ? R.post("find", { words, near: (exam?.modality || model()?.card.modality || "").slice(0, 200) })
      : R.post("choices", { ...wanted(exam), slot: mine.slot, words })
    ).catch(() => null);
    if (open !== mine || mine.asked !== number) return;
    if (!answer) return R.away(true);
    if (answer.status !== 200) return R.refused(answer, model());
    mine.rows = answer.body.rows.slice(0, 100);
    const now = mine.slot === null ? -1 : mine.rows.findIndex((each) => each.code === current(exam, mine.slot));
    mine.at = words || now < 0 ? 0 : now;
    options();
    return undefined;
  }

  const current = (exam, name) => exam.fields.find((each) => each.slot === name)?.code;

  function options() {
    const { rows, list, input } = open;
    const from = Math.max(0, Math.min(open.at - LISTED + 3, rows.length - LISTED));
    list.replaceChildren(
      ...rows.slice(from, from + LISTED).map((each, index) =>
        el(
          "li",
          {
            role: "option", id: `review-option-${from + index}`, "aria-selected": String(from + index === open.at),
            class: each.listed ? "" : "no-item", onmousedown: (event) => {
              event.preventDefault();
              open.at = from + index;
              choose();
            },
          },
          el("span", {}, each.name), each.code && each.code !== each.name ? el("code", {}, each.code) : null, // a side is its own code
          each.listed ? null : el("i", {}, `✗ ${R.text("no_item")}`),
        ),
      ),
    );
    if (!rows.length && (open.slot !== null || input.value)) list.append(el("li", { class: "nothing" }, R.text("none_found")));
    if (rows.length) input.setAttribute("aria-activedescendant", `review-option-${open.at}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function choose(then) {
    const row = open.rows[open.at];
    if (!row) return;
    const { slot: name } = open;
    const exam = R.exam();
    close();
    if (name === null) item(row.code, row.name);
    else change(() => derived(exam, { ...wanted(exam), slot: name, value: row.code })).then(() => then?.());
  }

  function typed(event) {
    event.stopPropagation();
    if (event.isComposing || event.keyCode === 229) return; // the input method is at work
    const { rows } = open;
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (move && rows.length) open.at = Math.max(0, Math.min(rows.length - 1, open.at + move));
    if (move) options();
    else if (event.key === "Enter") choose();
    else if (event.key === "Escape") close();
    else if (event.key === "Tab" && open.slot !== null) onwards(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
  }

  function onwards(by) {
    const own = slots();
    slot(own[(own.indexOf(open.slot) + by + own.length) % own.length]);
  }

  // A centre's own addition is no element: it is typed.
  function plainInput(name, label) {
    close(false);
    const exam = R.exam();
    const input = el("input", { type: "text", "aria-label": label, value: current(exam, name) || "", maxlength: "4", spellcheck: "false" });
    open = { slot: name, input, list: null, rows: [], at: 0, asked: 0 };
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Escape") close();
      else if (event.key === "Tab") onwards(event.shiftKey ? -1 : 1);
      else if (event.key === "Enter") {
        const { value } = input;
        close();
        change(() => derived(exam, { ...wanted(exam), slot: name, value }));
      } else return;
      event.preventDefault();
    });
    R.state.root.querySelector(".edit").replaceChildren(el("div", { class: "combo" }, el("span", { class: "label" }, label), input));
    input.focus();
    input.select();
  }

  function close(focus = true) {
    if (!open) return;
    open = null;
    R.state.root.querySelector(".edit")?.replaceChildren();
    for (const cell of R.state.root.querySelectorAll(".fields td.editing")) cell.classList.remove("editing");
    if (focus) R.state.root.focus({ preventScroll: true });
  }

  R.edit = { add, close, edit, find, item, nearest, remove, side, slot, split, unwant };
})();
