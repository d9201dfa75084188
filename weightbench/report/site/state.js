"use strict";
// What a reader has chosen, kept in the address: #board=..&find=..&hide=..&sort=..&open=..&task=..&pick=..
const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
const data = JSON.parse($("#details").textContent);
const sections = all(".board");
const numbers = new Map(data.weighters.map((weighter, i) => [weighter.name, i]));
const taskNumbers = new Map(data.tasks.map((task, i) => [task.name, i]));
const state = { board: 0, find: "", hide: new Set(), sort: "", open: null, task: null, pick: [] };

const nameOf = (i) => sections[i].dataset.suite || sections[i].id;

const readAddress = () => {
  const told = new URLSearchParams(location.hash.slice(1));
  const board = sections.findIndex((_, i) => nameOf(i) === told.get("board"));
  state.board = Math.max(board, 0);
  state.find = told.get("find") || "";
  state.hide = new Set((told.get("hide") || "").split(",").filter(Boolean));
  state.sort = told.get("sort") || "";
  state.open = numbers.get(told.get("open")) ?? null;
  state.task = taskNumbers.get(told.get("task")) ?? null;
  state.pick = told.getAll("pick").map((name) => numbers.get(name)).filter((i) => i !== undefined);
};

const writeAddress = (step) => {
  const told = new URLSearchParams();
  if (state.board) told.set("board", nameOf(state.board));
  if (state.find) told.set("find", state.find);
  if (state.hide.size) told.set("hide", [...state.hide].join(","));
  if (state.sort) told.set("sort", state.sort);
  state.pick.forEach((i) => told.append("pick", data.weighters[i].name));
  if (state.open !== null) told.set("open", data.weighters[state.open].name);
  if (state.open !== null && state.task !== null) told.set("task", data.tasks[state.task].name);
  const address = `#${told}`;
  if (address === location.hash || (address === "#" && !location.hash)) return;
  history[step ? "pushState" : "replaceState"](null, "", address);
};

const change = (changes, step = false) => {
  Object.assign(state, changes);
  writeAddress(step);
  show();
};

// An element by its id: its board is switched to, its card opened, its row brought back.
const reach = (id) => {
  const target = id && document.getElementById(id);
  if (!target) return;
  const board = sections.indexOf(target.closest(".board"));
  if (board >= 0) Object.assign(state, { board });
  if (target.tagName === "TR" && target.hidden) Object.assign(state, { find: "", hide: new Set() });
  if (target.tagName === "DETAILS") target.open = true;
  show();
  target.scrollIntoView({ block: target.tagName === "TR" ? "center" : "start" });
};
