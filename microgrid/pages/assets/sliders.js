// Move numbers: a slider for each leaf, the output along the chosen leaf with its tangent, and a check by differences.
const SVG = "http://www.w3.org/2000/svg";
function draw(tag, attributes, parent) {
  const element = document.createElementNS(SVG, tag);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  parent?.append(element);
  return element;
}

// A curve through points as a path, broken where a number is not finite, in a frame of these sizes. The halves of numbers
// are subtracted: their difference is finite too.
function frameOf(xs, ys, width, height, low = Infinity, high = -Infinity) {
  const finite = ys.filter(Number.isFinite), hasRange = finite.length > 0 || low <= high;
  const bottom = hasRange ? Math.min(low, ...finite) : 0, top = hasRange ? Math.max(high, ...finite) : 0;
  const isFlat = !(top / 2 - bottom / 2 > 1e-12 * Math.max(1, Math.abs(top))), from = xs[0], to = xs[xs.length - 1];
  const X = (x) => ((x / 2 - from / 2) / (to / 2 - from / 2 || 1)) * width;
  const Y = (y) => height - ((y / 2 - bottom / 2) / (isFlat ? 0.5 : top / 2 - bottom / 2)) * height;
  let path = "", pen = "M";
  xs.forEach((x, k) => {
    if (!Number.isFinite(ys[k])) return (pen = "M");
    path += `${pen}${X(x).toFixed(1)},${Y(ys[k]).toFixed(1)}`;
    pen = "L";
  });
  return { X, Y, path, bottom, top, hasRange };
}

const sliders = {
  chosen: LEAVES.find((i) => N[i].k === "parameter") ?? LEAVES[0],
  show() {
    const rows = LEAVES.map((i) => {
      const binary = N[i].k === "data" && (recordedLeaves[i] === 0 || recordedLeaves[i] === 1);
      const at = Number.isFinite(recordedLeaves[i]) ? recordedLeaves[i] : 0, reach = Math.max(3, Math.abs(at));
      const [low, high] = binary ? [0, 1] : [Math.max(at - reach, -Number.MAX_VALUE), Math.min(at + reach, Number.MAX_VALUE)];
      return `<div class="leaf" data-leaf="${i}"><b title="${escaped(nameOf(i))}">${escaped(nameOf(i))}</b>` +
        `<input type="range" min="${low}" max="${high}" step="any" aria-label="${escaped(nameOf(i))}">` +
        `<input type="number" step="any" aria-label="${escaped(nameOf(i))}, typed">` +
        `<span class="B" title="gradient"></span></div>`;
    });
    get("below").innerHTML = `<div class="two"><div><div class="leaves">${rows.join("")}</div><div class="bar">` +
      `<button id="check">check with finite differences</button><button id="reset">reset</button></div>` +
      `<p id="checked" role="status"></p></div><div class="card"><b id="plotted"></b>` +
      `<svg class="plot" viewBox="-6 -6 412 202" role="img" aria-labelledby="plotted"><path class="axis" d="M0,190H400"/>` +
      `<path class="curve"/><path class="tangent"/><circle class="here" r="5"/></svg><p class="quiet" id="range"></p></div></div>`;
    this.rows = new Map();
    this.watcher?.disconnect();
    this.watcher = new IntersectionObserver((changes) => {
      for (const { target, isIntersecting } of changes) {
        const row = this.rows.get(+target.dataset.leaf);
        row.inView = isIntersecting;
        if (isIntersecting) this.updateRow(+target.dataset.leaf, row);
      }
    }, { rootMargin: "300px" });
    for (const row of get("below").querySelectorAll("[data-leaf]")) {
      const i = +row.dataset.leaf, [range, typed] = row.querySelectorAll("input");
      this.rows.set(i, { range, typed, slope: row.lastElementChild, inView: true });
      this.watcher.observe(row);
      const set = (x) => { if (x !== "" && Number.isFinite(+x)) { this.chosen = i; setLeaf(i, +x); } };
      range.oninput = () => set(range.value);
      typed.onchange = () => set(typed.value);
      range.onfocus = typed.onfocus = () => { this.chosen = i; update(); };
    }
    get("reset").onclick = () => { state = stateOf(recordedLeaves); get("checked").textContent = ""; update(); };
    get("check").onclick = check;
  },
  onNode(i) {
    if (N[i].o || N[i].c) return;
    this.chosen = i;
    get("below").querySelector(`[data-leaf="${i}"] input`)?.focus();
    update();
  },
  before() { view.chosen = new Set([this.chosen]); },
  update() {
    for (const [i, row] of this.rows) if (row.inView || i === this.chosen) this.updateRow(i, row);
    this.plot();
  },
  updateRow(i, { range, typed, slope }) {
    const x = state.values[i];
    if (Number.isFinite(x)) {
      if (+range.min > x) range.min = x;
      if (+range.max < x) range.max = x;
      if (+range.value !== x) range.value = x;
      if (document.activeElement !== typed) typed.value = +x.toPrecision(8);
    }
    put(slope, shown(state.gradients[i]));
  },
  // The output along a leaf, which changes when another one moves, or when its range grows.
  curve: { leaf: -1 },
  along(i, low, high) {
    const others = LEAVES.map((j) => (j === i ? 0 : state.values[j])), last = this.curve;
    if (last.leaf === i && last.low === low && last.high === high && others.every((x, k) => Object.is(x, last.others[k]))) return last;
    const values = state.values.slice(), xs = [], ys = [], below = madeOf(i);
    for (let k = 0; k <= 80; k++) {
      values[i] = low * (1 - k / 80) + high * (k / 80);
      xs.push(values[i]);
      ys.push(forward(values, ROOT, below));
    }
    return (this.curve = { leaf: i, low, high, others, xs, ys });
  },
  plot() {
    const i = this.chosen, x = state.values[i], out = state.values[ROOT], tilt = state.gradients[i];
    const svg = get("below").querySelector(".plot"), [, curve, tangent] = svg.querySelectorAll("path");
    const slider = this.rows.get(i).range;
    const low = Math.min(+slider.min, Number.isFinite(x) ? x - 0.5 : 0), high = Math.max(+slider.max, Number.isFinite(x) ? x + 0.5 : 0);
    const { xs, ys } = this.along(i, low, high);
    const frame = frameOf(xs, ys, 400, 190, Number.isFinite(out) ? out : undefined, Number.isFinite(out) ? out : undefined), wing = high / 6 - low / 6;
    curve.setAttribute("d", frame.path);
    const fits = [x, out].every(Number.isFinite), ends = [frame.X(x - wing), frame.Y(out - wing * tilt), frame.X(x + wing), frame.Y(out + wing * tilt)];
    tangent.setAttribute("d", ends.every(Number.isFinite) ? `M${ends[0]},${ends[1]}L${ends[2]},${ends[3]}` : "");
    const here = svg.querySelector(".here");
    here.setAttribute("cx", fits ? frame.X(x) : -99);
    here.setAttribute("cy", fits ? frame.Y(out) : -99);
    put(get("plotted"), `${nameOf(ROOT)} along ${nameOf(i)}: ${shown(out)} at ${shown(x)}, slope ${shown(tilt)}`);
    put(get("range"), `${nameOf(i)} from ${shown(low)} to ${shown(high)}; ` +
      (frame.hasRange ? `${nameOf(ROOT)} from ${shown(frame.bottom)} to ${shown(frame.top)}; dashed: the tangent` : `${nameOf(ROOT)} is finite nowhere there`));
  },
};

// The derivative by differences of several widths, each improved once (Richardson): a width at which it is settled and
// agrees with the gradient tells that this is right; else the one of the least error is told, and wrong is what is off by more.
function byDifferences(i, gradient) {
  const values = state.values.slice(), x = values[i], scale = Math.max(1, Math.abs(x)), fine = Math.min(1, Math.abs(x) || 1);
  const below = madeOf(i), at = (shift) => { values[i] = x + shift; return forward(values, ROOT, below); };
  const central = (h) => (at(h) - at(-h)) / (2 * h);
  let found = NaN, least = Infinity;
  for (let h = 0.02 * scale; h > 1e-7 * fine && x + h / 2 !== x; h /= 4) {
    const wide = central(h), narrow = central(h / 2), improved = narrow + (narrow - wide) / 3, size = Math.max(Math.abs(improved), Math.abs(gradient));
    const off = Math.abs(improved - gradient), isSettled = Math.abs(improved - narrow) <= 1e-3 * size;
    if (off <= 1e-6 * size && isSettled) return { found: improved, off: size && off / size };
    const error = Math.abs(improved - narrow) + (Math.abs(values[ROOT]) + Math.abs(state.values[ROOT])) * 2 ** -50 / h;
    if (error < least) [found, least] = [improved, error];
  }
  if (Math.abs(found - gradient) <= 4 * least) return { found, off: 0 };
  return { found, off: Infinity };
}

function check() {
  const rows = LEAVES.map((i) => ({ i, ...byDifferences(i, state.gradients[i]) }));
  const isUnclear = ({ i, found }) => !Number.isFinite(found) || !Number.isFinite(state.gradients[i]);
  const unclear = rows.filter(isUnclear), others = rows.filter((row) => !isUnclear(row)), wrong = others.filter((row) => row.off === Infinity);
  const worst = others.reduce((a, row) => Math.max(a, row.off), 0);
  const told = [];
  if (wrong.length) told.push(`✗ ${listed(wrong.map((row) => `${nameOf(row.i)}: ${shown(row.found)} by differences, ${shown(state.gradients[row.i])} by backpropagation`), 4)} (at a kink or a pole the two may differ)`);
  else if (others.length) told.push(`✓ ${others.length} of ${rows.length} agree (largest difference ${worst.toExponential(1)})`);
  if (unclear.length) told.push(`differences tell nothing of ${listed(unclear.map((row) => nameOf(row.i)), 4)}: a number is not finite`);
  get("checked").className = wrong.length ? "bad" : unclear.length ? "quiet" : "good";
  get("checked").textContent = told.join("; ");
}
