"use strict";
// The page is whole without this: it turns colors, sorts and filters the trades, and tells values under the pointer.
const find = (where, what) => [...where.querySelectorAll(what)];
const theme = document.getElementById("theme");
theme.hidden = false;
theme.onclick = () => {
  const root = document.documentElement;
  const asked = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.dataset.theme = asked === "dark" ? "light" : "dark";
};

// --- trades: sorted by a click on a head, filtered by words
const trips = document.getElementById("trips");
const rows = find(trips.tBodies[0], "tr");
const read = (row, place) => {
  const text = row.cells[place].textContent.replaceAll(",", "").replace(/ %$/, "");
  return text === "–" ? -Infinity : text !== "" && isFinite(text) ? Number(text) : text;
};
const sort = (head, place) => {
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  find(trips.tHead, "th").forEach((each) => each.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  const keys = new Map(rows.map((row) => [row, read(row, place)]));
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  rows.sort((a, b) => sign * order(keys.get(a), keys.get(b)));
  trips.tBodies[0].append(...rows);
};
find(trips.tHead, "th").forEach((head, place) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  button.onclick = () => sort(head, place);
});
const filter = document.getElementById("filter");
const shown = filter.closest("p").querySelector("output");
filter.closest("p").hidden = false;
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
filter.oninput = () => {
  const words = filter.value.toLowerCase().split(" ");
  for (const row of rows) row.hidden = !words.every((word) => texts.get(row).includes(word));
  shown.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
};

// --- values under the pointer
const tip = document.getElementById("tip");
const heads = (table) => find(table.tHead, "th").map((each) => each.textContent);
const fields = find(trips.tHead, "th").map((each) => each.dataset.field);
const cell = (row, field) => row.cells[fields.indexOf(field)].textContent;
const instant = (text) => Date.parse(text.replace(" ", "T") + "Z") / 1000;
const hair = (svg, x) => {
  const line = svg.querySelector(".hair") || svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
  line.setAttribute("class", "hair");
  line.setAttribute("d", x === null ? "" : `M${Math.round(x * 2000)} 0V1000`);
};
const tellDay = (table, count) => {
  const days = find(table.tBodies[0], "tr");
  const names = heads(table);
  return (x) => {
    const row = days[Math.min(Math.max(Math.ceil(x * count) - 1, 0), days.length - 1)];
    return names.map((name, place) => `${name} ${row.cells[place].textContent}`).join("\n");
  };
};
const tellTrade = (svg) => {
  const { product, start, end, low, high } = svg.dataset;
  const mine = rows.filter((row) => cell(row, "product") === product);
  const points = mine.flatMap((row) =>
    [["opened_at", "entry_price"], ["closed_at", "exit_price"]].map(([at, price]) => [
      (instant(cell(row, at)) - start) / (end - start),
      1 - (cell(row, price) - low) / (high - low),
      row,
    ]),
  );
  return (x, y, box) => {
    const far = ([a, b]) => Math.hypot((a - x) * box.width, (b - y) * box.height);
    const near = points.filter((each) => far(each) < 18).sort((a, b) => far(a) - far(b))[0];
    const at = new Date((Number(start) + x * (end - start)) * 1000).toISOString().slice(0, 16).replace("T", " ");
    const price = Number(low) + (1 - y) * (high - low);
    if (!near) return `${at}\npointer at ${price.toPrecision(6)}`;
    const told = (field) => cell(near[2], field);
    return (
      `${told("opened_at")} at ${told("entry_price")}\n${told("reason")}\n` +
      `${told("closed_at")} at ${told("exit_price")}: ${told("exit_reason")}\nnet ${told("net")}, R ${told("r_multiple")}`
    );
  };
};
for (const svg of find(document, "svg[role=img]")) {
  let tell = null;
  const frame = svg.closest(".picture");
  frame.onpointermove = (event) => {
    tell = tell || (svg.dataset.product ? tellTrade(svg) : tellDay(document.getElementById("days"), svg.dataset.days));
    const box = svg.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    tip.textContent = tell(x, y, box);
    tip.hidden = false;
    hair(svg, x);
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 6)}px`;
    tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 6)}px`;
  };
  frame.onpointerleave = () => {
    tip.hidden = true;
    hair(svg, null);
  };
}
