// Elements made without markup, so that no name is ever read as any; and small pictures of them.
const make = (tag, properties = {}, ...children) => {
  const made = document.createElement(tag);
  Object.entries(properties).forEach(([name, value]) => {
    if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  });
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
};

const draw = (tag, attributes = {}, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
};

const MINUS = "\u2212";
const fixed = (value, digits) => (Number(value.toFixed(digits)) + 0).toFixed(digits).replace("-", MINUS);
const signed = (value, digits) => {
  const text = fixed(value, digits);
  return Number(value.toFixed(digits)) > 0 ? `+${text}` : text;
};
const within = ([, low, high], format) => (low === null ? "" : ` [${format(low)}, ${format(high)}]`);

const scaled = (low, high, start, end) => (value) => start + ((value - low) / (high - low || 1)) * (end - start);

const frame = (width, height, name, ...children) => draw(
  "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }, ...children);
const words = (x, y, text, anchor = "start") => {
  const made = draw("text", { x, y, class: "tick", "text-anchor": anchor });
  made.textContent = text;
  return made;
};

// Round numbers between two, three to six of them.
const roundTicks = (low, high) => {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
};

const spanOf = (values, least) => {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const more = Math.max((high - low) * 0.08, least);
  return [low - more, high + more];
};

// A line for each seed: plain training hollow, the method filled, and what lies between them.
const seedsPicture = (cell, plain, task, format) => {
  const width = 520, left = 72, line = Math.max(5, Math.min(18, 360 / cell.seeds.length));
  const beside = new Map(plain ? plain.seeds.map((seed, i) => [seed, plain.values[i]]) : []);
  const known = [...cell.values, ...cell.seeds.map((seed) => beside.get(seed)), task.plain, task.oracle]
    .filter((value) => value !== null && value !== undefined);
  const [low, high] = spanOf(known, cell.share ? 0.005 : 0.01);
  const x = scaled(low, high, left, width - 14);
  const height = 34 + line * cell.seeds.length;
  const marks = [];
  [["plain", "plain"], ["oracle", "oracle"]].forEach(([key, text]) => {
    if (task[key] === undefined) return;
    marks.push(draw("line", { class: "end", x1: x(task[key]), x2: x(task[key]), y1: 16, y2: height - 16 }));
    marks.push(words(Math.min(Math.max(x(task[key]), 80), width - 40), 11, `${text} ${format(task[key])}`, "middle"));
  });
  cell.seeds.forEach((seed, i) => {
    const y = 24 + line * i;
    if (line > 9 || i % 10 === 0) marks.push(words(left - 10, y + 4, `seed ${seed}`, "end"));
    const [own, its] = [cell.values[i], beside.get(seed)];
    if (own === null) {
      marks.push(words(left + 4, y + 4, "failed"));
      return;
    }
    const pair = draw("g");
    if (its !== undefined && its !== null && cell !== plain) {
      pair.append(draw("line", { class: "between", x1: x(its), x2: x(own), y1: y, y2: y }));
      pair.append(draw("circle", { class: "hollow", cx: x(its), cy: y, r: Math.min(4, line / 2) }));
    }
    pair.append(draw("circle", { class: "full", cx: x(own), cy: y, r: Math.min(4.5, line / 2) }));
    const title = draw("title");
    title.textContent = `seed ${seed}: ${format(own)}${its !== undefined && its !== null ? `, plain training ${format(its)}` : ""}`;
    pair.prepend(title);
    marks.push(pair);
  });
  marks.push(words(left, height - 2, format(low)), words(width - 14, height - 2, format(high), "end"));
  return frame(width, height, `Scores by seed: ${cell.seeds.map((seed, i) => (cell.values[i] === null ? "failed" : format(cell.values[i]))).join(", ")}`, ...marks);
};

const curvePicture = (cell, plain) => {
  const width = 520, height = 190, left = 72;
  const curves = [["full", cell.curve]];
  if (plain && plain !== cell && plain.curve) curves.unshift(["dashed", plain.curve]);
  const [low, high] = spanOf(curves.flatMap(([, [, values]]) => values), 10);
  const x = scaled(0, Math.max(...curves.flatMap(([, [steps]]) => steps)), left, width - 14);
  const y = scaled(low, high, height - 34, 10);
  const ticks = roundTicks(low, high).map((value) => words(left - 8, y(value) + 4, fixed(value / 10, high - low < 40 ? 1 : 0), "end"));
  const drawn = curves.map(([kind, [steps, values]]) => draw("polyline", {
    class: kind, points: steps.map((step, i) => `${x(step).toFixed(1)},${y(values[i]).toFixed(1)}`).join(" "),
  }));
  const last = cell.curve[0][cell.curve[0].length - 1];
  return frame(width, height, `Accuracy on the select split over ${last} steps, ends at ${fixed(cell.curve[1].at(-1) / 10, 1)} per cent`,
    draw("path", { class: "frame", d: `M${left},10V${height - 34}H${width - 14}` }), ...ticks, ...drawn,
    words(x(last), height - 18, `${last} steps`, "end"), words(left, height - 18, "0"), words(left, height - 3, "accuracy on the select split, %"));
};

const classesPicture = (classes) => {
  const width = 520, left = 72, line = classes.length > 24 ? 8 : 18;
  const most = Math.max(1, ...classes.filter((value) => value !== null));
  const x = scaled(0, most, left, width - 50);
  const height = 16 + line * classes.length;
  const marks = classes.flatMap((value, k) => {
    const y = 4 + line * k;
    const bar = draw("rect", { class: "bar", x: left, y, width: value === null ? 0 : x(value) - left, height: line * 0.7 });
    return [bar, ...(line > 9 ? [words(left - 8, y + 10, `class ${k}`, "end"),
      words((value === null ? left : x(value)) + 5, y + 10, value === null ? "none" : fixed(value, 2))] : [])];
  });
  return frame(width, height, `Mean weight by given class: ${classes.map((value) => (value === null ? "none" : fixed(value, 2))).join(", ")}`,
    ...marks, draw("line", { class: "end", x1: x(1), x2: x(1), y1: 0, y2: height - 14 }), words(x(1), height - 2, "1: mean of all", "middle"));
};
