// 批量: a file goes up, its first rows come back with the guessed columns, a job starts; all jobs, as they go.
window.Bulk = (root, texts, limit) => {
  const { h, name, get, post, may, number, moment, say, whenSeen, Failure, MINE, OTHER, mine } = window.Yingma;
  const t = texts[window.YINGMA.lang];
  const put = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const KINDS = ["name", "modality", "institution", "count"];
  const GOING = ["queued", "running"];
  let looked = null; // what the server said of the uploaded file
  let sending = null; // the upload under way
  let timer = 0;
  const opened = new Set(); // jobs whose columns and versions are shown

  const problem = h("span", { className: "problem", role: "alert" });
  const file = h("input", { type: "file", hidden: true, accept: ".csv,.tsv,.xlsx,.parquet", onchange: () => file.files[0] && send(file.files[0]) });
  const choose = h("button", { className: "do", type: "button", textContent: t.choose, onclick: () => (sending ? sending.abort() : file.click()) });
  const hint = h("span", { className: "dim", textContent: put(t.hint, { limit }) });
  const drop = h("div", { className: "drop" }, file, choose, hint, problem);
  const made = h("div", { className: "made" });
  const list = h("div", { className: "jobs", ariaLabel: t.jobs });
  const trouble = h("span", { className: "problem", role: "alert" });
  root.classList.add("y");
  root.append(h("h3", { textContent: t.new }), drop, made, h("h3", { textContent: t.jobs }), trouble, list);

  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
  };

  // -- a new job ------------------------------------------------------------------------------------------------------

  // XMLHttpRequest, since fetch does not tell how far an upload is.
  function send(given) {
    problem.replaceChildren();
    made.replaceChildren();
    looked = null;
    if (given.size > limit * 1e6) return say(problem, put(t.too_large, { limit }));
    const request = (sending = new XMLHttpRequest());
    const over = (sentence) => {
      sending = null;
      file.value = "";
      choose.textContent = t.choose;
      hint.textContent = put(t.hint, { limit });
      if (sentence) say(problem, sentence);
    };
    request.open("POST", `/api/uploads?name=${encodeURIComponent(given.name)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    for (const [name, value] of Object.entries(MINE)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      const share = event.total ? Math.floor((100 * event.loaded) / event.total) : 0;
      hint.textContent = share < 100 ? put(t.sending, { file: given.name, share }) : put(t.looking, { file: given.name });
    };
    request.onabort = () => over();
    request.onerror = () => over(window.YINGMA.t.away);
    request.onload = () => {
      let body = null;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        body = null;
      }
      if (request.status === 200 && body) {
        over();
        show(body);
      } else over(new Failure(request.status, body?.error?.[window.YINGMA.lang] ?? `${request.status}`));
    };
    choose.textContent = t.abort;
    hint.textContent = put(t.sending, { file: given.name, share: 0 });
    request.send(given);
  }

  const another = async (sheet) => {
    problem.replaceChildren();
    try {
      show(await post(`/api/uploads/${looked.upload}/look`, { sheet }));
    } catch (failure) {
      say(problem, failure);
    }
  };

  function show(found) {
    looked = found;
    const size = found.size < 1e5 ? `${number(Math.ceil(found.size / 1e3))} kB` : `${(found.size / 1e6).toFixed(1)} MB`;
    const head = h("div", { className: "bar" }, name(found.file), h("span", { className: "dim", textContent: size }));
    if (found.sheets.length > 1) {
      const sheet = h("select", { id: "bulk-sheet", ariaLabel: t.sheet, onchange: () => another(sheet.value) });
      sheet.append(h("option", { value: "", textContent: t.sheet_which }), ...found.sheets.map((each) => h("option", { value: each, textContent: each })));
      sheet.value = found.sheet ?? "";
      head.append(h("label", {}, t.sheet, " ", sheet));
    }
    for (const note of found.notes) head.append(h("span", { className: "dim", textContent: note[window.YINGMA.lang === "zh" ? 0 : 1] }));
    made.replaceChildren(head);
    if (!found.header.length) return;

    const columns = {};
    const rows = h("table", {});
    const paint = () => {
      const kind = (index) => KINDS.find((each) => columns[each].value === String(index));
      rows.replaceChildren(
        h("thead", {}, h("tr", {}, found.header.map((each, index) => h("th", { className: kind(index) ? "used" : "" }, name(each, 60), kind(index) ? h("span", { className: "kind", textContent: t[`column_${kind(index)}`] }) : null)))),
        h("tbody", {}, found.rows.map((row) => h("tr", {}, row.map((cell, index) => h("td", { className: kind(index) ? "used" : "" }, name(cell, 80)))))),
      );
      const used = KINDS.map((each) => columns[each].value).filter((each) => each !== "");
      start.disabled = columns.name.value === "" || new Set(used).size !== used.length;
      say(problem, columns.name.value === "" ? t.which_name : start.disabled ? t.twice : "");
    };
    for (const each of KINDS) {
      const select = (columns[each] = h("select", { id: `bulk-${each}`, onchange: paint }));
      select.append(h("option", { value: "", textContent: each === "name" ? t.choose_column : t.no_column }));
      found.header.forEach((column, index) => select.append(h("option", { value: String(index), textContent: window.Yingma.seen(column || '""') })));
      select.value = found.guess[each] === null || found.guess[each] === undefined ? "" : String(found.guess[each]);
    }
    const ending = h("select", { id: "bulk-ending" }, ["csv", "xlsx", "tsv", "parquet"].map((each) => h("option", { value: each, textContent: each })));
    const feed = h("select", { id: "bulk-feed" }, ["review", "all", "none"].map((each) => h("option", { value: each, textContent: t[`feed_${each}`] })));
    const start = h("button", {
      className: "do",
      id: "bulk-start",
      type: "button",
      textContent: t.start,
      onclick: async () => {
        start.disabled = true;
        const column = (kind) => (columns[kind].value === "" ? null : Number(columns[kind].value));
        try {
          await post("/api/jobs", {
            upload: found.upload,
            name: column("name"),
            modality: column("modality"),
            institution: column("institution"),
            count: column("count"),
            ending: ending.value,
            feed: feed.value,
          });
          made.replaceChildren();
          await refresh();
        } catch (failure) {
          say(problem, failure);
          start.disabled = false;
        }
      },
    });
    const label = (text, control) => h("label", {}, text, " ", control);
    made.append(
      h("div", { className: "bar" }, KINDS.map((each) => label(t[`column_${each}`], columns[each])), label(t.ending, ending), label(t.feed, feed), start),
      h("div", { className: "first" }, rows),
    );
    paint();
  }

  // -- jobs -----------------------------------------------------------------------------------------------------------

  const time = (value) => (value ? moment(value) : "");
  const lasting = (seconds) =>
    seconds >= 3600
      ? put(t.hours, { n: `${Math.floor(seconds / 3600)}:${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")}` })
      : seconds >= 60
        ? put(t.minutes, { n: Math.floor(seconds / 60) })
        : put(t.seconds, { n: Math.ceil(seconds) });

  function progress(job) {
    const going = GOING.includes(job.state);
    const words = [going && job.phase ? t[`phase_${job.phase}`] : t[`state_${job.state}`]];
    if (going && job.ahead) words.push(put(t.ahead, { n: number(job.ahead) }));
    if (going && job.total) words.push(`${number(job.done)} / ${number(job.total)}`);
    if (going && job.rate) words.push(put(t.rate, { rate: number(Math.round(job.rate)) }));
    if (going && job.left !== null && job.left !== undefined) words.push(put(t.left, { left: lasting(job.left) }));
    const cell = h("td", { className: "how" }, h("span", { className: ["failed", "paused", "interrupted"].includes(job.state) ? "problem" : "", textContent: words.join(" · ") }));
    if (going) {
      const share = job.total ? job.done / job.total : 0;
      const bar = h("div", { className: "share", role: "progressbar", ariaValueNow: String(Math.floor(100 * share)) }, h("div", {}));
      bar.firstChild.style.width = `${100 * share}%`;
      cell.append(bar);
    }
    const sentence = (going ? job.waits : job.sentence)?.[window.YINGMA.lang];
    if (sentence && (going || ["failed", "paused", "interrupted"].includes(job.state))) cell.append(h("div", { className: "dim", textContent: window.Yingma.seen(sentence) }));
    const budget = job.budget?.[window.YINGMA.lang];
    if (budget) cell.append(h("div", { className: "dim budget", textContent: budget }));
    return cell;
  }

  const act = (job, what) => async (event) => {
    event.target.disabled = true;
    trouble.replaceChildren();
    try {
      await post(`/api/jobs/${encodeURIComponent(job.id)}/${what}`);
    } catch (failure) {
      say(trouble, failure);
    }
    await refresh();
  };

  function actions(job) {
    const button = (what) => h("button", { className: "plain", type: "button", textContent: t[what], onclick: act(job, what) });
    const cell = h("td", { className: "acts" });
    if (GOING.includes(job.state)) cell.append(button("stop"));
    else if (job.state === "to_adopt") cell.append(button("adopt"));
    else if (job.state !== "done") cell.append(button("resume"));
    else if (job.counts?.failed) cell.append(button("retry"));
    const place = `/api/jobs/${encodeURIComponent(job.id)}`;
    const path = `${place}/result`;
    if (job.has_changes) cell.append(h("a", { href: mine(`${place}/changes`), target: "_blank", textContent: t.changes, title: t.changes_title }));
    if (job.has_report) cell.append(h("a", { href: mine(`${place}/report`), target: "_blank", textContent: t.report, title: t.report_title }));
    if (job.has_result) cell.append(h("a", { href: mine(path), download: "", textContent: t.download, title: t.download_title }));
    if (job.has_result && [".csv", ".tsv"].includes(job.ending)) cell.append(h("a", { href: mine(`${path}?plain=true`), download: "", textContent: t.plain, title: t.plain_title }));
    return cell;
  }

  function line(job) {
    const counts = job.counts ?? {};
    const cell = (value) => h("td", { className: "n", textContent: value === undefined ? "" : number(value) });
    const used = job.columns.map((each, index) => each && [t[`column_${KINDS[index]}`], each]).filter(Boolean);
    const made = Object.entries(job.versions ?? {}).map(([key, value]) => [t[`version_${key}`] ?? key, value]);
    const when = [time(job.created), may("lead") ? job.user : "", made[0]?.join(" ") ?? ""].filter(Boolean).join(" · ");
    const rows = [...used, ...made].map(([what, value]) => h("tr", {}, h("td", { className: "dim", textContent: what }), h("td", {}, name(value, 80))));
    const details = h("details", { open: opened.has(job.id), ontoggle: () => opened[details.open ? "add" : "delete"](job.id) },
      h("summary", { className: "dim", textContent: when }), h("table", { className: "versions" }, h("tbody", {}, rows)));
    return h("tr", { id: `job-${job.id}`, className: job.state },
      h("td", {}, name(job.title, 80), details),
      progress(job),
      cell(counts.rows), cell(counts.names), cell(counts.accepted), cell(counts.review), cell(counts.memory),
      h("td", { className: counts.failed ? "n problem" : "n", textContent: counts.failed === undefined ? "" : number(counts.failed) }),
      actions(job),
    );
  }

  let shown = "";
  async function refresh() {
    clearTimeout(timer);
    let going = false;
    try {
      const { jobs } = await get("/api/jobs");
      going = jobs.some((each) => GOING.includes(each.state));
      const text = JSON.stringify(jobs);
      if (text !== shown) draw(jobs);
      shown = text;
      if (trouble.away) trouble.replaceChildren();
      trouble.away = false;
    } catch (failure) {
      say(trouble, failure);
      trouble.away = true;
      if ([401, OTHER].includes(failure.status)) return;
    }
    timer = setTimeout(look, going ? 500 : trouble.away ? 1000 : 5000);
  }
  const look = () => (root.isConnected && root.offsetParent !== null && !document.hidden ? refresh() : (timer = setTimeout(look, 1000)));

  function draw(jobs) {
    const heads = [["job"], ["progress"], ["rows", "n"], ["names", "n"], ["accepted", "n"], ["review", "n"], ["memory", "n"], ["failed", "n"], ["empty"]];
    const had = document.activeElement?.closest?.(".jobs") ? [document.activeElement.closest("tr")?.id, document.activeElement.textContent] : null;
    list.replaceChildren(
      jobs.length
        ? h("table", {}, h("thead", {}, h("tr", {}, heads.map(([id, kind]) => h("th", { className: kind ?? "", textContent: id === "empty" ? "" : t[`head_${id}`] })))), h("tbody", {}, jobs.map(line)))
        : h("span", { className: "dim", textContent: t.none }),
    );
    if (had?.[0]) [...(document.getElementById(had[0])?.querySelectorAll("button, a, summary") ?? [])].find((each) => each.textContent === had[1])?.focus();
  }

  whenSeen(root, refresh);
};
