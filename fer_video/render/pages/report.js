"use strict";
(async () => {
  const byId = (id) => document.getElementById(id);
  const settings = JSON.parse(byId("settings").textContent);

  async function unpacked(id) {
    const bytes = Uint8Array.from(atob(byId(id).textContent), (char) => char.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  // ---- what the templates may not say: styles (the page's policy allows none in its markup)
  for (const each of document.querySelectorAll(".tag[data-colour]")) {
    if (each.dataset.colour) Object.assign(each.style, { background: each.dataset.colour, color: each.dataset.ink, borderColor: "transparent" });
  }
  for (const each of document.querySelectorAll(".bar")) {
    const inner = each.appendChild(document.createElement("i"));
    inner.style.width = `${100 * each.dataset.share}%`;
    inner.style.background = each.dataset.colour;
  }

  const text = await unpacked("json");
  const result = JSON.parse(text);
  const times = result.frames.map((frame) => frame.time_s);
  // Times are seconds from the first frame; a player may show that later than its own start.
  const offset = (result.timing && result.timing.offset_s) || 0;
  const end = Math.max(result.duration_s || 0, times.length ? times[times.length - 1] : 0) || 1;
  const video = byId("video"), canvas = byId("overlay"), now = byId("now");
  const charts = [];
  let time = times.length ? times[0] : 0;
  let boxes = true;

  // ---- the sampled frames at a moment: as in fer_video/render/playback.py
  function placeAt(t) {
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= t + 1e-4) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  function facesAt(t) {
    const place = placeAt(t);
    if (place < 0) return [];
    const faces = result.frames[place].faces;
    if (t - times[place] <= 1e-4) return faces;
    if (place + 1 === times.length) return [];
    const share = (t - times[place]) / (times[place + 1] - times[place]);
    const after = new Map(result.frames[place + 1].faces.map((face) => [face.person, face]));
    return faces.filter((face) => after.has(face.person)).map((face) => ({
      ...face, box: face.box.map((value, i) => value + share * (after.get(face.person).box[i] - value)),
    }));
  }

  function draw() {
    if (!video || !video.videoWidth) return;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    if (!boxes) return;
    const alike = result.width && Math.abs(video.videoWidth * result.height - video.videoHeight * result.width) < 0.02 * video.videoWidth * result.height;
    const [across, down] = alike ? [result.width, result.height] : [video.videoWidth, video.videoHeight];
    const sx = width / across, sy = height / down, size = Math.round(13 * ratio);
    pen.font = `600 ${size}px system-ui, sans-serif`;
    pen.textBaseline = "top";
    for (const face of facesAt(time)) {
      const label = face.emotion || "uncertain", colour = settings.colours[label] || "#ffffff";
      const [x1, y1, x2, y2] = [face.box[0] * sx, face.box[1] * sy, face.box[2] * sx, face.box[3] * sy];
      pen.lineWidth = 4 * ratio; pen.strokeStyle = "#000000"; pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
      pen.lineWidth = 2 * ratio; pen.strokeStyle = colour; pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
      const said = `${face.person}  ${label} ${Math.round(100 * face.confidence)}%`;
      const wide = pen.measureText(said).width + 8 * ratio, high = size + 6 * ratio;
      const top = y1 - high >= 0 ? y1 - high : y1, left = Math.max(Math.min(x1 - ratio, width - wide), 0);
      pen.fillStyle = colour; pen.fillRect(left, top, wide, high);
      pen.fillStyle = settings.ink[label] || "#000000"; pen.fillText(said, left + 4 * ratio, top + 3 * ratio);
    }
  }

  function say(t) {
    return `${t.toFixed(2)} s of ${end.toFixed(2)} s`;
  }

  function moved(t) {
    time = Math.min(Math.max(t, 0), end);
    now.textContent = result.duration_s === null ? "" : say(time);
    for (const { chart, head, element } of charts) {
      const { min, max } = chart.scales.x;
      head.hidden = time < min || time > max;
      head.style.left = `${chart.valToPos(time, "x")}px`;
      element.setAttribute("aria-valuenow", time.toFixed(2));
      element.setAttribute("aria-valuetext", `${say(time)}: ${reading(Number(element.dataset.person), time)}`);
    }
    draw();
  }

  function seek(t) {
    const wanted = Math.min(Math.max(t, 0), end);
    if (video && video.readyState) video.currentTime = wanted + offset;
    moved(wanted);
  }

  function reading(person, t) {
    const place = placeAt(t);
    const face = place < 0 ? null : result.frames[place].faces.find((each) => each.person === person);
    if (!face) return "not in sight";
    return Object.entries(face.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 3)
      .map(([label, value]) => `${label} ${Math.round(100 * value)}%`).join(", ");
  }

  // ---- timelines
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function seriesOf(person) {
    const rows = settings.labels.map(() => []), xs = [];
    for (const frame of result.frames) {
      const face = frame.faces.find((each) => each.person === person);
      xs.push(frame.time_s);
      settings.labels.forEach((label, i) => rows[i].push(face ? face.probabilities[label] : null));
    }
    return [xs, ...rows];
  }

  function zoom(min, max) {
    const width = Math.min(Math.max(max - min, end / 1000), end), from = Math.min(Math.max(min, 0), end - width);
    for (const { chart } of charts) chart.setScale("x", { min: from, max: from + width });
    queueMicrotask(() => moved(time));  // after the charts, which take their new scales in one of their own
  }

  function addChart(element) {
    const person = Number(element.dataset.person), said = element.querySelector(".reading");
    const axis = { stroke: () => css("--quiet"), grid: { stroke: () => css("--line"), width: 1 }, ticks: { stroke: () => css("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    const chart = new uPlot({
      width: element.clientWidth || 300, height: 190,
      legend: { show: false },
      cursor: { sync: { key: "time", scales: ["x", null] }, drag: { x: true, y: false, setScale: false }, points: { show: false } },
      scales: { x: { time: false, min: 0, max: end }, y: { range: [0, 1.02] } },
      axes: [{ ...axis, size: 34, values: (_, ticks) => ticks.map((v) => `${v} s`) }, { ...axis, size: 46, splits: () => [0, 0.25, 0.5, 0.75, 1], values: (_, ticks) => ticks.map((v) => `${100 * v}%`) }],
      series: [{}, ...settings.labels.map((label) => ({ label, stroke: settings.colours[label], width: 2, fill: `${settings.colours[label]}22`, spanGaps: false, points: { show: (u, i) => u.data[i].filter((v) => v !== null).length < 3 } }))],
      hooks: {
        setSelect: [(u) => {
          if (u.select.width > 4) zoom(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
        setCursor: [(u) => {
          const t = u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : null;
          said.textContent = t === null ? "" : `${t.toFixed(2)} s: ${reading(person, t)}`;
        }],
      },
    }, seriesOf(person), element);
    chart.setScale("x", { min: 0, max: end });
    const head = chart.over.appendChild(document.createElement("div"));
    head.className = "playhead";
    let from = null;
    chart.over.addEventListener("mousedown", (event) => { from = event.clientX; });
    chart.over.addEventListener("click", (event) => {
      if (from !== null && Math.abs(event.clientX - from) > 4) return;  // the end of a drag
      seek(chart.posToVal(event.clientX - chart.over.getBoundingClientRect().left, "x"));
    });
    chart.over.addEventListener("dblclick", () => zoom(0, end));
    element.addEventListener("keydown", (event) => keyed(event, chart));
    charts.push({ chart, head, element });
  }

  function keyed(event, chart) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const place = placeAt(time), { min, max } = chart.scales.x;
    const closer = (factor) => zoom(time - (time - min) * factor, time + (max - time) * factor);
    const keys = {
      ArrowLeft: () => seek(times[Math.max(time - times[place] > 1e-3 ? place : place - 1, 0)] || 0),
      ArrowRight: () => seek(times[Math.min(place + 1, times.length - 1)]),
      PageDown: () => seek(time + 1), PageUp: () => seek(time - 1), Home: () => seek(0), End: () => seek(end),
      "+": () => closer(0.5), "=": () => closer(0.5), "-": () => closer(2), Escape: () => zoom(0, end),
      " ": () => { if (video) { if (video.paused) video.play(); else video.pause(); } },
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  const timed = result.duration_s !== null;
  for (const element of document.querySelectorAll(".timeline")) {
    if (timed) addChart(element); else element.hidden = true;
  }

  settings.labels.forEach((label, i) => {
    if (!charts.length) return;
    const button = byId("emotions").appendChild(document.createElement("button"));
    const swatch = button.appendChild(document.createElement("i"));
    swatch.style.background = settings.colours[label];
    button.append(label);
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const show = button.getAttribute("aria-pressed") === "false";
      button.setAttribute("aria-pressed", String(show));
      for (const { chart } of charts) chart.setSeries(i + 1, { show });
    });
  });

  // ---- the video leads
  if (video) {
    const follow = () => moved(video.currentTime - offset);
    for (const name of ["timeupdate", "seeked", "loadedmetadata", "loadeddata"]) video.addEventListener(name, follow);
    const failed = () => { byId("novideo").hidden = false; video.parentElement.hidden = true; };
    video.addEventListener("error", failed);
    if (video.error) failed();
    if (video.requestVideoFrameCallback) {
      const each = (_, frame) => { moved(frame.mediaTime - offset); video.requestVideoFrameCallback(each); };
      video.requestVideoFrameCallback(each);
    } else {
      const each = () => { if (!video.paused) follow(); requestAnimationFrame(each); };
      requestAnimationFrame(each);
    }
    byId("boxes").addEventListener("click", (event) => {
      boxes = !boxes;
      event.currentTarget.setAttribute("aria-pressed", String(boxes));
      draw();
    });
  }
  for (const each of document.querySelectorAll("[data-seek]")) each.addEventListener("click", () => seek(Number(each.dataset.seek)));

  // ---- light and dark, size, downloads
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = (root.dataset.theme || (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
    for (const { chart } of charts) chart.redraw(false, true);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const { chart } of charts) chart.redraw(false, true); });
  new ResizeObserver(() => {
    for (const { chart, element } of charts) if (element.clientWidth && element.clientWidth !== chart.width) chart.setSize({ width: element.clientWidth, height: 190 });
    moved(time);
  }).observe(document.body);
  for (const each of document.querySelectorAll("[data-download]")) {
    each.addEventListener("click", async () => {
      const kind = each.dataset.download;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([kind === "json" ? text : await unpacked("csv")], { type: kind === "json" ? "application/json" : "text/csv" }));
      link.download = `fervid.${kind}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }
  moved(video && video.readyState ? video.currentTime - offset : time);
  document.documentElement.dataset.ready = "yes";
})();
