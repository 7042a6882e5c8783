// What the page does when it is clicked: sorting, filtering, singling a strategy out, copying. Nothing here asks the network.
"use strict";
(() => {
  const all = (selector, of = document) => Array.from(of.querySelectorAll(selector));
  const value = (cell) => (cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value));

  // Sorting: numbers by their exact value, words by letter; what has no value comes last either way.
  const sort = (table, column, ascending) => {
    const rows = all("tbody tr", table);
    const key = (row) => value(row.cells[column]);
    const missing = (one) => one === "–" || one === "";
    rows.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
      return ascending ? order : -order;
    });
    table.tBodies[0].append(...rows);
  };
  for (const table of all("table.sortable")) {
    all("thead th", table).forEach((heading, column) => {
      heading.querySelector("button")?.addEventListener("click", () => {
        const ascending = heading.getAttribute("aria-sort") !== "ascending";
        all("thead th", table).forEach((other) => other.setAttribute("aria-sort", "none"));
        heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        sort(table, column, ascending);
      });
    });
  }

  // Filtering: rows and sections that do not match are hidden.
  const filter = () => {
    const wanted = all("select[data-filter]").map((select) => [select.dataset.filter, select.value]).filter(([, chosen]) => chosen !== "");
    for (const one of all("[data-topology], tr[data-strategy]")) {
      one.hidden = wanted.some(([key, chosen]) => one.dataset[key] !== undefined && chosen !== "=" + one.dataset[key]);
    }
  };
  all("select[data-filter]").forEach((select) => select.addEventListener("change", filter));

  // Singling out: a strategy is lit in every table and chart, the others fade.
  let picked = null;
  const light = (strategy) => {
    document.body.classList.toggle("singled", strategy !== null);
    for (const one of all("[data-strategy]")) one.classList.toggle("lit", one.dataset.strategy === strategy);
    for (const button of all("button.pick")) button.setAttribute("aria-pressed", String(button.textContent === strategy));
  };
  for (const button of all("button.pick")) {
    button.addEventListener("click", () => light((picked = picked === button.textContent ? null : button.textContent)));
  }
  for (const mark of all("figure [data-strategy]")) {
    mark.addEventListener("mouseenter", () => light(mark.dataset.strategy));
    mark.addEventListener("mouseleave", () => light(picked));
    mark.addEventListener("click", () => light((picked = picked === mark.dataset.strategy ? null : mark.dataset.strategy)));
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") light((picked = null)); });

  // Copying the rows that are shown.
  const text = (cell) => (cell.querySelector("summary") ?? cell).textContent.trim().replace(/\s+/g, " ");
  const rows = (table) => all("tr", table).filter((row) => !row.hidden).map((row) => Array.from(row.cells).map(text));
  const written = {
    markdown: (lines) => {
      const line = (cells) => "| " + cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ") + " |";
      return [line(lines[0]), line(lines[0].map(() => "---")), ...lines.slice(1).map(line)].join("\n") + "\n";
    },
    csv: (lines) => lines.map((cells) => cells.map((cell) => (/[",\n]/.test(cell) ? '"' + cell.replaceAll('"', '""') + '"' : cell)).join(",")).join("\n") + "\n",
  };
  const copy = async (content) => {
    try {
      await navigator.clipboard.writeText(content);
    } catch {
      // A page that was opened from a file may not reach the clipboard that way.
      const area = Object.assign(document.createElement("textarea"), { value: content });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  for (const button of all("button[data-copy]")) {
    button.addEventListener("click", async () => {
      const content = written[button.dataset.copy](rows(document.querySelector("table[data-name=scorecard]")));
      await copy(content);
      document.getElementById("copied").textContent = "copied";
    });
  }
})();
