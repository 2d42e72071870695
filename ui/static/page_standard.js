// 标准: search and filters, the tree of parts, a page of items, an item with the names it stands for; two editions.
window.Standard = (root, texts) => {
  const { h, name, get, number, say, whenSeen } = window.Yingma;
  const { lang } = window.YINGMA;
  const t = texts[lang];
  const label = (field) => (lang === "zh" ? field.label_zh : field.label_en);
  const wanted = { words: "", modality: "", part: [], scan: "", page: 0 };
  let asked = 0; // the newest question; an older answer is dropped
  let shown = "";

  const words = h("input", { className: "wide", type: "search", placeholder: t.words, ariaLabel: t.words, maxLength: 200 });
  const modality = h("select", { ariaLabel: t.modality });
  const scan = h("select", { ariaLabel: t.scan });
  const status = h("span", { className: "dim", role: "status" });
  const problem = h("span", { className: "problem", role: "alert" });
  const tree = h("div", { className: "tree", ariaLabel: t.parts });
  const list = h("div", { className: "list" });
  const item = h("div", { className: "item" });
  const three = h("div", { className: "three" }, tree, list, item);
  const compare = h("div", { className: "compare", hidden: true });
  const toItems = h("button", { className: "plain chosen", textContent: t.items, onclick: () => turn(false) });
  const toCompare = h("button", { className: "plain", textContent: t.compare, onclick: () => turn(true) });
  const filters = [words, modality, scan, status];
  root.classList.add("y");
  root.append(h("div", { className: "bar" }, h("span", { className: "kinds" }, toItems, toCompare), filters, problem), three, compare);

  const guard = (work) => async (...given) => {
    try {
      problem.replaceChildren();
      return await work(...given);
    } catch (failure) {
      shown = ""; // so that the same row can be tried again
      say(problem, failure);
    }
  };

  const options = (select, first, values) =>
    select.replaceChildren(h("option", { value: "", textContent: first }), ...values.map((each) => h("option", { value: each, textContent: each })));

  const loadFilters = guard(async () => {
    const found = await get("/api/standard/filters", { modality: wanted.modality });
    if (!modality.childElementCount) options(modality, t.modality_all, found.modalities);
    options(scan, t.scan_all, found.scans);
    scan.value = found.scans.includes(wanted.scan) ? wanted.scan : "";
    wanted.scan = scan.value;
    tree.replaceChildren(branch({ name: t.parts_all, items: null, below: [] }, []), ...found.tree.map((node) => branch(node, [node.name])));
  });

  function branch(node, path) {
    const pick = (event) => {
      event.stopPropagation();
      wanted.part = path;
      tree.querySelector(".on")?.classList.remove("on");
      event.currentTarget.classList.add("on");
      return search();
    };
    const inner = [h("span", { textContent: node.name }), h("span", { className: "count", textContent: node.items ?? "" })];
    if (!node.below.length)
      return h("div", { className: path.length ? "leaf" : "leaf on", tabIndex: 0, onclick: pick, onkeydown: (e) => e.key === "Enter" && pick(e) }, inner);
    return h("details", {}, h("summary", { onclick: pick }, inner), node.below.map((each) => branch(each, [...path, each.name])));
  }

  const search = guard(async (page = 0) => {
    const mine = ++asked;
    wanted.page = page;
    const found = await get("/api/standard/items", wanted);
    if (mine !== asked) return;
    const pages = Math.max(1, Math.ceil(found.total / found.size));
    status.textContent = t.found.replace("{n}", number(found.total));
    list.replaceChildren(
      found.items.length
        ? h("table", {}, h("thead", {}, h("tr", {}, [t.code, t.name, t.modality].map((each) => h("th", { textContent: each })))),
            h("tbody", {}, found.items.map(([code, title, kind]) =>
              h("tr", { className: code === shown ? "row on" : "row", tabIndex: 0, onclick: (event) => open(code, event.currentTarget), onkeydown: rowKey(code) },
                h("td", { className: "code", textContent: code }), h("td", { textContent: title }), h("td", { className: "dim", textContent: kind })))))
        : h("p", { className: "dim", textContent: t.nothing }),
      pager(page, pages, search),
    );
    list.scrollTop = 0;
    if (found.items.length && !found.items.some(([code]) => code === shown)) await open(found.items[0][0], list.querySelector("tr.row"));
  });

  // Up and down go through the rows, Enter shows one.
  const rowKey = (code) => (event) => {
    const row = event.currentTarget;
    const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
    if (next) {
      event.preventDefault();
      next.focus();
      next.click();
    } else if (event.key === "Enter") open(code, row);
  };

  function pager(page, pages, turnTo) {
    if (pages < 2) return "";
    return h("div", { className: "pager" },
      h("button", { className: "plain", textContent: t.before, disabled: page === 0, onclick: () => turnTo(page - 1) }),
      h("span", { className: "dim", textContent: `${page + 1} / ${pages}` }),
      h("button", { className: "plain", textContent: t.after, disabled: page + 1 >= pages, onclick: () => turnTo(page + 1) }));
  }

  const open = guard(async (code, row) => {
    list.querySelector("tr.on")?.classList.remove("on");
    row?.classList.add("on");
    if (code === shown) return; // it is on the screen, or on its way
    shown = code;
    const found = await get(`/api/standard/item/${encodeURIComponent(code)}`);
    if (code !== shown) return;
    const names = h("div");
    const kinds = h("div", { className: "kinds" });
    const show = guard(async (kind, page = 0) => {
      const rows = await get(`/api/standard/item/${encodeURIComponent(code)}/names`, { kind, page });
      if (code !== shown) return;
      for (const each of kinds.children) each.classList.toggle("chosen", each.dataset.kind === kind);
      const total = found.totals[kind].names;
      names.replaceChildren(
        rows.names.length
          ? h("table", {}, h("thead", {}, h("tr", {}, h("th", { textContent: t.name }), h("th", { textContent: t.institution }), h("th", { className: "n", textContent: t.exams }))),
              h("tbody", {}, rows.names.map((each) => h("tr", {}, h("td", {}, name(each.name), each.codes.length > 1 ? h("span", { className: "dim", textContent: ` ${each.codes.join(" + ")}` }) : null),
                h("td", { className: "dim" }, name(each.institution || "–", 60)), h("td", { className: "n", textContent: number(each.exams) })))))
          : h("p", { className: "dim", textContent: t.no_names }),
        pager(page, Math.ceil(total / rows.size), (next) => show(kind, next)),
      );
    });
    for (const kind of ["settled", "accepted", "waiting"]) {
      const total = found.totals[kind];
      kinds.append(h("button", { className: "plain", "data-kind": kind, onclick: () => show(kind),
        textContent: t[kind].replace("{names}", number(total.names)).replace("{exams}", number(total.exams)) }));
    }
    item.replaceChildren(
      h("div", { className: "big" }, found.fields.map((each) => h("span", { textContent: each.characters, title: `${label(each)}: ${each.name || "–"}` }))),
      h("h3", { textContent: found.name }),
      h("div", { className: "dim", textContent: [lang === "zh" ? found.edition_zh : found.edition_en, found.path.join(" › ")].filter(Boolean).join(" · ") }),
      h("table", { className: "narrow fields" }, h("tbody", {}, found.fields.map((each) =>
        h("tr", {}, h("td", { className: "label", textContent: label(each) }), h("td", { className: "code", textContent: each.code }), h("td", { textContent: each.name || "–" }))))),
      h("h3", { textContent: t.names }), kinds, names,
    );
    item.scrollTop = 0;
    const first = ["settled", "accepted", "waiting"].find((kind) => found.totals[kind].names) ?? "settled";
    await show(first);
  });

  function turn(toward) {
    three.hidden = toward;
    compare.hidden = !toward;
    for (const each of filters) each.hidden = toward;
    toItems.classList.toggle("chosen", !toward);
    toCompare.classList.toggle("chosen", toward);
    if (toward && !compare.childElementCount) startCompare();
  }

  const startCompare = guard(async () => {
    const found = await get("/api/editions");
    const ids = found.editions.map((each) => each.id);
    const old = h("select", { ariaLabel: t.old }, ids.map((each) => h("option", { value: each, textContent: each })));
    const fresh = h("select", { ariaLabel: t.new }, ids.map((each) => h("option", { value: each, textContent: each })));
    const radiology = ids.filter((each) => each.startsWith("radiology-"));
    [old.value, fresh.value] = [radiology.at(0), radiology.at(-1)];
    const result = h("div");
    const go = guard(async () => {
      const diff = await get("/api/editions/diff", { old: old.value, new: fresh.value });
      const kinds = ["same", "added", "removed", "renamed", "recoded"];
      const modalities = [...new Set(kinds.flatMap((kind) => Object.keys(diff.by_modality[kind])))];
      const rows = [
        ...diff.added.map((each) => [t.added, each.modality, each.code, each.name, each.new_elements.map((one) => `${one.slot} ${one.code} ${one.name}`).join(", ")]),
        ...diff.removed.map((each) => [t.removed, each.modality, each.code, each.name, ""]),
        ...diff.renamed.map((each) => [t.renamed, each.modality, each.code, each.new_name, `← ${each.old_name}`]),
        ...diff.recoded.map((each) => [t.recoded, each.modality, each.new_code, each.name, `← ${each.old_code}`]),
      ];
      const page = 50;
      const body = h("tbody");
      const pages = h("div");
      const show = (at) => {
        body.replaceChildren(...rows.slice(at * page, at * page + page).map(([kind, family, code, title, note]) =>
          h("tr", {}, h("td", { textContent: kind }), h("td", { className: "dim", textContent: family }), h("td", { className: "code", textContent: code }), h("td", { textContent: title }), h("td", { className: "dim", textContent: note }))));
        pages.replaceChildren(pager(at, Math.ceil(rows.length / page), show));
      };
      result.replaceChildren(
        h("table", { className: "narrow" }, h("thead", {}, h("tr", {}, h("th", { textContent: t.change }), h("th", { className: "n", textContent: t.items }), modalities.map((each) => h("th", { className: "n", textContent: each })))),
          h("tbody", {}, kinds.map((kind) => h("tr", {}, h("td", { textContent: t[kind] }), h("td", { className: "n", textContent: number(diff.counts[kind]) }),
            modalities.map((each) => h("td", { className: "n", textContent: number(diff.by_modality[kind][each] ?? 0) })))))),
        h("h3", { textContent: t.details }),
        rows.length ? h("table", {}, h("thead", {}, h("tr", {}, [t.change, t.modality, t.code, t.name, t.note].map((each) => h("th", { textContent: each })))), body) : h("p", { className: "dim", textContent: t.nothing_changed }),
        pages,
      );
      show(0);
    });
    old.onchange = fresh.onchange = go;
    compare.replaceChildren(h("div", { className: "bar" }, old, "→", fresh), result);
    await go();
  });

  let typing = 0;
  words.oninput = (event) => {
    if (event.isComposing) return;
    clearTimeout(typing);
    typing = setTimeout(() => {
      wanted.words = words.value;
      search();
    }, 120);
  };
  words.oncompositionend = words.oninput;
  modality.onchange = async () => {
    wanted.modality = modality.value;
    wanted.part = [];
    await loadFilters();
    await search();
  };
  scan.onchange = () => {
    wanted.scan = scan.value;
    search();
  };
  whenSeen(root, async () => {
    await loadFilters();
    await search();
  });
};
