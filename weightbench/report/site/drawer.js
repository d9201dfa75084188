// What a number or a name opens: made from the details when it is asked for.
const drawer = $("#drawer");
const about = $("#details").dataset;

const command = (text) => {
  const said = make("output", { className: "copied", role: "status" });
  const copy = make("button", { type: "button", className: "link" }, "copy");
  const code = make("code", {}, text);
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(code);
      said.textContent = "selected";
    }
  });
  return make("p", { className: "command" }, code, " ", copy, " ", said);
};

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

const part = (title, ...content) => make("section", {}, make("h3", {}, title), ...content);
const pair = (term, text) => make("div", {}, make("dt", {}, term), make("dd", {}, text));
const listed = (pairs) => make("dl", {}, ...pairs.filter(([, text]) => text).map(([term, text]) => pair(term, text)));

const links = (number) => {
  const weighter = data.weighters[number];
  const found = [[`#weighter-${number}`, "what it is"]];
  if (about.home && /^[\w.-]+\.py$/.test(weighter.source || "")) found.push([`${about.home}methods/${weighter.source}`, weighter.source]);
  ["paper", "code"].forEach((key) => {
    if (/^https:\/\//.test(weighter[key] || "")) found.push([weighter[key], key]);
  });
  return make("p", { className: "to" }, ...found.map(([href, text]) => make("a", { href, rel: "nofollow noopener noreferrer" }, text)));
};

const costPart = (board, number) => {
  const cost = board.costs[number];
  if (!cost) return null;
  const [flops, time, memory] = cost.said;
  return part("Cost of a training over plain training\u2019s", listed([
    ["FLOPs", flops], ["time", time || "\u2013 not reliable: the machine was busy, or steps differ"],
    ["peak memory of a step", memory]]));
};

const weightsPart = (weights, metric) => {
  if (!weights) return null;
  const auroc = weights.auroc === undefined ? "" : `${fixed(weights.auroc, 2)}: how well a weight tells right labels from wrong ones; .5 is not at all, 1 always`;
  return part("Weights of the last epoch", listed([
    ["AUROC", auroc],
    ["effective", `${fixed(100 * weights.effective, 0)} % of the examples count`],
    ["zero weight", `${fixed(100 * weights.zero, 0)} % of the examples`],
  ]), ...(weights.classes.length ? [make("p", { className: "small" }, "Mean weight by given class"), classesPicture(weights.classes)] : []));
};

const recordsPart = (cell, number, board) => {
  const submitted = board.submitted.includes(number);
  const entry = (key, i) => {
    const name = make("code", {}, key);
    const link = about.records && !submitted ? make("a", { href: `${about.records}${key}.json` }, name) : name;
    const failed = (cell.failed || []).find(([seed]) => seed === cell.seeds[i]);
    return make("li", {}, `seed ${cell.seeds[i]} `, link, failed ? ` ${failed[1]}: ${failed[2]}` : "");
  };
  const list = make("details", {}, make("summary", {}, `${cell.keys.length} records`),
    make("ul", { className: "records" }, ...cell.keys.map(entry)));
  return part("Records", list);
};

const formatOf = (cell) => (value) => (cell.share ? fixed(100 * value, 1) : fixed(value, 3));

const scoreWords = (cell, task) => {
  const format = formatOf(cell);
  const unit = cell.share ? " points" : "";
  const scale = (value) => signed(cell.share ? 100 * value : value, cell.share ? 1 : 3);
  const told = [`${cell.metric}: ${format(cell.score[0])}${within(cell.score, format)} over ${cell.seeds.length} seeds.`];
  if (cell.gain) told.push(`${scale(cell.gain[0])}${unit}${within(cell.gain, scale)} against plain training at the same seeds.`);
  if (cell.skill) told.push(`Skill ${fixed(cell.skill[0], 2)}${within(cell.skill, (v) => fixed(v, 2))}: 0 is plain training (${format(task.plain)}), 1 the oracle (${format(task.oracle)}): ${task.one}.`);
  return told.join(" ").replace(/^./, (letter) => letter.toUpperCase());
};

const cellContent = (number, t) => {
  const [cell, task, board] = [data.cells[`${number}.${t}`], data.tasks[t], data.boards[state.board]];
  const name = data.weighters[number].name;
  const plain = data.cells[`${data.plain}.${t}`];
  const seeds = Math.max(...cell.seeds) + 1;
  const again = `weightbench evaluate --task ${quoted(task.name)} --weighter ${quoted(name)} --seeds ${seeds}`;
  return [
    make("h2", { id: "drawer-title" }, name, make("small", {}, ` on ${task.words}${task.detail ? `, ${task.detail}` : ""}`)),
    make("p", { className: "small" }, make("code", {}, task.name)),
    make("p", {}, scoreWords(cell, task)),
    part(cell === plain ? "Seeds" : "Seeds, each beside plain training at the same seed (hollow)", seedsPicture(cell, plain, task, formatOf(cell))),
    part("Make it again", command(again)),
    cell.curve ? part("While it trained, mean over seeds (plain training dashed)", curvePicture(cell, plain)) : null,
    weightsPart(cell.weights), costPart(board, number), recordsPart(cell, number, board), links(number),
  ];
};

const duelsOf = (board, number) => board.duels.flatMap(([one, two, mean, low, high, p]) => {
  if (one === number) return [[two, [mean, low, high], p]];
  return two === number ? [[one, [-mean, high === null ? null : -high, low === null ? null : -low], p]] : [];
}).sort((a, b) => a[1][0] - b[1][0]);

const namesOf = (duels) => duels.map(([other, difference]) => `${data.weighters[other].name} (${signed(difference[0], 2)}${within(difference, (v) => signed(v, 2))})`).join(", ");

const placeWords = (board, number) => {
  const place = board.places[number];
  if (!place) return "It has no place: it is a reference, or was not run on every task.";
  const duels = duelsOf(board, number);
  const count = Object.keys(board.places).length;
  const where = place[0] === place[1] ? `Place ${place[0]} of ${count}.` : `Place ${place[0]} to ${place[1]} of ${count}.`;
  const told = (sign) => duels.filter(([, [mean], p]) => p < 0.05 && Math.sign(mean) === sign).length;
  const ties = duels.filter(([, , p]) => p >= 0.05);
  const level = ties.length ? ` It cannot be told from ${namesOf(ties.slice(0, 6))}${ties.length > 6 ? ` and ${ties.length - 6} more` : ""}.` : "";
  return duels.length ? `${where} Better beyond chance than ${told(1) || "none"}, worse than ${told(-1) || "none"}.${level}` : where;
};

const duelsPart = (board, number) => {
  const duels = duelsOf(board, number);
  if (!duels.length) return null;
  const verdict = ([, [mean, low, high], p]) => {
    if (p < 0.05) return mean > 0 ? "better" : "worse";
    return low > 0 || high < 0 ? "not told apart among all pairs" : "not told apart";
  };
  const rows = duels.map((duel) => make("tr", {},
    make("th", { scope: "row" }, data.weighters[duel[0]].name),
    make("td", { className: "number" }, signed(duel[1][0], 2)),
    make("td", { className: "number" }, within(duel[1], (v) => signed(v, 2)).trim() || "\u2013"),
    make("td", { className: "number" }, duel[2] < 0.001 ? "<.001" : fixed(duel[2], 3)),
    make("td", {}, verdict(duel))));
  const head = make("thead", {}, make("tr", {}, ...["against", "skill", "95 %", "p (Holm)", "verdict"].map((text) => make("th", { scope: "col" }, text))));
  return part("Against every other, paired by seed", make("table", {}, head, make("tbody", {}, ...rows)));
};

const rowContent = (number) => {
  const [weighter, board] = [data.weighters[number], data.boards[state.board]];
  const skill = board.skills[number];
  const known = board.tasks.filter((t) => data.cells[`${number}.${t}`]);
  const seeds = Math.max(1, ...known.map((t) => data.cells[`${number}.${t}`].seeds.length));
  const suite = board.suite ? `--suite ${quoted(board.suite)}` : known.map((t) => `--task ${quoted(data.tasks[t].name)}`).join(" ");
  const open = (t) => {
    const button = make("button", { type: "button", className: "link" }, data.tasks[t].words);
    button.addEventListener("click", () => change({ open: number, task: t }, true));
    const cell = data.cells[`${number}.${t}`];
    return make("li", {}, button, ` ${formatOf(cell)(cell.score[0])}${within(cell.score, formatOf(cell))}`, cell.skill ? `, skill ${fixed(cell.skill[0], 2)}` : "");
  };
  return [
    make("h2", { id: "drawer-title" }, weighter.name),
    make("p", {}, weighter.about || ""),
    ...(weighter.suffixes ? [listed(weighter.suffixes)] : []),
    skill ? make("p", {}, `Skill over all tasks ${fixed(skill[0], 2)}${within(skill, (v) => fixed(v, 2))}. ${placeWords(board, number)}`) : null,
    part("Task by task", make("ul", { className: "tasks" }, ...known.map(open))),
    costPart(board, number),
    part("Make it again", command(`weightbench evaluate ${suite} --weighter ${quoted(weighter.name)} --seeds ${seeds}`)),
    duelsPart(board, number), links(number),
  ];
};

const showDrawer = () => {
  const { open, task } = state;
  const key = open === null ? "" : `${state.board} ${open} ${task}`;
  if (open === null || (task !== null && !data.cells[`${open}.${task}`])) {
    if (drawer.open) drawer.close();
    drawer.dataset.key = "";
    return;
  }
  if (drawer.dataset.key !== key) {
    drawer.dataset.key = key;
    const content = task === null ? rowContent(open) : cellContent(open, task);
    $("div", drawer).replaceChildren(...content.filter(Boolean));
    drawer.style.setProperty("--c", data.weighters[open].colour);
    drawer.style.setProperty("--d", data.weighters[open].dark);
    drawer.scrollTop = 0;
  }
  if (!drawer.open) drawer.showModal();
};
