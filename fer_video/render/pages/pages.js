"use strict";
// What the report and the list of a batch share: words, colours, hatches, light and dark.
const byId = (id) => document.getElementById(id);
const settings = JSON.parse(byId("settings").textContent);

// ---- words
function clock(t, longest = 0) {
  const tenths = Math.floor(t * 10 + 1e-6), two = (value) => String(value).padStart(2, "0");
  const seconds = Math.floor(tenths / 10) % 60, minutes = Math.floor(tenths / 600) % 60, hours = Math.floor(tenths / 36000);
  if (hours || longest >= 3600) return `${hours}:${two(minutes)}:${two(seconds)}.${tenths % 10}`;
  return `${minutes}:${two(seconds)}.${tenths % 10}`;
}

const percent = (share) => `${Math.round(100 * share)}%`;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colourOf = (label) => settings.colours[label] || "#7f7f7f";

// ---- emotions told apart without colour: dashes of lines, hatches of areas
const order = (label) => Math.max(settings.order.indexOf(label), 0);
const DASHES = [[], [10, 3], [3, 3], [10, 3, 3, 3], [16, 5], [1, 3], [6, 6], [14, 3, 3, 3, 3, 3]];
const dashOf = (label) => DASHES[order(label) % DASHES.length];
const tiles = new Map();

function hatchOf(pen, label) {
  const known = Object.hasOwn(settings.colours, label), key = known ? label : css("--quiet");  // what is uncertain follows the theme
  if (tiles.has(key)) return tiles.get(key);
  const tile = document.createElement("canvas"), side = 8;
  tile.width = tile.height = side;
  const ink = tile.getContext("2d");
  ink.fillStyle = known ? colourOf(label) : css("--card");
  ink.fillRect(0, 0, side, side);
  ink.strokeStyle = ink.fillStyle = known ? settings.ink[label] : css("--quiet");
  ink.globalAlpha = 0.75;
  const line = (...points) => { ink.beginPath(); ink.moveTo(points[0], points[1]); ink.lineTo(points[2], points[3]); ink.stroke(); };
  const dots = () => { ink.fillRect(1, 1, 2, 2); ink.fillRect(5, 5, 2, 2); };
  if (!known) dots();
  else [
    () => {},
    () => { line(-1, 9, 9, -1); },
    () => { ink.fillRect(3, 3, 2, 2); },
    () => { line(-1, -1, 9, 9); },
    () => { line(4, 0, 4, 8); },
    () => { line(0, 4, 8, 4); },
    () => { line(-1, -1, 9, 9); line(-1, 9, 9, -1); },
    () => { ink.fillRect(0, 0, 4, 4); ink.fillRect(4, 4, 4, 4); },
  ][order(label) % 8]();
  tiles.set(key, pen.createPattern(tile, "repeat"));
  return tiles.get(key);
}

// What the templates may not say: the page's policy allows no styles in its markup.
function colourTags() {
  for (const each of document.querySelectorAll(".tag[data-colour]")) {
    if (each.dataset.colour) Object.assign(each.style, { background: each.dataset.colour, color: each.dataset.ink, borderColor: "transparent" });
  }
  for (const each of document.querySelectorAll(".bar")) {
    const inner = each.appendChild(document.createElement("i"));
    inner.style.width = `${100 * each.dataset.share}%`;
    inner.style.background = each.dataset.colour;
  }
  for (const each of document.querySelectorAll(".swatch")) each.append(swatch(each.dataset.label));
}

function swatch(label) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 16, height: 16 });
  canvas.setAttribute("aria-hidden", "true");
  canvas.dataset.of = label;
  drawSwatch(canvas);
  return canvas;
}

function drawSwatch(canvas) {
  const pen = canvas.getContext("2d");
  pen.fillStyle = hatchOf(pen, canvas.dataset.of);
  pen.fillRect(0, 0, 16, 16);
}

// Paper is light. printing: is told when the page goes to paper (true), and when it comes back.
function startTheme(redrawPage, printing = () => {}) {
  const redraw = () => { for (const each of document.querySelectorAll("canvas[data-of]")) drawSwatch(each); redrawPage(); };
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
    redraw();
  });
  dark.addEventListener("change", redraw);
  let theme, printed = false;
  const print = (on) => {
    if (on === printed) return;
    printed = on;
    if (on) { theme = root.dataset.theme; root.dataset.theme = "light"; } else if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    printing(on);
    redraw();
  };
  matchMedia("print").addEventListener("change", (event) => print(event.matches));
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
}
