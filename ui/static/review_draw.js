// Drawing: the frame once, a card anew each time. No colour is the only sign: slots carry a letter and a line of their
// own, what is not in the edition says so in words.
(() => {
  const R = window.Review;
  const { el } = R;
  const MARKS = {
    modality: "M", part: "P", side: "L", scan: "S", post: "H", position: "V",
    way: "W", subitem: "I", vessel: "B", noise: "·", unexplained: "?",
  };
  const BIDI = /[\u0080-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/u;
  let frame = { isAway: false };
  const reasons = new Map(); // sentences by id
  const places = new Map(); // names of institutions by id

  R.reason = (id) => reasons.get(id) ?? id;
  // A filter or an assignment in words.
  R.scope = ({ institution_id: id, modality, reason }) => {
    const place = id ? places.get(id) || `#${id}` : "";
    const said = [shown(place), modality, reason && R.reason(reason)].filter(Boolean);
    return said.length ? said.join(" · ") : R.text("everything");
  };

  // A character that would steer the screen, drawn; every other one as it is.
  R.visible = (char) => {
    const code = char.codePointAt(0);
    if (code < 32) return String.fromCharCode(0x2400 + code);
    if (code === 127) return "\u2421";
    return BIDI.test(char) ? `‹U+${code.toString(16).toUpperCase().padStart(4, "0")}›` : char;
  };
  const shown = (text) => Array.from(text, R.visible).join("");
  R.shown = shown;

  // `of`: the card that it is about; it goes with that card.
  R.say = (text, alert = false, of = null) => {
    if (!frame.status) return;
    frame.status.textContent = alert ? "" : text;
    frame.alert.textContent = alert ? text : "";
    frame.about = of;
  };
  // What was done, beside an alert that stands.
  R.tell = (text) => frame.status && (frame.status.textContent = text);
  // What was said of a card is gone when another one, or another code, is there.
  R.unsay = (model = null) => frame.about && frame.about !== model && R.say("");

  const again = () => el("a", { href: "/login?next=/ui/", class: "login", onclick: R.send.leave }, R.text("login"));
  // An answer that is a refusal, for a place of its own: with the way back in where the session is not this person's.
  const expired = () => {
    const why = `${R.send.other() ? "other" : "expired"}${R.send.waiting() ? "" : "_none"}`;
    const reload = el("a", { href: "/ui/", onclick: R.send.leave }, R.text("reload"));
    return [R.text(why, { n: R.send.waiting(), name: window.YINGMA.person.name }), " ", again(), ...(R.send.other() ? [" · ", reload] : [])];
  };
  R.refusal = (answer) => (R.out(answer) ? expired() : [R.sentence(answer)]);
  // The same, said on the page; where the session is not this person's, it stands above already.
  R.refused = (answer, of = null) => !R.out(answer) && R.say(R.sentence(answer), true, of);

  R.waiting = () => {
    if (!frame.trouble) return;
    const n = R.send.waiting();
    const later = R.state.skipped.length;
    frame.skipped.replaceChildren(...(later ? [key("again"), ` ${R.text("skipped", { n: later })}`] : []));
    frame.skipped.hidden = !later;
    frame.box.textContent = n ? R.text("undelivered", { n }) : "";
    frame.trouble.replaceChildren();
    if (R.send.expired()) frame.trouble.append(...expired());
    else if (frame.isAway) frame.trouble.append(R.text(n ? "away" : "away_none", { n }));
  };
  R.isAway = () => frame.isAway;
  R.away = (away) => {
    if (frame.isAway === away) return;
    frame.isAway = away;
    R.waiting();
    if (away) R.send.look();
  };

  const round = (number) => (number === null ? "–" : String(Math.round(number)));
  function left(hours) {
    if (hours === null) return "–";
    return hours >= 1.5
      ? R.text("hours", { h: hours.toFixed(hours < 10 ? 1 : 0) })
      : R.text("minutes", { m: Math.ceil(hours * 60) });
  }
  R.progress = (prog) => {
    const s = R.state;
    s.prog = { ...s.prog, ...prog };
    const { waiting, mine, pace } = s.prog;
    frame.progress.textContent = mine ? R.text("waiting_mine", { ...mine, all: waiting.clusters }) : R.text("waiting", waiting);
    frame.progress.title = s.assigned.map(R.scope).join("\n");
    if (pace && pace.names_an_hour !== null)
      frame.pace.textContent = R.text("pace", {
        clusters: round(pace.clusters_an_hour), names: round(pace.names_an_hour), left: left(pace.hours_left),
      });
  };

  // Asks once, and again where no good answer came; what comes is taken. The answer; null for none.
  function once(path, take) {
    let asked = null;
    return () => (asked ??= R.get(path).catch(() => null).then((answer) => {
      if (answer?.status === 200) take(answer.body);
      else asked = null;
      return answer;
    }));
  }

  R.frame = () => {
    const { root } = R.state;
    const choose = (name, label, rows) => {
      const made = el("select", { "data-filter": name, "aria-label": R.text(label) });
      for (const [value, text] of rows) made.append(el("option", { value }, text));
      made.addEventListener("change", filtered);
      return el("label", {}, R.text(label), made);
    };
    const all = ["", R.text("all")];
    const orders = ["priority", "oldest", "institution", "reason"].map((each) => [
      each, R.text(each === "institution" || each === "reason" ? `by_${each}` : each),
    ]);
    const queues = [["", R.text("mine")], ...["open", "second_look", "flagged", "adjudication"].map((each) => [each, R.text(each)])];
    frame = {
      isAway: frame.isAway, // it may be said before there is a frame
      progress: el("span", { class: "progress" }),
      pace: el("span", { class: "pace" }),
      box: el("b", { class: "box" }),
      skipped: el("button", { type: "button", class: "skipped", hidden: true, onclick: () => R.again() }),
      status: el("span", { role: "status", class: "said" }),
      alert: el("span", { role: "alert", class: "said alert" }),
      trouble: el("div", { role: "alert", class: "trouble" }),
      card: el("div", { class: "card" }),
      filters: el(
        "div", { class: "filters" },
        choose("status", "queue", queues), choose("institution", "institution", [all]),
        choose("reason", "reason", [all]), choose("modality", "modality", [all]), choose("order", "order", orders),
      ),
    };
    const help = el("button", { type: "button", class: "help", onclick: () => R.panel("help") }, "? ", R.text("keys"));
    root.replaceChildren(
      el("div", { class: "top" }, frame.filters, frame.progress, frame.pace, frame.skipped, frame.box, help),
      frame.trouble, el("div", { class: "line" }, frame.status, frame.alert), frame.card,
    );
    R.draw();
    const assigned = once("assignments", (body) => {
      R.state.assigned = body.rows.filter((each) => each.user === window.YINGMA.person.name);
      if (R.state.prog) R.progress({});
    });
    const filters = once("filters", (body) => {
      for (const each of body.reasons) reasons.set(each.id, each.name);
      for (const each of body.institutions) places.set(each.id, each.name);
      const into = (name, rows) =>
        frame.filters.querySelector(`[data-filter=${name}]`).append(
          ...rows.map(([value, text]) => el("option", { value }, shown(text || "–"))),
        );
      into("institution", body.institutions.map((each) => [each.id, each.name]));
      into("reason", body.reasons.map((each) => [each.id, each.name]));
      into("modality", body.modalities.map((each) => [each, each]));
    });
    R.known = () => Promise.all([assigned(), filters()]); // what is assigned, and what the places are called
    R.known();
  };

  // What is said when nothing comes: others may have work where this person's is done.
  function nothing() {
    const { filter, prog, skipped } = R.state;
    const mine = prog?.mine?.clusters;
    const n = (filter ? 0 : mine) || prog?.waiting.clusters || 0;
    return [
      R.text("empty"),
      n ? ` ${R.text(filter ? "empty_filter" : mine === 0 ? "empty_mine" : "empty_rest", { n })}` : "",
      skipped.length ? ` ${R.text("empty_skipped", { n: skipped.length, key: R.keyOf("again") })}` : "",
    ].join("");
  }

  function filtered() {
    const value = (name) => frame.filters.querySelector(`[data-filter=${name}]`).value;
    const order = value("order");
    const [status, institution, reason, modality] = ["status", "institution", "reason", "modality"].map(value);
    const any = status || institution || reason || modality;
    const filter = any
      ? {
          status: status || "open", order,
          institution: institution ? Number(institution) : null, reason: reason || null, modality: modality || null,
        }
      : null;
    R.changeFilter(filter, order);
  }
  R.focusFilter = () => frame.filters.querySelector("select").focus();

  R.draw = () => {
    const { root, model, loaded } = R.state;
    if (R.edit) R.edit.close(false);
    if (!model) {
      frame.card.removeAttribute("data-cid");
      frame.card.replaceChildren(el("p", { class: "empty" }, loaded ? nothing() : R.text("loading")));
    } else {
      frame.card.replaceChildren(left_column(model), right_column(model));
      frame.card.dataset.cid = model.card.id;
      frame.card.dataset.turn = model.card.turn;
    }
    if (!document.activeElement || document.activeElement === document.body || root.contains(document.activeElement))
      root.focus({ preventScroll: true });
  };

  // -- left: what came in ----------------------------------------------------------------------------------------------

  function left_column({ card, pages }) {
    const rows = [...card.names, ...pages.flat()];
    const missing = card.count.names - rows.length;
    const context = [card.institution, card.modality].filter(Boolean).map(shown).join(" · ");
    return el(
      "section", { class: "left" },
      el(
        "h2", {}, el("span", { class: "id" }, `#${card.id}`), " ", context || "–",
        el("span", { class: "count" }, R.text("count", card.count)),
      ),
      el(
        "p", { class: "reason" }, el("b", {}, card.reason.text),
        card.reason.detail ? el("span", { class: "detail" }, ` ${shown(card.reason.detail)}`) : null,
      ),
      card.status === "open" ? null : el("p", { class: "status" }, card.status_text),
      el(
        "div", { class: "names", tabindex: "-1", "aria-label": R.text("names", { n: card.count.names }) },
        el("table", {}, el("tbody", {}, rows.map(name_row))),
        missing > 0
          ? el("button", { type: "button", class: "more", onclick: R.more }, R.text("more", { n: missing }), " ", key("more"))
          : null,
      ),
      legend(rows),
      evidence(card),
      decided(card),
    );
  }

  function name_row(name) {
    const chars = Array.from(name.raw);
    const pieces = [];
    let at = 0;
    for (const [start, end, slot, element] of name.spans) {
      if (start > at) pieces.push(chars.slice(at, start).map(R.visible).join(""));
      const text = chars.slice(start, end).map(R.visible).join("");
      if (slot === "separator") pieces.push(text);
      else
        pieces.push(
          el("span", { class: `s s-${slot}`, "data-mark": MARKS[slot] ?? "", title: `${R.text(`slot.${slot}`)}: ${element}` }, text),
        );
      at = Math.max(at, end);
    }
    if (at < chars.length) pieces.push(chars.slice(at).map(R.visible).join(""));
    if (name.cut) pieces.push(el("i", {}, R.text("cut", { n: name.cut })));
    return el("tr", {}, el("td", { class: "raw" }, el("bdi", {}, pieces)), el("td", { class: "n" }, R.text("exams_of", { n: name.exams })));
  }

  function legend(rows) {
    const slots = Object.keys(MARKS).filter((slot) => rows.some((row) => row.spans.some((span) => span[2] === slot)));
    return el(
      "p", { class: "legend" },
      slots.map((slot) => [el("span", { class: `s s-${slot}`, "data-mark": MARKS[slot] }, R.text(`slot.${slot}`)), " "]),
    );
  }

  // Two figures where one would not add up.
  const signed = (number) => (number < 0 ? "−" : "+") + Math.abs(number).toFixed(2).replace(/(?<=\.\d)0$/, "");
  const sum = (rows) => rows.reduce((total, row) => total + row[2], 0);

  function evidence(card) {
    return el(
      "div", { class: "evidence" },
      el("h3", {}, R.text("evidence"), el("span", { class: "score" }, ` ${R.text("score")} ${card.evidence.length ? `${signed(sum(card.evidence))} → ` : ""}${card.score.toFixed(3)}`)),
      el(
        "table", {},
        el(
          "tbody", {},
          card.evidence.map(([signal, value, weight, text]) =>
            el(
              "tr", { class: weight < 0 ? "against" : "for" },
              el("td", { class: "w" }, signed(weight)), el("td", {}, text),
              el("td", { class: "v" }, signal === "reason" || signal === "convention" ? "" : shown(value)),
            ),
          ),
        ),
      ),
    );
  }

  function decided(card) {
    if (card.blind) return el("p", { class: "blind" }, R.text("blind"));
    if (!card.decisions.length) return null;
    return el(
      "div", { class: "decisions" }, el("h3", {}, R.text("decisions")),
      el(
        "ul", {},
        card.decisions.map((each) =>
          el(
            "li", {}, `${when(each.at)} ${shown(each.by)}: ${each.text} ${each.codes.join("+")}`,
            each.why ? ` “${shown(each.why)}”` : "", each.undone ? ` (${R.text("undone")})` : "",
          ),
        ),
      ),
    );
  }
  const when = (R.when = window.Yingma.moment);

  // -- right: what it will be ------------------------------------------------------------------------------------------

  function right_column(model) {
    frame.parts = {
      exams: el("div", { class: "exams", role: "tablist" }),
      detail: el("div", {}),
      candidates: el("ol", { class: "candidates", role: "listbox", "aria-label": R.text("candidates") }),
    };
    fill(model);
    const { exams, detail, candidates: listed } = frame.parts;
    return el("section", { class: "right" }, exams, detail, el("div", { class: "edit" }), listed, actions(model.card));
  }

  function fill(model) {
    const exam = model.exams[model.active];
    frame.parts.exams.replaceChildren(...model.exams.map((each, at) => exam_row(model, each, at)));
    frame.parts.detail.replaceChildren(...(exam ? [R.examDetail(exam)] : []));
    frame.parts.candidates.replaceChildren(...(exam ? candidates(exam) : []));
  }

  // What changed is on the same card: an open combobox stays as it is.
  R.refresh = () => {
    if (!R.state.model) return;
    fill(R.state.model);
    frame.parts.candidates.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  };

  function exam_row(model, each, at) {
    return el(
      "button",
      {
        type: "button", role: "tab", class: "exam", "aria-selected": String(at === model.active),
        onclick: () => R.setActive(at),
      },
      el("span", { class: "no" }, model.exams.length > 1 ? `${at + 1} ` : ""),
      each.code ? el("code", {}, each.code) : el("span", { class: "open" }, R.text("incomplete")),
      " ", each.name || (each.said ? `${R.text("said")} ${each.said}` : ""),
      each.code && !each.listed ? el("span", { class: "unlisted" }, ` ✗ ${R.text("unlisted")}`) : null,
      each.code && each.listed ? el("span", { class: "ok", title: R.text("listed") }, " ✓") : null,
    );
  }

  // The code drawn field by field, and what is near it where the edition does not have it.
  R.examDetail = (exam) => {
    const lang = window.YINGMA.lang;
    const labels = Object.fromEntries(exam.fields.map((each) => [each.slot, lang === "zh" ? each.label_zh : each.label_en]));
    return el(
      "div", { class: "detail" },
      exam.fields.length
        ? el(
            "table", { class: "fields" },
            el("tbody", {}, ["label", "characters", "name"].map((row) => el("tr", { class: row }, exam.fields.map((each) => field(each, row, lang))))),
          )
        : null,
      exam.problem.zh && !exam.listed ? el("p", { class: "problem" }, "✗ ", exam.problem[lang]) : null,
      exam.dropped.length ? el("p", { class: "problem" }, R.text("dropped", { slots: exam.dropped.join(" ") })) : null,
      exam.near.length
        ? el(
            "p", { class: "near" }, R.text("nearest", { key: R.keyOf("nearest") }), " ",
            exam.near.map((each) =>
              el(
                "button", { type: "button", onclick: () => R.edit.item(each.code, each.name) },
                each.name, el("small", {}, each.changes.map(([slot, , name]) => ` ${labels[slot] ?? slot}→${name || "–"}`)),
              ),
            ),
          )
        : null,
    );
  };

  function field(each, row, lang) {
    const label = lang === "zh" ? each.label_zh : each.label_en;
    const text = row === "label" ? label : row === "name" ? each.name : each.slot === "side" ? each.name : each.characters;
    const given = { class: `f f-${each.slot}${each.editable ? " editable" : ""}`, "data-slot": each.slot };
    if (each.editable) given.onclick = () => R.edit.slot(each.slot);
    return el("td", given, row === "name" && each.slot === "side" ? "" : text || " ");
  }

  function candidates(exam) {
    return exam.candidates.map((each, at) =>
      el(
        "li",
        { role: "option", "aria-selected": String(at === exam.pick), "data-code": each.code, onclick: () => R.take(at) },
        el("span", { class: "no" }, String((at + 1) % 10)),
        el("code", {}, each.code), el("b", {}, each.name),
        el("span", { class: "score" }, `${signed(each.total)} → ${each.score.toFixed(2)}`),
        el(
          "span", { class: "rows" },
          each.rows.map(([signal, value, weight, text]) =>
            el(
              "span", { class: signal === "prior" ? "prior" : weight < 0 ? "against" : "for", title: signal === "prior" && text },
              signal === "prior" ? text.split(/[：:]/)[0] : weight < 0 ? `≠ ${text}` : text,
              signal.endsWith("_other") ? ` ${shown(value)}` : ["lexical", "dense"].includes(signal) ? ` #${value}` : "",
              ` ${signed(weight)}`,
            ),
          ),
        ),
      ),
    );
  }

  const key = (name) => el("kbd", {}, R.keyOf(name));

  function actions(card) {
    const may = { accept: "settle", reject: "reject", not_in_standard: "not_in_standard", flag: "flag", ask: "ask", widen: "widen" };
    const shown = (name) => R.has(name) && (name !== "widen" || card.may.widen); // only what is decided can be widened
    return el(
      "div", { class: "actions" },
      ["accept", "reject", "not_in_standard", "flag", "ask", "widen", "skip", "undo", "edit", "find", "add", "split", "remove", "history", "bulk"].filter(shown).map((name) =>
        el(
          "button",
          { type: "button", "data-act": name, disabled: may[name] !== undefined && !card.may[may[name]], onclick: () => R.run(name) },
          key(name), " ", R.text(`key.${name}`),
        ),
      ),
    );
  }
})();
