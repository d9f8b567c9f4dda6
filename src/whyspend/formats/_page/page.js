(() => {
  "use strict";
  const MANY = 8;
  const number = (cell) => (cell.dataset.value ? Number(cell.dataset.value) : null);

  // Sort: a button in each heading; rows that are equal stay as they are, unknown ones come last.
  const sort = (table, at, up, numeric) => {
    const body = table.tBodies[0];
    const key = (row) => (numeric ? number(row.cells[at]) : row.cells[at].textContent);
    const unknown = (value) => value === null || value === "";
    const rows = [...body.rows].sort((one, other) => {
      const a = key(one), b = key(other);
      if (unknown(a) || unknown(b)) return unknown(a) - unknown(b);
      const order = numeric ? a - b : a.localeCompare(b);
      return up ? order : -order;
    });
    body.append(...rows);
  };
  for (const table of document.querySelectorAll("table.rows")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, at) => {
      const numeric = heading.classList.contains("number");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sorter";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const first = numeric ? "descending" : "ascending";
        const other = numeric ? "ascending" : "descending";
        const wanted = heading.getAttribute("aria-sort") === first ? other : first;
        headings.forEach((each) => each.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", wanted);
        sort(table, at, wanted === "ascending", numeric);
      });
    });

    // Filter: rows that hold what is typed.
    if (table.tBodies[0].rows.length <= MANY) continue;
    const field = document.createElement("input");
    field.type = "search";
    field.className = "filter";
    field.placeholder = "Filter rows";
    field.setAttribute("aria-label", `Filter: ${table.parentNode.getAttribute("aria-label")}`);
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase();
      for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    table.parentNode.before(field);
  }

  // Hover: what a bar is, at once, and where else its name is.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const said = new WeakMap();
  for (const title of document.querySelectorAll(".chart title")) {
    said.set(title.parentNode, title.textContent);
    title.remove();
  }
  const dim = (svg, name) => {
    for (const mark of svg.querySelectorAll("[data-name]")) {
      mark.classList.toggle("dimmed", name !== undefined && mark.dataset.name !== name);
    }
  };
  for (const svg of document.querySelectorAll(".chart")) {
    const many = new Set([...svg.querySelectorAll("[data-name]")].map((mark) => mark.dataset.at)).size > 1;
    svg.addEventListener("pointermove", (event) => {
      const text = said.get(event.target);
      tip.hidden = !text;
      dim(svg, text && many ? event.target.dataset.name : undefined);
      if (!text) return;
      tip.textContent = text;
      const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      const above = event.clientY + 20 + tip.offsetHeight > innerHeight;
      tip.style.left = `${Math.max(left, 8)}px`;
      tip.style.top = `${above ? event.clientY - tip.offsetHeight - 10 : event.clientY + 16}px`;
    });
    svg.addEventListener("pointerleave", () => {
      tip.hidden = true;
      dim(svg);
    });
  }
})();
