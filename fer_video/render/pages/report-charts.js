"use strict";
// One timeline of probabilities per person: a smoothed curve, the unsmoothed one behind it, names at the ends.
const CHART_HEIGHT = 180, MOST_POINTS = 900, BUCKETS = 500, SMOOTH = 100;  // points of a curve; shares of what is shown
const charts = new Map();  // element -> chart
const sumsOf = new Map();  // person -> running sums of each label, by which a mean costs two look-ups

function sums(person) {
  if (sumsOf.has(person)) return sumsOf.get(person);
  const [first, last] = page.columns.of.get(person) || [0, 0];
  const found = { first, times: new Float64Array(last - first), totals: labels.map(() => new Float64Array(last - first + 1)) };
  for (let i = first; i < last; i++) found.times[i - first] = page.columns.time[page.columns.place[i]];
  labels.forEach((_, k) => {
    const values = page.columns.p[k], total = found.totals[k];
    for (let i = first; i < last; i++) total[i - first + 1] = total[i - first] + values[i];
  });
  sumsOf.set(person, found);
  return found;
}

// Times, unsmoothed values of each label, smoothed ones of each label, which are drawn over them; null where the person is out of sight.
function curves(person, [min, max]) {
  const { first, times, totals } = sums(person), { place, p } = page.columns;
  const low = Math.max(upTo(times, min) - 1, 0), high = Math.min(upTo(times, max) + 1, times.length);
  const half = (max - min) / SMOOTH / 2;
  const xs = [], smooth = labels.map(() => []), raw = labels.map(() => []);
  const out = (x) => { xs.push(x); labels.forEach((_, k) => { smooth[k].push(null); raw[k].push(null); }); };
  const mean = (k, from, to) => (totals[k][to] - totals[k][from]) / (to - from);
  const around = (t) => [upTo(times, t - half, low, high), Math.max(upTo(times, t + half, low, high), low + 1)];
  if (high - low <= MOST_POINTS) {
    for (let i = low; i < high; i++) {
      if (i > low && place[first + i] - place[first + i - 1] > 1) out((times[i] + times[i - 1]) / 2);
      let [from, to] = around(times[i]);
      while (from < i && place[first + i] - place[first + from] > i - from) from++;  // not over a time out of sight
      while (to > i + 1 && place[first + to - 1] - place[first + i] > to - 1 - i) to--;
      xs.push(times[i]);
      labels.forEach((_, k) => { smooth[k].push(mean(k, Math.min(from, i), Math.max(to, i + 1))); raw[k].push(p[k][first + i]); });
    }
    return [xs, ...raw, ...smooth];
  }
  const step = (max - min) / BUCKETS;
  for (let b = 0, from = upTo(times, min - 1e-9); b < BUCKETS; b++) {
    const begin = min + b * step, to = upTo(times, begin + step, from);
    if (to === from) { out(begin + step / 2); continue; }
    const [near, far] = around(begin + step / 2);
    xs.push(begin + step / 4, begin + 3 * step / 4);
    labels.forEach((_, k) => {
      let least = 1, most = 0;
      for (let i = first + from; i < first + to; i++) { const v = p[k][i]; if (v < least) least = v; if (v > most) most = v; }
      const value = mean(k, Math.min(near, from), Math.max(far, to));
      smooth[k].push(value, value);
      raw[k].push(least, most);
    });
    from = to;
  }
  return [xs, ...raw, ...smooth];
}

// The names of the lines that matter, at their right ends, one below the other where they are close.
function nameLines(u) {
  const ratio = window.devicePixelRatio || 1, [min, max] = page.view, ends = [];
  labels.forEach((label, k) => {
    if (page.hidden.has(label)) return;
    const values = u.data[k + 1 + labels.length];
    let last = -1, most = 0;
    for (let i = 0; i < values.length; i++) {
      if (values[i] === null || u.data[0][i] < min || u.data[0][i] > max) continue;
      last = i;
      most = Math.max(most, values[i]);
    }
    if (last >= 0 && most >= 0.15) ends.push({ label, y: u.valToPos(values[last], "y", true), most });
  });
  ends.sort((a, b) => b.most - a.most).splice(6);
  ends.sort((a, b) => a.y - b.y);
  const tall = 13 * ratio, { left, top, width, height } = u.bbox;
  let below = top;
  for (const each of ends) { each.y = Math.max(each.y, below); below = each.y + tall; }
  let above = top + height + tall / 2;
  for (const each of ends.reverse()) { each.y = Math.min(each.y, above); above = each.y - tall; }
  u.ctx.save();
  u.ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  u.ctx.textBaseline = "middle";
  u.ctx.textAlign = "left";
  for (const { label, y } of ends) {
    u.ctx.fillStyle = colourOf(label);
    u.ctx.fillRect(left + width + 3 * ratio, y - 4 * ratio, 4 * ratio, 8 * ratio);
    u.ctx.fillStyle = css("--ink");
    u.ctx.fillText(label.length > 9 ? `${label.slice(0, 8)}…` : label, left + width + 10 * ratio, y);
  }
  u.ctx.restore();
}

function chartOptions(element, person) {
  const words = element.querySelector(".reading");
  const axis = { stroke: () => css("--quiet"), grid: { stroke: () => css("--line"), width: 1 }, ticks: { stroke: () => css("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const line = (label, isRaw) => ({
    label, show: !page.hidden.has(label), stroke: isRaw ? (u) => `${colourOf(label)}${u.data[0].length > MOST_POINTS ? "20" : "60"}` : colourOf(label), width: isRaw ? 1 : 2,
    dash: isRaw ? undefined : dashOf(label), spanGaps: false,
    points: { show: (u, i) => !isRaw && u.data[i].filter((v) => v !== null).length < 3 },
  });
  return {
    width: element.clientWidth || 300, height: CHART_HEIGHT, padding: [8, 80, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "time", scales: ["x", null], filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } }, drag: { x: true, y: false, setScale: false }, points: { show: false } },
    scales: { x: { time: false, auto: false }, y: { range: [0, 1.02] } },
    axes: [
      { ...axis, size: 34, space: page.end >= 3600 ? 80 : 60, values: (_, ticks) => ticks.map((v) => clock(v, page.end).replace(/\.0$/, "")) },
      { ...axis, size: 52, splits: () => [0, 0.25, 0.5, 0.75, 1], values: (_, ticks) => ticks.map((v) => `${100 * v}%`) },
    ],
    series: [{}, ...labels.map((label) => line(label, true)), ...labels.map((label) => line(label, false))],
    hooks: {
      draw: [nameLines],
      setSelect: [(u) => {
        if (u.select.width > 4) zoom(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
      setCursor: [(u) => {
        const t = u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : null;
        words.textContent = t === null ? "" : `${clock(t, page.end)}: ${reading(person, t)}`;
      }],
    },
  };
}

function addChart(element) {
  if (charts.has(element)) return;
  const person = Number(element.dataset.person);
  const chart = new uPlot(chartOptions(element, person), curves(person, page.view), element);
  const [head, show] = [headIn(chart.over), () => {
    chart.batch(() => {
      chart.setData(curves(person, page.view), false);
      chart.setScale("x", { min: page.view[0], max: page.view[1] });
    });
    head(page.time, page.view);
  }];
  charts.set(element, { chart, show });
  let from = null;
  chart.over.addEventListener("mousedown", (event) => { from = event.clientX; });
  chart.over.addEventListener("click", (event) => {
    if (from !== null && Math.abs(event.clientX - from) > 4) return;  // the end of a drag
    seek(timeAt(chart.over, event, page.view));
  });
  chart.over.addEventListener("dblclick", zoomed.all);
  page.viewers.push(show);
  page.followers.push((t) => head(t, page.view));
  show();
}

const redrawCharts = () => { for (const { chart } of charts.values()) chart.redraw(false, true); };

function resizeCharts(width) {
  for (const [element, { chart }] of charts) {
    const wide = width || element.clientWidth;
    if (wide && wide !== chart.width) chart.setSize({ width: wide, height: CHART_HEIGHT });
  }
}

// Charts are made when they come near the screen: two dozen of two hours at once would take a while.
function startCharts() {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { addChart(entry.target); seen.unobserve(entry.target); }
  }, { rootMargin: "300px" });
  for (const element of document.querySelectorAll(".timeline")) {
    element.addEventListener("keydown", keyed);
    const person = Number(element.dataset.person);
    const tell = () => tellSlider(element, page.time, `${said(page.time)}: ${reading(person, page.time)}`);
    // Words for screen readers: only of the one in focus while the video plays
    page.followers.push(() => { if (document.activeElement === element || !video || video.paused) tell(); });
    seen.observe(element);
  }
}
