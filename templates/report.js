// Sorting and filtering of the tables; without it (print, PDF) they are plain tables in order of severity.
(() => {
  "use strict";
  const key = (cell) => {
    const order = cell.dataset.o;
    return order === undefined ? cell.textContent.trim().toLowerCase() : Number(order);
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  for (const figure of document.querySelectorAll(".listing")) {
    const body = figure.querySelector("tbody");
    const rows = [...body.rows].filter((row) => !row.classList.contains("fixed"));
    const heads = [...figure.querySelectorAll("th[data-column]")];
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      const unit = head.querySelector(".unit");
      while (head.firstChild && head.firstChild !== unit) button.append(head.firstChild);
      head.prepend(button);
      button.addEventListener("click", () => {
        const column = Number(head.dataset.column);
        const first = head.classList.contains("number") && column > 0 ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        const direction = head.getAttribute("aria-sort") === first ? second : first;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", direction);
        const sign = direction === "ascending" ? 1 : -1;
        body.append(...rows.sort((a, b) => sign * compare(key(a.cells[column]), key(b.cells[column]))));
      });
    }
    if (rows.length < 8) continue;
    const tools = document.createElement("div");
    tools.className = "tools";
    const found = document.createElement("span");
    found.setAttribute("role", "status");
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "Filter rows";
    input.setAttribute("aria-label", "Filter rows of " + figure.dataset.caption);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const row of rows) {
        const text = (row.textContent + " " + [...row.querySelectorAll("[title]")].map((part) => part.title).join(" ")).toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        count += row.hidden ? 0 : 1;
      }
      found.textContent = (words.length ? count + " of " : "") + rows.length + " rows";
    });
    found.textContent = rows.length + " rows";
    tools.append(input, found);
    figure.prepend(tools);
  }
})();
