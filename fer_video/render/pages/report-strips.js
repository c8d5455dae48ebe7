"use strict";
// Segments as coloured and hatched stretches: one strip per person, and all people of the clip as an overview.
const ROW = 12, MOST_ROWS = 5;  // pixels of a person in the overview; people in it

const nameOf = (person) => person.identity || `person ${person.id}`;
const known = (segment) => segment.emotion || "uncertain";

function fitted(canvas, height) {
  const ratio = window.devicePixelRatio || 1, width = canvas.parentElement.clientWidth;
  Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return [pen, width];
}

// Stretches shorter than a pixel are drawn as one pixel of the longest among them, so that two hours stay readable.
function drawSegments(pen, segments, [min, max], width, top, height) {
  pen.fillStyle = css("--line");
  pen.fillRect(0, top, width, height);
  const scale = width / (max - min), x = (t) => (t - min) * scale;
  const first = Math.max(upTo(segments.map((each) => each.end_s), min), 0);
  let column = -1, best = null;
  const one = (segment) => {
    const from = x(segment.start_s), wide = Math.max(x(segment.end_s) - from, 1);
    pen.fillStyle = hatchOf(pen, known(segment));
    pen.fillRect(from, top, wide, height);
  };
  for (let i = first; i < segments.length && segments[i].start_s <= max; i++) {
    const segment = segments[i], place = Math.floor(x(segment.start_s));
    if (page.hidden.has(known(segment))) continue;
    if (x(segment.end_s) - x(segment.start_s) >= 1) { one(segment); continue; }
    if (place !== column) { if (best) one(best); best = null; column = place; }
    if (!best || segment.end_s - segment.start_s > best.end_s - best.start_s) best = segment;
  }
  if (best) one(best);
}

function headIn(element) {
  const head = element.appendChild(document.createElement("div"));
  head.className = "playhead";
  return (t, [min, max]) => {
    head.hidden = t < min || t > max;
    head.style.left = `${100 * (t - min) / (max - min)}%`;
  };
}

const timeAt = (element, event, [min, max]) => {
  const box = element.getBoundingClientRect();
  return min + Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * (max - min);
};

// ---- a person's strip: a click plays the stretch, arrows go from one to the next
function addStrip(element) {
  const person = page.result.people.find((each) => each.id === Number(element.dataset.person));
  const segments = person.segments || [], canvas = element.querySelector("canvas"), head = headIn(element);
  let chosenOne = -1;
  const draw = () => {
    const [pen, width] = fitted(canvas, 22);
    drawSegments(pen, segments, page.view, width, 0, 22);
  };
  const tell = (i) => {
    const segment = segments[i];
    if (segment) tellSlider(element, segment.start_s, `${known(segment)} ${percent(segment.confidence)}, ${clock(segment.start_s, page.end)} to ${clock(segment.end_s, page.end)}`);
    else tellSlider(element, page.time, "no segment");
  };
  const at = (t) => segments.findIndex((each) => each.start_s <= t && t <= each.end_s);
  element.addEventListener("click", (event) => {
    const t = timeAt(element, event, page.view), i = at(t);
    if (i < 0) { seek(t); return; }
    tell(chosenOne = i);
    play(segments[i].start_s, segments[i].end_s);
  });
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !segments.length) return;
    const last = segments.length - 1, shown = upTo(segments.map((each) => each.start_s), page.time + 1e-6) - 1;
    const current = chosenOne < 0 ? shown : chosenOne;
    const places = { ArrowLeft: current - 1, ArrowDown: current - 1, ArrowRight: current + 1, ArrowUp: current + 1, PageDown: current - 10, PageUp: current + 10, Home: 0, End: last };
    if (event.key === "Enter") {
      const segment = segments[Math.max(current, 0)];
      play(segment.start_s, segment.end_s);
    } else if (event.key in places) {
      chosenOne = Math.min(Math.max(places[event.key], 0), last);
      seek(segments[chosenOne].start_s);
    } else return;
    event.preventDefault();
    tell(chosenOne);
  });
  page.viewers.push(() => { draw(); head(page.time, page.view); });
  page.followers.push((t) => {
    head(t, page.view);
    if (document.activeElement !== element) { chosenOne = -1; }
  });
  element.addEventListener("focus", () => tell(chosenOne = at(page.time)));
  element.addEventListener("mousemove", (event) => {
    const segment = segments[at(timeAt(element, event, page.view))];
    element.title = segment ? `${known(segment)} ${percent(segment.confidence)}, ${clock(segment.start_s, page.end)} to ${clock(segment.end_s, page.end)}` : "";
  });
  tell(-1);
  draw();
  return draw;
}

// ---- the whole clip, with the part that the timelines show as a brush
function addOverview(element) {
  const people = [...page.result.people].sort((a, b) => b.frames - a.frames).slice(0, MOST_ROWS).sort((a, b) => a.id - b.id);
  const canvas = element.querySelector("canvas"), brush = element.querySelector(".brush"), head = headIn(element);
  const all = () => [0, page.end];
  const height = Math.max(people.length, 1) * (ROW + 2) + 6;
  const draw = () => {
    const [pen, width] = fitted(canvas, height);
    people.forEach((person, i) => drawSegments(pen, person.segments || [], all(), width, 3 + i * (ROW + 2), ROW));
    if (!people.length) drawSegments(pen, [], all(), width, 3, ROW);
  };
  const showBrush = (min, max) => {
    brush.hidden = max - min >= page.end - 1e-9;
    brush.style.left = `${100 * min / page.end}%`;
    brush.style.width = `${100 * (max - min) / page.end}%`;
    byId("view").textContent = brush.hidden ? "" : `${clock(min, page.end)} to ${clock(max, page.end)}`;
  };
  let from = null, held = null;  // where a drag began, and the part that was shown then if it began inside of it
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = timeAt(element, event, all());
    held = !brush.hidden && from >= page.view[0] && from <= page.view[1] ? page.view : null;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const to = timeAt(element, event, all());
    if (held) zoom(held[0] + to - from, held[1] + to - from);
    else if (Math.abs(to - from) > page.end / 100) zoom(Math.min(from, to), Math.max(from, to));
  });
  const ended = (event) => {
    if (from !== null && Math.abs(timeAt(element, event, all()) - from) <= page.end / 100) seek(from);
    from = held = null;
  };
  element.addEventListener("pointerup", ended);
  element.addEventListener("pointercancel", () => { from = held = null; });
  element.addEventListener("keydown", keyed);
  page.viewers.push(showBrush);
  page.followers.push((t) => { head(t, all()); tellSlider(element, t, said(t)); });
  draw();
  return draw;
}
