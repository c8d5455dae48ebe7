"use strict";
// The segments of all people, filtered. Only those in sight are in the page, so that thousands scroll well.
const LINE = 36, AROUND = 8, MOST_PRINTED = 1000;  // pixels of one; more of them above and below; in print

function startList() {
  const box = byId("segments"), form = byId("filters");
  if (!box) return;
  const all = page.result.people.flatMap((person) => (person.segments || []).map((segment) => ({ ...segment, person: person.id, name: nameOf(person) })))
    .sort((a, b) => a.start_s - b.start_s || a.person - b.person);
  const inner = box.appendChild(document.createElement("div"));
  inner.setAttribute("role", "presentation");
  let shown = [], active = 0, printing = false;
  for (const label of [...new Set(all.map(known))].sort()) {
    const option = form.emotion.appendChild(document.createElement("option"));
    option.value = option.textContent = label;
  }

  function line(i) {
    const segment = shown[i], label = known(segment), item = document.createElement("div");
    const text = (words, name) => { const part = item.appendChild(document.createElement("span")); part.className = name; part.textContent = words; return part; };
    item.id = `segment-${i}`;
    item.className = "segment";
    item.style.top = `${i * LINE}px`;
    item.dataset.place = i;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(i === active));
    item.setAttribute("aria-posinset", i + 1);
    item.setAttribute("aria-setsize", shown.length);
    text(`${clock(segment.start_s, page.end)} to ${clock(segment.end_s, page.end)}`, "when");
    text(segment.name, "who");
    const tag = text(`${label} ${percent(segment.confidence)}`, "tag");
    if (segment.emotion) Object.assign(tag.style, { background: colourOf(label), color: settings.ink[label], borderColor: "transparent" });
    text(`${(segment.end_s - segment.start_s).toFixed(1)} s`, "long");
    return item;
  }

  function render() {
    const first = printing ? 0 : Math.max(Math.floor(box.scrollTop / LINE) - AROUND, 0);
    const last = Math.min(printing ? MOST_PRINTED : Math.ceil((box.scrollTop + box.clientHeight) / LINE) + AROUND, shown.length);
    inner.style.height = `${Math.min(shown.length, printing ? MOST_PRINTED : Infinity) * LINE}px`;
    inner.replaceChildren(...Array.from({ length: Math.max(last - first, 0) }, (_, i) => line(first + i)));
    if (shown.length) box.setAttribute("aria-activedescendant", `segment-${active}`); else box.removeAttribute("aria-activedescendant");
  }

  function filter() {
    const wanted = { person: form.person.value, emotion: form.emotion.value, sure: form.sure.value / 100, long: Number(form.long.value) };
    shown = all.filter((each) => (!wanted.person || each.person === Number(wanted.person)) && (!wanted.emotion || known(each) === wanted.emotion)
      && !page.hidden.has(known(each)) && each.confidence >= wanted.sure && each.end_s - each.start_s >= wanted.long - 1e-9);
    byId("count").textContent = `${shown.length} of ${all.length}`;
    active = 0;
    box.scrollTop = 0;
    box.hidden = !shown.length;
    box.style.height = `${Math.min(shown.length, 12) * LINE + 2}px`;
    render();
  }

  function choose(i, plays) {
    if (!shown.length) return;
    active = Math.min(Math.max(i, 0), shown.length - 1);
    const top = active * LINE;
    if (top < box.scrollTop) box.scrollTop = top;
    if (top + LINE > box.scrollTop + box.clientHeight) box.scrollTop = top + LINE - box.clientHeight;
    render();
    if (plays) play(shown[active].start_s, shown[active].end_s); else seek(shown[active].start_s);
  }

  let waiting = false;
  box.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; render(); });
  }, { passive: true });
  box.addEventListener("click", (event) => {
    const item = event.target.closest(".segment");
    if (item) choose(Number(item.dataset.place), true);
  });
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const places = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + 10, PageUp: active - 10, Home: 0, End: shown.length - 1 };
    if (event.key in places) choose(places[event.key], false);
    else if (event.key === "Enter") choose(active, true);
    else return;
    event.preventDefault();
  });
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  page.filtered = filter;
  page.printed = (on) => { printing = on; box.classList.toggle("printed", on); render(); };
  filter();
}
