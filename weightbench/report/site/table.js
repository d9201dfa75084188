// Boards: which is shown, in what order, who of it, and what goes with what in its pictures.
const tables = sections.map((section) => {
  const table = $(".entries", section);
  return {
    section, table, body: table.tBodies[0], rows: Array.from(table.tBodies[0].rows),
    heads: Array.from(table.tHead.rows[0].cells), form: $(".controls", section),
  };
});

const keyOf = (head) => head.title || head.className || head.textContent.trim();
const directions = { up: "ascending", down: "descending" };
const other = { up: "down", down: "up" };

const valueOf = (row, column) => {
  const cell = row.cells[column];
  return "value" in cell.dataset ? cell.dataset.value : cell.textContent.trim().toLowerCase();
};

const compare = (x, y) => (isNaN(x) || isNaN(y) ? String(x).localeCompare(String(y)) : x - y);

const sorted = (board, column, direction) => {
  const entries = board.rows.filter((row) => !("privileged" in row.dataset));
  const sign = direction === "up" ? 1 : -1;
  entries.sort((a, b) => {
    const [x, y] = [valueOf(a, column), valueOf(b, column)];
    if (x === "" || y === "") return (x === "") - (y === "");
    return sign * compare(x, y);
  });
  return [...entries, ...board.rows.filter((row) => "privileged" in row.dataset)];
};

const order = (board) => {
  const column = board.heads.findIndex((head) => keyOf(head) === state.sort.replace(/^-/, ""));
  board.heads.forEach((head) => head.removeAttribute("aria-sort"));
  let rows = board.rows;
  if (column >= 0) {
    const first = board.heads[column].dataset.first;
    const direction = state.sort.startsWith("-") ? other[first] : first;
    board.heads[column].setAttribute("aria-sort", directions[direction]);
    rows = sorted(board, column, direction);
  }
  if (rows.some((row, i) => board.body.rows[i] !== row)) board.body.append(...rows);
  $("select", board.form).value = column >= 0 ? keyOf(board.heads[column]) : "";
};

// Best first, then worst first, then as it was.
const turn = (head) => {
  const key = keyOf(head);
  change({ sort: state.sort === key ? `-${key}` : state.sort === `-${key}` ? "" : key });
};

const narrow = (board) => {
  const word = state.find.trim().toLowerCase();
  const shown = board.rows.filter((row) => {
    const { track } = row.dataset;
    const hidden = "privileged" in row.dataset ? state.hide.has("privileged") : state.hide.has(track);
    row.hidden = hidden || !$(".who a", row).textContent.toLowerCase().includes(word);
    return !row.hidden;
  });
  const kept = new Set(shown.map((row) => row.dataset.w));
  all("svg [data-w]", board.section).forEach((mark) => mark.classList.toggle("gone", !kept.has(mark.dataset.w)));
  $("output", board.form).textContent = `${shown.length} of ${board.rows.length} shown`;
  $(".nobody", board.section).hidden = shown.length > 0;
  board.table.classList.toggle("empty", shown.length === 0);
};

const pickOut = (board) => {
  all("[data-w]", board.section).forEach((mark) => {
    mark.classList.toggle("picked", state.pick.includes(Number(mark.dataset.w)));
  });
  all(".swatch", board.section).forEach((swatch) => {
    const row = swatch.closest("tr");
    swatch.setAttribute("aria-pressed", String(row.classList.contains("picked")));
  });
};

const togglePick = (number) => {
  const pick = state.pick.filter((i) => i !== number);
  change({ pick: pick.length < state.pick.length ? pick : [...pick, number] });
};

const couple = (board, number) => {
  all("[data-w]", board.section).forEach((mark) => mark.classList.toggle("near", mark.dataset.w === number));
};

const showBoards = () => {
  tables.forEach((board, i) => { board.section.hidden = i !== state.board; });
  all(".switch a").forEach((link, i) => {
    if (i === state.board) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
  const choice = $(".switch select");
  if (choice) choice.selectedIndex = state.board;
  const board = tables[state.board];
  if (!board) return;
  $("input[type=search]", board.form).value = state.find;
  all("[data-show]", board.form).forEach((box) => { box.checked = !state.hide.has(box.dataset.show); });
  narrow(board);
  order(board);
  pickOut(board);
};

// Numbers as CSV: the board that is shown, in its order; a text that a spreadsheet would run is quoted.
const asCsv = (board, about) => {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && /^\s*[=+\-@]/.test(text) ? `'${text}` : text;
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const head = ["method", "first_place", "last_place", "skill", "skill_low", "skill_high"];
  about.tasks.forEach((t) => {
    const { name } = data.tasks[t];
    head.push(name, `${name} low`, `${name} high`);
  });
  const lines = [[...head, "flops", "time", "memory"]];
  Array.from(board.body.rows).filter((row) => !row.hidden).forEach((row) => {
    const w = row.dataset.w;
    const line = [data.weighters[w].name, ...(about.places[w] || ["", ""]), ...(about.skills[w] || ["", "", ""])];
    about.tasks.forEach((t) => line.push(...(data.cells[`${w}.${t}`]?.score || ["", "", ""])));
    const cost = about.costs[w] || {};
    lines.push([...line, cost.flops, cost.time, cost.memory]);
  });
  return lines.map((line) => line.map(cell).join(",")).join("\n") + "\n";
};

const download = () => {
  const text = asCsv(tables[state.board], data.boards[state.board]);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `weightbench-${nameOf(state.board)}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
};
