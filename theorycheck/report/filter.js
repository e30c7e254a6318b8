"use strict";
// The page is whole without this: it lets the reader narrow the table of claims, and prints no closed details.
const form = document.getElementById("filter");
const table = document.getElementById("table");
const count = document.getElementById("filter-count");
const rows = [...table.querySelectorAll("tr[data-status]")];
const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase().replace(/\s+/g, " ")]));
const chosen = (name) => document.getElementById("filter-" + name)?.value ?? "";

function narrow() {
  const text = chosen("text").toLowerCase().trim().split(/\s+/);
  const status = chosen("status");
  let shown = 0;
  for (const row of rows) {
    const body = row.closest("tbody");
    const matches =
      text.every((word) => words.get(row).includes(word)) &&
      (!status || (status === "fails" ? "fails" in row.dataset : row.dataset.status === status)) &&
      (!chosen("method") || row.dataset.method === chosen("method")) &&
      (!chosen("theorem") || body.dataset.theorem === chosen("theorem"));
    row.hidden = !matches;
    shown += matches;
  }
  for (const body of table.tBodies) {
    body.hidden = !body.querySelector("tr[data-status]:not([hidden])");
  }
  count.textContent = shown === rows.length ? "" : shown + " of " + rows.length + " claims";
}

form.hidden = false;
form.addEventListener("input", narrow);
form.addEventListener("reset", () => setTimeout(narrow));
form.addEventListener("submit", (event) => event.preventDefault());
narrow();
