// The pictures that Python wrote, one for each width: this puts numbers into them and marks what is looked at.
const pictures = [...document.querySelectorAll("svg.g")];
const byAttribute = (root, attribute) => {
  const found = new Map();
  for (const element of root.querySelectorAll(`[data-${attribute}]`))
    for (const key of element.dataset[attribute].split(" ")) found.set(key, [...(found.get(key) || []), element]);
  return found;
};
const partsOf = (svg) => ({
  svg,
  nodes: byAttribute(svg, "n"),
  values: byAttribute(svg, "v"),
  gradients: byAttribute(svg, "g"),
  partials: byAttribute(svg, "d"),
  edges: byAttribute(svg, "e"),
  near: svg.querySelector("[data-of]"),
  layers: [...svg.querySelectorAll("[data-m]")].map((box) => [box, new Set(box.dataset.m.split(" ").map(Number))]),
});
const known = new Map(); // a picture's parts are looked for when it is first in view
const parts = (svg) => known.get(svg) ?? (known.set(svg, partsOf(svg)), known.get(svg));

// Of a large graph in tiles only those in view are kept up to date.
const inView = new Set();
const watcher = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) inView[isIntersecting ? "add" : "delete"](target.firstElementChild);
  onScreen = null;
  paint();
}, { rootMargin: "300px" });
for (const tile of document.querySelectorAll(".tile")) watcher.observe(tile);
let onScreen = null; // asking the browser costs a layout
const isVisible = (svg) => (svg.parentElement.className === "tile" ? inView.has(svg) : svg.getClientRects().length);
const visible = () => (onScreen ??= pictures.filter(isVisible).map(parts));

function put(element, text) {
  const node = element.firstChild;
  if (!node) element.textContent = text;
  else if (node.data !== text) node.data = text;
}
function mark(element, name, on) { if (element.classList.contains(name) !== on) element.classList.toggle(name, on); }

// What is known of each number at a step; "" is not yet, "?" is hidden by an exercise.
const view = { step: STEPS.length - 1, chosen: new Set(), hidden: new Set() };
const whole_graph = () => view.step === STEPS.length - 1;

function valueText(i) {
  if (view.hidden.has(`v${i}`)) return "?";
  return !N[i].o || view.step >= forwardStep[i] ? shown(state.values[i]) : "";
}

function gradientText(i) {
  if (view.hidden.has(`g${i}`)) return "?";
  if (whole_graph() || (N[i].g !== undefined && children[i].some(([child]) => view.step >= backwardStep[child]))) return shown(state.gradients[i]);
  if (i === ROOT) return view.step >= SEED ? "1" : "";
  const arrived = children[i].filter(([child]) => view.step >= backwardStep[child]);
  if (!arrived.length) return "";
  const rest = arrived.length < children[i].length ? " + …" : "";
  const terms = arrived.filter(([child, edge]) => isThere(state, child, edge));
  if (!terms.length) return rest ? "0 + …" : "0";
  if (!rest) return shown(state.gradients[i]);
  return shown(terms.map(([child, edge]) => state.partials[child][edge] * state.gradients[child]).reduce((a, b) => a + b)) + rest;
}

function partialText(child, edge, arrow) {
  if (view.hidden.has(`d${child}.${edge}`)) return `${arrow}?`;
  return view.step >= backwardStep[child] ? arrow + shown(state.partials[child][edge], 3) : "";
}

function paint() {
  tellLater();
  const step = STEPS[view.step], current = whole_graph() ? -1 : step.i;
  for (const part of visible()) {
    const arrow = part.svg.classList.contains("down") ? "▴" : "◂";
    for (const [key, elements] of part.values) for (const element of elements) put(element, valueText(+key));
    for (const [key, elements] of part.gradients)
      for (const element of elements) {
        const text = gradientText(+key);
        put(element, text);
        mark(element, "on", text.endsWith("…")); // longer than its room: what it reaches is interrupted
      }
    for (const [key, elements] of part.partials) {
      const [child, edge] = key.split(".").map(Number);
      for (const element of elements) put(element, partialText(child, edge, arrow));
    }
    for (const [key, elements] of part.nodes)
      for (const element of elements) {
        mark(element, "current", +key === current);
        mark(element, "chosen", view.chosen.has(+key));
      }
    for (const [box, members] of part.layers) {
      mark(box, "current", members.has(current));
      mark(box, "chosen", [...view.chosen].some((i) => members.has(i)));
    }
    for (const [key, elements] of part.edges) {
      const on = +key.split(".")[0] === current;
      for (const element of elements) {
        mark(element, "forward", on && step.kind === "forward");
        mark(element, "backward", on && step.kind === "backward");
      }
    }
    if (part.near) light(part.near, current, step.kind);
  }
}

// In a tile all lines are one path: those of the current node are drawn once more.
function light(path, current, kind) {
  path.parentElement.querySelector(".lit")?.remove();
  if (current < 0) return;
  const keys = path.dataset.of.split(" "), lines = path.getAttribute("d").split("M");
  const found = keys.map((key, k) => (+key.split(".")[0] === current ? `M${lines[k + 1]}` : "")).join("");
  if (found) path.after(draw("path", { class: `lit ${kind}`, d: found }));
}

// What a screen reader is told of each node follows when the numbers have come to rest.
let resting = 0;
function tellLater() {
  clearTimeout(resting);
  resting = setTimeout(() => {
    for (const part of visible())
      for (const [key, elements] of part.nodes)
        for (const element of elements) {
          const numbers = N[+key].c ? "" : ` = ${valueText(+key) || "not yet"}, gradient ${gradientText(+key) || "not yet"}`;
          element.setAttribute("aria-label", nameOf(+key) + numbers);
        }
  }, 250);
}

// A table that Python wrote has the same numbers as text.
const table = document.getElementById("numbers");
const cells = table && { values: byAttribute(table, "v"), gradients: byAttribute(table, "g"), sums: byAttribute(table, "s") };
function paintTable() {
  if (!table || !table.closest("details").open) return;
  for (const [key, [cell]] of cells.values) put(cell, shown(state.values[+key]));
  for (const [key, [cell]] of cells.gradients) put(cell, view.hidden.has(`g${key}`) ? "?" : shown(state.gradients[+key]));
  for (const [key, [cell]] of cells.sums) put(cell, view.hidden.size ? "" : sumText(+key));
}
function sumText(i) {
  const terms = arrivals(i).filter(([child, edge]) => isThere(state, child, edge));
  const texts = terms.slice(0, 8).map(([child, edge]) => `${shown(state.gradients[child])} × ${shown(state.partials[child][edge])}`);
  return texts.join(" + ") + (terms.length > 8 ? ` + … (${terms.length} paths)` : "");
}
if (table) table.closest("details").addEventListener("toggle", paintTable);

// A layer opens below the graph, and closes.
function act(node) {
  if (node.dataset.n !== undefined) return onNode(+node.dataset.n);
  const inside = [...document.querySelectorAll("[data-inside]")].find((section) => section.dataset.inside === node.dataset.layer);
  inside.hidden = !inside.hidden;
  for (const box of document.querySelectorAll("[data-layer]"))
    if (box.dataset.layer === node.dataset.layer) box.setAttribute("aria-expanded", String(!inside.hidden));
  onScreen = null;
  update();
}

// Keyboard: one node is a tab stop, the arrow keys go on to the others.
for (const svg of pictures) {
  const nodes = svg.querySelectorAll(".n[role]");
  if (nodes.length) nodes[nodes.length - 1].tabIndex = 0;
}
get("graph").addEventListener("keydown", (event) => {
  const node = event.target.closest(".n");
  if (!node) return;
  if (event.key === "Enter" || event.key === " ") act(node);
  else {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!move) return;
    const nodes = [...node.closest("svg").querySelectorAll(".n[role]")];
    const to = nodes[(nodes.indexOf(node) + move + nodes.length) % nodes.length];
    node.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }
  event.preventDefault();
  event.stopPropagation();
});
get("graph").addEventListener("click", (event) => {
  const node = event.target.closest(".n");
  if (node) act(node);
});

// An edge that is looked at tells its contribution.
get("graph").addEventListener("pointerover", (event) => {
  const edge = event.target.closest("[data-d], [data-e]");
  if (!edge || view.hidden.size) return;
  const keys = (edge.dataset.d || edge.dataset.e).split(" ");
  const title = edge.querySelector("title") || edge.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "title"));
  title.textContent = keys.map((key) => {
    const [child, k] = key.split(".").map(Number), parent = N[child].p[k];
    const product = isThere(state, child, k) ? shown(state.partials[child][k] * state.gradients[child]) : "0, not chosen";
    return `${nameOf(parent)} → ${nameOf(child)}: incoming ${shown(state.gradients[child])} × local ${shown(state.partials[child][k])} = ${product}`;
  }).join("\n");
});
