"use strict";
// The list of a batch: search, filters, order, and a strip for each clip.
const body = document.querySelector("#clips tbody"), lines = [...body.rows], form = byId("search");
const heads = [...document.querySelectorAll("#clips th")];

let most = settings.most;  // rows that are shown at once

function filter() {
  const words = form.words.value.toLowerCase().split(/\s+/).filter(Boolean), emotion = form.emotion.value, kind = form.kind.value;
  let found = 0;
  for (const line of lines) {
    if (words.length) line.text ??= line.textContent.toLowerCase();
    const fits = (words.every((word) => line.text.includes(word)) && (!emotion || line.dataset.emotion === emotion) && (!kind || line.dataset.kind === kind));
    found += fits;
    line.hidden = !fits || found > most;
  }
  byId("count").textContent = `${found} of ${lines.length}`;
  byId("more").hidden = found <= most;
  for (const each of document.querySelectorAll(".total")) each.setAttribute("aria-pressed", String(each.dataset.emotion === emotion));
}

function sort(column) {
  const head = heads[column], down = head.getAttribute("aria-sort") === "ascending";
  for (const each of heads) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const collator = new Intl.Collator(undefined, { numeric: true });
  const keys = new Map(lines.map((line) => [line, line.cells[column].dataset.sort])), number = ![...keys.values()].some(isNaN);
  const compare = (a, b) => (number ? a - b : collator.compare(a, b));
  // Clips without a value come last in both orders
  lines.sort((a, b) => (keys.get(a) === "") - (keys.get(b) === "") || (down ? -1 : 1) * compare(keys.get(a), keys.get(b)));
  body.append(...lines);
  filter();
}

function drawCells(canvas) {
  const ratio = window.devicePixelRatio || 1, pen = canvas.getContext("2d"), cells = canvas.dataset.cells.split(" ");
  Object.assign(canvas, { width: 120 * ratio, height: 16 * ratio });
  pen.scale(ratio, ratio);
  pen.fillStyle = css("--line");
  pen.fillRect(0, 0, 120, 16);
  cells.forEach((cell, i) => {
    const label = settings.order[cell];
    if (label === undefined) return;
    pen.fillStyle = hatchOf(pen, label);
    pen.fillRect(120 * i / cells.length, 0, 120 / cells.length + 0.5, 16);
  });
}

const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { drawCells(entry.target); near.unobserve(entry.target); }
}, { rootMargin: "300px" });
const drawAll = () => { for (const each of document.querySelectorAll(".cells")) drawCells(each); };

colourTags();
startTheme(drawAll);
for (const each of document.querySelectorAll(".cells")) near.observe(each);
form.addEventListener("input", () => { most = settings.most; filter(); });
byId("more").addEventListener("click", () => { most += settings.most; filter(); });
form.addEventListener("submit", (event) => event.preventDefault());
heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => sort(column)));
for (const each of document.querySelectorAll(".total")) {
  each.addEventListener("click", () => {
    form.emotion.value = form.emotion.value === each.dataset.emotion ? "" : each.dataset.emotion;
    filter();
  });
}
filter();
document.documentElement.dataset.ready = "yes";
