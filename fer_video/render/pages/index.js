"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const body = document.querySelector("#clips tbody"), rows = [...body.rows];

  function filter() {
    const words = byId("words").value.toLowerCase().split(/\s+/).filter(Boolean), emotion = byId("emotion").value;
    let shown = 0;
    for (const row of rows) {
      const said = row.textContent.toLowerCase();
      row.hidden = !(words.every((word) => said.includes(word)) && (!emotion || row.dataset.emotion === emotion));
      shown += !row.hidden;
    }
    byId("count").textContent = `${shown} of ${rows.length}`;
  }
  byId("words").addEventListener("input", filter);
  byId("emotion").addEventListener("change", filter);

  [...document.querySelectorAll("#clips th")].forEach((head, column) => {
    head.firstElementChild.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const each of document.querySelectorAll("#clips th")) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const order = new Intl.Collator(undefined, { numeric: true });
      rows.sort((a, b) => (down ? -1 : 1) * order.compare(a.cells[column].textContent, b.cells[column].textContent));
      body.append(...rows);
    });
  });

  byId("theme").addEventListener("click", () => {
    const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = (root.dataset.theme || (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
  });
  filter();
})();
