"use strict";
// Wires the page once its data are there.
// The legend: what is pressed is shown, in the timelines, the strips, and the list.
function startLegend(redraw) {
  const legend = byId("emotions");
  if (!legend || !page.result.people.length) return;
  const segments = page.result.people.flatMap((person) => person.segments || []);
  for (const label of new Set([...labels, ...segments.map(known)])) {
    const button = legend.appendChild(document.createElement("button"));
    button.append(swatch(label), label);
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const show = button.getAttribute("aria-pressed") === "false", i = labels.indexOf(label);
      button.setAttribute("aria-pressed", String(show));
      if (show) page.hidden.delete(label); else page.hidden.add(label);
      for (const { chart } of charts.values()) if (i >= 0) for (const k of [i + 1, i + 1 + labels.length]) chart.setSeries(k, { show });
      redraw();
      page.filtered?.();
    });
  }
}

// ---- downloads
function save(text, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// From the rounded columns, of clips with too many frames for exact ones. Cells as fervid's CSV writer makes them.
function framesCsv() {
  const { number, time, start, rows, person, track, score, box, p } = page.columns;
  const quoted = (text) => { const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text; return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe; };
  const names = ["path", "frame", "time_s", "person", "track", "x1", "y1", "x2", "y2", "face_score", "emotion", "confidence", ...labels.map((label) => `p_${label}`)];
  const path = quoted(page.result.path), lines = [names.map(quoted).join(",")];
  for (let i = 0; i < number.length; i++) {
    const first = [path, number[i], +time[i].toFixed(5)];
    if (start[i] === start[i + 1]) lines.push([...first, ...Array(names.length - 3).fill("")].join(","));
    for (let k = start[i]; k < start[i + 1]; k++) {
      const row = rows[k], face = faceOf(row);
      lines.push([...first, person[row], track[row], ...box.map((side) => side[row]), score[row].toFixed(3), quoted(face.emotion || ""), face.confidence.toFixed(3), ...p.map((column) => column[row].toFixed(3))].join(","));
    }
  }
  return `${lines.join("\n")}\n`;
}

function startDownloads(answers) {
  const name = settings.name;
  const kinds = {
    json: async () => save(byId("json") ? await unpackedText("json") : answers, `${name}.json`, "application/json"),
    frames: async () => save(byId("frames-csv") ? await unpackedText("frames-csv") : framesCsv(), `${name}-frames.csv`, "text/csv"),
    segments: async () => save(await unpackedText("segments-csv"), `${name}-segments.csv`, "text/csv"),
  };
  for (const each of document.querySelectorAll("[data-download]")) each.addEventListener("click", kinds[each.dataset.download]);
}

// ---- light and dark, size, print
function startLooks(redraw) {
  // What the tab key reaches must not be behind the video, where that is above the rest.
  const player = document.querySelector(".player"), narrow = matchMedia("(max-width: 60rem)");
  new ResizeObserver(() => {
    const above = narrow.matches && getComputedStyle(player).position === "sticky";
    document.documentElement.style.scrollPaddingTop = above ? `${player.offsetHeight + 8}px` : "";
  }).observe(player);
  let printed = false;
  startTheme(redraw, (on) => {
    printed = page.printing = on;
    if (on) for (const each of document.querySelectorAll(".timeline")) addChart(each);
    byId("made").open = on;
    page.printed?.(on);
    resizeCharts(on ? 660 : 0);
  });
  let width = 0;
  new ResizeObserver(() => {
    if (width === document.body.clientWidth || printed) return;
    width = document.body.clientWidth;
    resizeCharts();
    redraw();
    moved(page.time);
  }).observe(document.body);
}

(async () => {
  const [answers, columns] = await Promise.all([unpackedText("answers"), unpacked("columns")]);
  page.result = JSON.parse(answers);
  page.columns = readColumns(columns);
  const { time } = page.columns;
  // Times are seconds from the first frame; a player may show that later than its own start.
  page.offset = page.result.timing?.offset_s || 0;
  page.end = Math.max(page.result.duration_s || 0, time.length ? time[time.length - 1] : 0) || 1;
  page.view = [0, page.end];
  page.time = time.length ? time[0] : 0;
  colourTags();
  const draws = [];
  if (!settings.picture) {
    draws.push(addOverview(byId("overview")), ...[...document.querySelectorAll(".strip")].map(addStrip));
    startCharts();
    startList();
  }
  const redraw = () => { for (const draw of draws) draw(); redrawCharts(); drawBoxes(); };
  startLegend(redraw);
  startPlayer();
  startDownloads(answers);
  startLooks(redraw);
  for (const each of document.querySelectorAll("[data-seek]")) each.addEventListener("click", () => seek(Number(each.dataset.seek)));
  // A picture plays the stretch that it is of.
  for (const each of document.querySelectorAll("[data-stretch]")) {
    const t = Number(each.dataset.stretch), person = page.result.people.find((one) => one.id === Number(each.dataset.person));
    const segment = (person.segments || []).find((one) => one.start_s <= t + 1e-6 && t <= one.end_s + 1e-6);
    each.addEventListener("click", () => { if (segment) play(segment.start_s, segment.end_s); else seek(t); });
  }
  moved(video?.readyState ? video.currentTime - page.offset : page.time);
  document.documentElement.dataset.ready = "yes";
})();
