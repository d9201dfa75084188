"use strict";
document.querySelectorAll(".board").forEach((board) => {
  const body = board.querySelector(".entries").tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(board.querySelector(".entries").tHead.rows[0].cells);
  const value = (row, column) => {
    const cell = row.cells[column];
    return "value" in cell.dataset ? cell.dataset.value : cell.textContent.trim();
  };
  const sort = (head, column) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const numeric = head.dataset.kind === "number";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const ordered = rows.slice().sort((a, b) => {
      const [x, y] = [value(a, column), value(b, column)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = numeric ? x - y : x.localeCompare(y);
      return up ? order : -order;
    });
    body.append(...ordered);
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(head, column));
  });
  const mark = (row) => {
    const ties = row ? (row.dataset.ties || "").split(" ") : [];
    rows.forEach((other) => other.classList.toggle("tied", ties.includes(other.id)));
  };
  for (const [come, go] of [["mouseover", "mouseleave"], ["focusin", "focusout"]]) {
    body.addEventListener(come, (event) => mark(event.target.closest("tr")));
    body.addEventListener(go, () => mark(null));
  }
  const filter = board.querySelector("input[type=search]");
  const boxes = Array.from(board.querySelectorAll("[data-show]"));
  const shown = board.querySelector("output");
  const apply = () => {
    const word = filter.value.trim().toLowerCase();
    const on = Object.fromEntries(boxes.map((box) => [box.dataset.show, box.checked]));
    rows.forEach((row) => {
      const named = row.cells[1].textContent.toLowerCase().includes(word);
      const privileged = "privileged" in row.dataset;
      row.hidden = !(named && (on[row.dataset.track] ?? true) && (on.privileged || !privileged));
    });
    shown.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
  };
  filter.addEventListener("input", apply);
  boxes.forEach((box) => box.addEventListener("change", apply));
  board.querySelector(".controls").hidden = false;
  apply();
});
