"use strict";
// The data of the page: answers, and the columns of frames and faces (fer_video/render/columns.py).
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
