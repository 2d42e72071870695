// 概览: what has which status, what is open and why, institutions, decisions per day and person; quality for the lead.
window.Overview = (root, texts) => {
  const { h, name, get, post, may, mine, number, moment, say, whenSeen } = window.Yingma;
  const { lang } = window.YINGMA;
  const t = texts[lang];
  root.classList.add("y");
  const problem = h("span", { className: "problem", role: "alert" });
  const when = h("span", { className: "dim" });
  const again = h("button", { className: "plain", textContent: t.again, onclick: () => load() });
  const figures = h("div", { className: "figures" });
  const outside = h("p", { className: "dim" });
  const left = h("div");
  const right = h("div");
  const places = h("div");
  const quality = h("div");
  const audit = h("div", { className: "audit" });
  let sentences = {};
  root.append(h("div", { className: "bar" }, again, when, problem), figures, outside, audit, h("div", { className: "grid" }, left, right));

  const th = (text, n) => h("th", { className: n ? "n" : "", textContent: text });
  const td = (content, kind = "") => h("td", { className: kind }, content);
  const num = (value) => td(number(value), "n");
  const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "–");
  const share = (part, whole) =>
    h("span", { className: "share", title: percent(part, whole) }, h("i", { style: `width:${whole ? (100 * part) / whole : 0}%` }));
  const table = (heads, rows) =>
    h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows.map((cells) => h("tr", {}, cells))));

  async function load() {
    try {
      problem.replaceChildren();
      const found = await get("/api/overview");
      draw(found);
      await institutions(0);
      if (may("lead")) await Promise.all([showAudit(), showQuality()]);
      when.textContent = t.at.replace("{time}", new Date().toLocaleTimeString(lang === "zh" ? "zh-CN" : "en-GB"));
    } catch (failure) {
      say(problem, failure);
    }
  }

  function draw({ standing, queue, days, zone, reasons, finished }) {
    sentences = reasons;
    const sum = (statuses, key) => standing.filter((each) => statuses.includes(each.status)).reduce((total, each) => total + each[key], 0);
    const all = standing.map((each) => each.status);
    const groups = { whole: all, accepted: ["accepted"], decided: ["settled", "rejected", "not_in_standard"],
      waiting: ["open", "flagged", "second_look", "adjudication"] };
    const exams = sum(all, "exams");
    figures.replaceChildren(...Object.entries(groups).map(([key, statuses]) =>
      h("div", {}, h("div", { className: "dim", textContent: t[key] }), h("b", { textContent: number(sum(statuses, "exams")) }),
        h("span", { className: "dim", textContent: ` ${t.exams} · ${number(sum(statuses, "names"))} ${t.names}${key === "whole" ? "" : ` · ${percent(sum(statuses, "exams"), exams)}`}` }))));
    outside.textContent = finished.jobs
      ? t.outside.replace("{jobs}", number(finished.jobs)).replace("{accepted}", number(finished.accepted_exams)).replace("{exams}", number(finished.exams))
          .replace("{share}", percent(finished.accepted_exams, finished.exams)).replace("{names}", number(finished.accepted)).replace("{of}", number(finished.names))
      : t.outside_none;
    left.replaceChildren(
      h("h3", { textContent: t.by_status }),
      table([th(t.status), th(t.clusters, 1), th(t.names_head, 1), th(t.exams_head, 1), th("")],
        standing.map((each) => [td(each[lang]), num(each.clusters), num(each.names), num(each.exams), td(share(each.exams, exams))])),
      h("h3", { textContent: t.by_reason }),
      queue.length
        ? table([th(t.reason), th(t.clusters, 1), th(t.names_head, 1), th(t.exams_head, 1)],
            queue.map((each) => [td(each[lang]), num(each.clusters), num(each.names), num(each.exams)]))
        : h("p", { className: "dim", textContent: t.empty }),
    );
    const people = [...new Set(days.map((each) => each.user))];
    const dates = [...new Set(days.map((each) => each.day))];
    const of = (day, user) => days.find((each) => each.day === day && each.user === user)?.decisions ?? 0;
    right.replaceChildren(
      h("h3", { textContent: may("lead") ? t.by_day : t.by_day_own }),
      days.length
        ? table([th(t.day.replace("{zone}", zone)), ...people.map((each) => h("th", { className: "n" }, name(each, 24))), th(t.sum, 1)],
            dates.map((day) => [td(day), ...people.map((user) => num(of(day, user))), num(people.reduce((total, user) => total + of(day, user), 0))]))
        : h("p", { className: "dim", textContent: t.no_decisions }),
      quality, places,
    );
  }

  async function institutions(page) {
    const found = await get("/api/overview/institutions", { page });
    const pages = Math.ceil(found.total / found.size);
    places.replaceChildren(
      h("h3", { textContent: t.by_institution.replace("{n}", number(found.total)) }),
      found.rows.length
        ? table([th(t.institution), th(t.names_head, 1), th(t.exams_head, 1), th(t.accepted, 1), th(t.decided, 1), th(t.waiting, 1), th("")],
            found.rows.map((each) => [td(name(each.name || t.nowhere, 60)), num(each.names), num(each.exams), num(each.accepted), num(each.decided), num(each.waiting),
              td(share(each.accepted + each.decided, each.exams))]))
        : h("p", { className: "dim", textContent: t.no_data }),
      pages > 1 ? h("div", { className: "pager" },
        h("button", { className: "plain", textContent: t.before, disabled: !page, onclick: () => turn(page - 1) }),
        h("span", { className: "dim", textContent: `${page + 1} / ${pages}` }),
        h("button", { className: "plain", textContent: t.after, disabled: page + 1 >= pages, onclick: () => turn(page + 1) })) : "",
    );
  }

  const turn = (page) => institutions(page).catch((failure) => say(problem, failure));

  // The standing audit, for the lead only: what is proven, where acceptance stopped, what is in doubt because of it.
  async function showAudit() {
    const found = await get("/api/audit");
    const { plan, all } = found;
    const bound = (each) => (each.draws ? `${(100 * each.proven).toFixed(2)} %` : "–");
    const verdict = (each) => td(each.holds ? t.audit_holds : t.audit_open);
    const line = (title, each) => [td(title), num(each.draws), num(each.wrong), td(bound(each), "n"), verdict(each), num(each.exams)];
    const heads = () => [th(""), th(t.audit_draws, 1), th(t.audit_wrong, 1), th(t.audit_proven, 1), th(t.audit_bound), th(t.audit_stands_for, 1)];
    audit.replaceChildren(
      h("h3", { textContent: t.audit.replace("{share}", 100 * plan.precision).replace("{days}", plan.days) }),
      ...found.stops.map(stop),
      table(heads(), [line(t.overall, all), ...found.modalities.map((each) => line(each.modality, each))]),
      h("p", { className: "dim", textContent: t.audit_waiting.replace("{n}", number(found.waiting)).replace("{overdue}", number(found.overdue)) }),
    );
  }

  function stop(each) {
    const why = h("input", { maxLength: 1000, placeholder: t.audit_why, "aria-label": t.audit_why });
    const wrong = h("span", { className: "problem", role: "alert" });
    const lift = h("button", { className: "plain", textContent: t.audit_lift, onclick: () => post("/api/audit/lift", { id: each.id, why: why.value }).then(load, (failure) => say(wrong, failure)) });
    const where = [each.institution === "" ? t.nowhere : each.institution, each.modality].filter(Boolean);
    return h("div", { className: "stop", role: "alert" },
      h("b", { textContent: t.audit_stopped }), " ", where.length ? where.map((part) => [name(part, 60), " "]) : t.overall,
      h("span", { textContent: t.audit_found.replace("{draws}", number(each.draws)).replace("{wrong}", number(each.wrong)).replace("{at}", moment(each.at)) }), " ",
      h("a", { href: mine(`/api/audit/accepted?stop=${each.id}`), download: true, textContent: t.audit_doubt.replace("{names}", number(each.names)).replace("{exams}", number(each.exams)) }), " ",
      why, lift, wrong);
  }

  // Kappa of blind second looks and who noticed the control samples: for the lead only, as the review tells it.
  async function showQuality() {
    let found;
    try {
      found = await get("/api/review/quality");
    } catch (failure) {
      if (failure.status === 404) return;
      throw failure;
    }
    const decimal = (value) => (value === null ? "–" : value.toFixed(2));
    const interval = ({ low, high }) => (low === null ? "" : `${decimal(low)}–${decimal(high)}`);
    const kappa = (title, each) => [td(title), num(each.n), num(each.agreed), td(decimal(each.kappa), "n"), td(interval(each), "n dim")];
    const rows = [
      kappa(t.overall, found.overall),
      ...found.reviewers.map((each) => kappa(name(each.name, 24), each)),
      ...found.categories.map((each) => kappa(sentences[each.name]?.[lang] ?? each.name, each)),
    ];
    quality.replaceChildren(
      h("h3", { textContent: t.agreement }),
      table([th(""), th(t.pairs, 1), th(t.agreed, 1), th(t.kappa, 1), th(t.interval, 1)], rows),
      h("h3", { textContent: t.controls }),
      found.controls.length
        ? table([th(""), th(t.shown, 1), th(t.answered, 1), th(t.caught, 1), th(t.share, 1), th(t.interval, 1)],
            found.controls.map((each) => [td(name(each.name, 24)), num(each.shown), num(each.answered), num(each.caught), td(decimal(each.share), "n"), td(interval(each), "n dim")]))
        : h("p", { className: "dim", textContent: t.no_controls }),
    );
  }

  whenSeen(root, load);
};
