// Everything is shown from the state; everything that a reader does changes it.
const show = () => {
  showBoards();
  showDrawer();
};

const sortable = (board) => {
  const choice = $("select", board.form);
  choice.append(make("option", { value: "" }, "place"));
  board.heads.forEach((head) => {
    const text = $(".head", head);
    const button = make("button", { type: "button" }, ...text.childNodes);
    text.append(button);
    button.addEventListener("click", () => turn(head));
    if (keyOf(head) !== "place") choice.append(make("option", { value: keyOf(head) }, button.textContent));
  });
  choice.addEventListener("change", () => change({ sort: choice.value }));
};

const filtering = (board) => {
  $("input[type=search]", board.form).addEventListener("input", (event) => change({ find: event.target.value }));
  all("[data-show]", board.form).forEach((box) => box.addEventListener("change", () => {
    const hide = new Set(state.hide);
    if (box.checked) hide.delete(box.dataset.show);
    else hide.add(box.dataset.show);
    change({ hide });
  }));
  $(".nobody button", board.section).addEventListener("click", () => change({ find: "", hide: new Set() }));
  board.form.addEventListener("submit", (event) => event.preventDefault());
  board.form.hidden = false;
};

const opening = (board, i) => {
  board.rows.forEach((row) => {
    const number = Number(row.dataset.w);
    const swatch = make("button", { type: "button", className: "swatch", title: "colour in the pictures" });
    swatch.setAttribute("aria-label", `colour ${data.weighters[number].name} in the pictures`);
    swatch.addEventListener("click", () => togglePick(number));
    const more = make("button", { type: "button", className: "link more" }, "tasks");
    more.setAttribute("aria-expanded", "false");
    more.setAttribute("aria-label", `tasks of ${data.weighters[number].name}`);
    more.addEventListener("click", () => more.setAttribute("aria-expanded", String(row.classList.toggle("unfolded"))));
    $(".who", row).prepend(swatch);
    $("th", row).append(more);
  });
  const first = board.heads.findIndex((head) => head.classList.contains("task"));
  board.table.addEventListener("click", (event) => {
    const row = event.target.closest("tbody tr");
    const link = event.target.closest(".who a");
    const dot = event.target.closest("button.dot");
    if (!row || !(link || dot)) return;
    event.preventDefault();
    const task = dot ? data.boards[i].tasks[dot.closest("td").cellIndex - first] : null;
    change({ open: Number(row.dataset.w), task }, true);
  });
  all("svg [data-w]", board.section).forEach((mark) => mark.addEventListener("click", () => change({ open: Number(mark.dataset.w), task: null }, true)));
};

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Arrows go from dot to dot, over rows that are hidden and cells that have none.
const stepping = (board) => board.table.addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  if (!step || !event.target.matches("button.dot")) return;
  event.preventDefault();
  const rows = Array.from(board.body.rows).filter((row) => !row.hidden);
  let [i, j] = [rows.indexOf(event.target.closest("tr")), event.target.closest("td").cellIndex];
  while (rows[i += step[0]]?.cells[j += step[1]]) {
    const dot = $("button.dot", rows[i].cells[j]);
    if (dot) {
      dot.focus();
      return;
    }
  }
});

// On a phone findings are cut to a few lines; one that is touched is whole.
const unfolding = (board) => all(".said li", board.section).forEach((finding) => {
  $("p", finding).addEventListener("click", () => finding.classList.toggle("unfolded"));
});

const coupling = (board) => {
  const near = (event) => couple(board, event.target.closest("[data-w]")?.dataset.w);
  ["mouseover", "focusin"].forEach((name) => board.section.addEventListener(name, near));
  ["mouseleave", "focusout"].forEach((name) => board.section.addEventListener(name, () => couple(board, null)));
};

tables.forEach((board, i) => {
  sortable(board);
  filtering(board);
  opening(board, i);
  coupling(board);
  unfolding(board);
  stepping(board);
});

all(".switch a").forEach((link, board) => link.addEventListener("click", (event) => {
  event.preventDefault();
  change({ board, sort: "", open: null, task: null }, true);
}));
$(".switch select")?.addEventListener("change", (event) => change({ board: event.target.selectedIndex, sort: "", open: null, task: null }, true));
$("[data-csv]").addEventListener("click", download);

drawer.addEventListener("close", () => change({ open: null, task: null }));
drawer.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (event.target === drawer) drawer.close();
  if (!link) return;
  event.preventDefault();
  drawer.close();
  reach(link.hash.slice(1));
});

const follow = () => {
  if (location.hash.includes("=") || location.hash.length < 2) {
    readAddress();
    show();
  } else {
    show();
    reach(decodeURIComponent(location.hash.slice(1)));
  }
};
window.addEventListener("hashchange", follow);
window.addEventListener("popstate", follow);
document.documentElement.classList.add("scripted-page");
follow();
