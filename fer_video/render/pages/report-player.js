"use strict";
// The moment that the page shows: the video or the photo, boxes over it, and who else follows the time.
const page = { result: null, columns: null, end: 1, offset: 0, time: 0, view: [0, 1], hidden: new Set(), followers: [], viewers: [], printing: false };
const video = byId("video"), photo = byId("photo"), overlay = byId("overlay"), now = byId("now");
let boxes = true, until = null;
// A frame is asked for a little after its beginning: players round times, and must not show the one before.
const INTO_FRAME_S = 5e-4;

const placeAt = (t) => upTo(page.columns.time, t + 1e-4) - 1;

function rowsAt(place) {
  const { start, rows } = page.columns;
  return rows.subarray(start[place], start[place + 1]);
}

function faceOf(row) {
  const { person, box, p } = page.columns;
  let best = 0;
  for (let i = 1; i < p.length; i++) if (p[i][row] > p[best][row]) best = i;
  const sure = p[best][row], options = page.result.ran.options || {};
  return { person: person[row], box: box.map((side) => side[row]), confidence: sure, emotion: sure >= (options.min_confidence || 0) ? labels[best] : null };
}

// As in fer_video/render/playback.py: between two sampled frames, those who are in both.
function facesAt(t) {
  if (settings.picture) return [...rowsAt(0)].map(faceOf);
  const place = placeAt(t), { time, person, box } = page.columns;
  if (place < 0) return [];
  const rows = [...rowsAt(place)];
  if (t - time[place] <= 2 * INTO_FRAME_S) return rows.map(faceOf);
  if (place + 1 === time.length) return [];
  const share = (t - time[place]) / (time[place + 1] - time[place]);
  const after = new Map([...rowsAt(place + 1)].map((row) => [person[row], row]));
  return rows.filter((row) => after.has(person[row])).map((row) => {
    const face = faceOf(row), other = after.get(face.person);
    return { ...face, box: face.box.map((value, i) => value + share * (box[i][other] - value)) };
  });
}

function drawBoxes() {
  const [wide, high] = photo ? [photo.naturalWidth, photo.naturalHeight] : [video?.videoWidth, video?.videoHeight];
  if (!overlay || !wide || !page.columns) return;
  const ratio = window.devicePixelRatio || 1, { result } = page;
  const width = Math.round(overlay.clientWidth * ratio), height = Math.round(overlay.clientHeight * ratio);
  if (overlay.width !== width || overlay.height !== height) Object.assign(overlay, { width, height });
  const pen = overlay.getContext("2d");
  pen.clearRect(0, 0, width, height);
  if (photo && page.printing) pen.drawImage(photo, 0, 0, width, height);  // on paper a canvas covers what is below it
  if (!boxes) return;
  const alike = result.width && Math.abs(wide * result.height - high * result.width) < 0.02 * wide * result.height;
  const [across, down] = alike ? [result.width, result.height] : [wide, high];
  const sx = width / across, sy = height / down, size = Math.round(13 * ratio);
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.textBaseline = "top";
  const faces = facesAt(page.time), taken = [];
  const short = faces.length > 2 && overlay.clientWidth < 500;  // the labels would cover the faces
  for (const face of faces) {
    const label = face.emotion || "uncertain", colour = settings.colours[label] || "#ffffff";
    const [x1, y1, x2, y2] = [face.box[0] * sx, face.box[1] * sy, face.box[2] * sx, face.box[3] * sy];
    pen.lineWidth = 4 * ratio; pen.strokeStyle = "#000000"; pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
    pen.lineWidth = 2 * ratio; pen.strokeStyle = colour; pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
    const said = short ? String(face.person) : `${face.person}  ${label} ${percent(face.confidence)}`;
    const room = pen.measureText(said).width + 8 * ratio, tall = size + 6 * ratio;
    const left = Math.max(Math.min(x1 - ratio, width - room), 0);
    const free = (y) => y >= 0 && y + tall <= height && !taken.some(([x, at, wide]) => Math.abs(at - y) < tall && x < left + room && left < x + wide);
    const top = [y1 - tall, y2, y1, y2 - tall].find(free) ?? Math.max(y1 - tall, 0);
    taken.push([left, top, room]);
    pen.fillStyle = colour; pen.fillRect(left, top, room, tall);
    pen.fillStyle = settings.ink[label] || "#000000"; pen.fillText(said, left + 4 * ratio, top + 3 * ratio);
  }
}

const said = (t) => `${clock(t, page.end)} of ${clock(page.end, page.end)}`;

function reading(person, t) {
  const place = placeAt(t), { columns } = page;
  const row = place < 0 ? undefined : rowsAt(place).find((each) => columns.person[each] === person);
  if (row === undefined) return "not in sight";
  return labels.map((label, i) => [label, columns.p[i][row]]).sort((a, b) => b[1] - a[1]).slice(0, 3)
    .map(([label, value]) => `${label} ${percent(value)}`).join(", ");
}

function moved(t) {
  if (until !== null && !video.paused && !video.seeking && t >= until) {  // a frame from before the jump does not count
    until = null;
    video.pause();
  }
  page.time = Math.min(Math.max(t, 0), page.end);
  if (now) now.textContent = said(page.time);
  for (const follow of page.followers) follow(page.time);
  drawBoxes();
}

function seek(t) {
  const wanted = Math.min(Math.max(t, 0), page.end);
  until = null;
  if (video?.readyState) video.currentTime = Math.min(wanted + page.offset + INTO_FRAME_S, video.duration || Infinity);
  moved(wanted);
}

function play(from, to) {
  seek(from);
  if (!video?.readyState) return;
  until = to;
  video.play().catch(() => {});  // another seek may stop it before it began
}

// One analysed frame on or back; of a time between two of them, to the one before.
function step(by) {
  const { time } = page.columns, place = placeAt(page.time);
  const between = page.time - time[place] > 2 * INTO_FRAME_S;
  const next = by < 0 && between ? place : place + by;
  video?.pause();
  if (time.length) seek(time[Math.min(Math.max(next, 0), time.length - 1)]);
}

// ---- the part of the clip that timelines show
function zoom(min, max) {
  const width = Math.min(Math.max(max - min, page.end / 20000, 0.2), page.end);
  const from = Math.min(Math.max(min, 0), page.end - width);
  page.view = [from, from + width];
  for (const show of page.viewers) show(...page.view);
}

const zoomed = {
  in: () => closer(0.5), out: () => closer(2), all: () => zoom(0, page.end),
  earlier: () => pan(-0.5), later: () => pan(0.5),
};

function closer(factor) {
  const [min, max] = page.view, inside = page.time >= min && page.time <= max;
  const around = inside ? page.time : (min + max) / 2;
  zoom(around - (around - min) * factor, around + (max - around) * factor);
}

function pan(share) {
  const [min, max] = page.view, by = Math.min(Math.max(share * (max - min), -min), page.end - max);
  zoom(min + by, max + by);
}

// Keys of all that shows the clip's time. PageUp goes on and PageDown back, as sliders do.
function keyed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const far = (page.view[1] - page.view[0]) / 10;
  const keys = {
    ArrowLeft: () => step(-1), ArrowDown: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => step(1),
    PageDown: () => seek(page.time - far), PageUp: () => seek(page.time + far), Home: () => seek(0), End: () => seek(page.end),
    "+": zoomed.in, "=": zoomed.in, "-": zoomed.out, Escape: zoomed.all,
    " ": () => { if (video?.paused) video.play().catch(() => {}); else video?.pause(); },
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
}

function tellSlider(element, t, words) {
  element.setAttribute("aria-valuenow", t.toFixed(2));
  element.setAttribute("aria-valuetext", words);
}

// ---- a video that is missing, and one that the reader chooses
function showMissing(words) {
  byId("stage").hidden = true;
  byId("missing").hidden = false;
  if (words) byId("missing-said").textContent = words;
}

function chosen(file) {
  video.src = URL.createObjectURL(file);
  byId("stage").hidden = false;
  byId("missing").hidden = true;
  video.addEventListener("loadedmetadata", () => {
    const lasts = page.result.duration_s;
    if (!lasts || Math.abs(video.duration - lasts) <= Math.max(1, 0.05 * lasts)) return;
    byId("missing").hidden = false;
    byId("missing-said").textContent = `${file.name} lasts ${clock(video.duration)}, the clip of this report ${clock(lasts)}: it may be another one.`;
  }, { once: true });
}

function startPlayer() {
  byId("boxes")?.addEventListener("click", (event) => {
    boxes = !boxes;
    event.currentTarget.setAttribute("aria-pressed", String(boxes));
    drawBoxes();
  });
  photo?.addEventListener("load", drawBoxes);
  if (!video) return;
  const follow = () => {  // of a frame that was asked for a little after its beginning, its own time
    const t = video.currentTime - page.offset, frame = page.columns.time[placeAt(t)];
    moved(t - frame <= 2 * INTO_FRAME_S ? frame : t);
  };
  for (const name of ["timeupdate", "seeked", "loadedmetadata", "loadeddata"]) video.addEventListener(name, follow);
  video.addEventListener("error", () => showMissing(video.src.startsWith("blob:") ? "The browser cannot play this file." : ""));
  if (video.error) showMissing("");
  if (video.requestVideoFrameCallback) {
    const each = (_, frame) => { moved(frame.mediaTime - page.offset); video.requestVideoFrameCallback(each); };
    video.requestVideoFrameCallback(each);
  } else {
    const each = () => { if (!video.paused) follow(); requestAnimationFrame(each); };
    requestAnimationFrame(each);
  }
  byId("choose").addEventListener("change", (event) => { if (event.target.files[0]) chosen(event.target.files[0]); });
  byId("back").addEventListener("click", () => step(-1));
  byId("forward").addEventListener("click", () => step(1));
  for (const each of document.querySelectorAll("[data-zoom]")) each.addEventListener("click", zoomed[each.dataset.zoom]);
}
