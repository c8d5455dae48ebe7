"use strict";
// The data of the page: settings, answers, and the columns of frames and faces (fer_video/render/columns.py).
const byId = (id) => document.getElementById(id);
const settings = JSON.parse(byId("settings").textContent);
const labels = settings.labels;

async function unpacked(id) {
  const text = atob(byId(id).textContent), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function unpackedText(id) {
  return new TextDecoder().decode(await unpacked(id));
}

// ---- columns: differences of whole numbers, the lowest bytes of all rows first
function readColumns(buffer) {
  const bytes = new Uint8Array(buffer), { frames, faces } = settings;
  let offset = 0;
  function next(rows, unit = 1, Kind = Float64Array) {
    const values = new Kind(rows);
    let sum = 0;
    for (let i = 0, at = offset; i < rows; i++, at++) {
      sum += bytes[at] | bytes[at + rows] << 8 | bytes[at + 2 * rows] << 16 | bytes[at + 3 * rows] << 24;
      values[i] = sum * unit;
    }
    offset += 4 * rows;
    return values;
  }
  const probability = 1 / settings.probability, pixel = 1 / settings.pixel;
  const columns = {
    number: next(frames), time: next(frames, settings.tick_s),
    place: next(faces, 1, Int32Array), person: next(faces, 1, Int32Array), track: next(faces, 1, Int32Array),
    score: next(faces, probability, Float32Array),
    box: [0, 1, 2, 3].map(() => next(faces, pixel, Float32Array)),
    p: labels.map(() => next(faces, probability, Float32Array)),
  };
  // the faces of a frame: rows are in the order of people, so each frame lists its own
  columns.start = new Int32Array(frames + 1);
  for (let i = 0; i < faces; i++) columns.start[columns.place[i] + 1]++;
  for (let i = 0; i < frames; i++) columns.start[i + 1] += columns.start[i];
  const filled = columns.start.slice(0, frames);
  columns.rows = new Int32Array(faces);
  for (let i = 0; i < faces; i++) columns.rows[filled[columns.place[i]]++] = i;
  // person -> first row and the one after the last
  columns.of = new Map();
  for (let i = 0; i < faces; i++) {
    const range = columns.of.get(columns.person[i]);
    if (range) range[1] = i + 1; else columns.of.set(columns.person[i], [i, i + 1]);
  }
  return columns;
}

// The number of values of an ordered array that are at most `value`.
function upTo(values, value, low = 0, high = values.length) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1; else high = middle;
  }
  return low;
}

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
  if (!settings.colours[label]) return colourOf(label);
  if (tiles.has(label)) return tiles.get(label);
  const tile = document.createElement("canvas"), side = 8;
  tile.width = tile.height = side;
  const ink = tile.getContext("2d");
  ink.fillStyle = colourOf(label);
  ink.fillRect(0, 0, side, side);
  ink.strokeStyle = ink.fillStyle = settings.ink[label];
  ink.globalAlpha = 0.75;
  const line = (...points) => { ink.beginPath(); ink.moveTo(points[0], points[1]); ink.lineTo(points[2], points[3]); ink.stroke(); };
  [
    () => {},
    () => { line(-1, 9, 9, -1); },
    () => { ink.fillRect(3, 3, 2, 2); },
    () => { line(-1, -1, 9, 9); },
    () => { line(4, 0, 4, 8); },
    () => { line(0, 4, 8, 4); },
    () => { line(-1, -1, 9, 9); line(-1, 9, 9, -1); },
    () => { ink.fillRect(0, 0, 4, 4); ink.fillRect(4, 4, 4, 4); },
  ][order(label) % 8]();
  tiles.set(label, pen.createPattern(tile, "repeat"));
  return tiles.get(label);
}
