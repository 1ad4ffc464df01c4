// Training: gradient descent on the mean loss over samples, and the picture of it; or the steps of a recorded run.
const T = G.training;
const PARAMETERS = LEAVES.filter((i) => N[i].k === "parameter");

// The mean loss and the mean gradient over the samples, at these parameters; and the loss of each sample.
function overSamples(parameters) {
  const leaves = state.values.slice(), sums = PARAMETERS.map(() => 0), losses = [];
  PARAMETERS.forEach((i, k) => (leaves[i] = parameters[k]));
  for (const sample of T.samples) {
    T.data.forEach((i, k) => (leaves[i] = sample[k]));
    const one = stateOf(leaves);
    losses.push(one.values[ROOT]);
    PARAMETERS.forEach((i, k) => (sums[k] += one.gradients[i]));
  }
  const count = T.samples.length;
  return { parameters, losses, loss: losses.reduce((a, b) => a + b, 0) / count, gradient: sums.map((sum) => sum / count) };
}

// What the model says of a sample's features.
function predicted(sample, leaves) {
  T.data.forEach((i, k) => (leaves[i] = sample[k]));
  return forward(leaves, T.prediction);
}

const training = {
  title: T && T.run ? "the run" : "train",
  history: [],
  at: 0,
  sample: 0,
  timer: 0,
  rate: T ? T.rate : 1,
  now() { return this.history[this.at]; },
  begin() {
    this.history = T.run ? T.run.map((parameters) => ({ parameters })) : [overSamples(PARAMETERS.map((i) => recordedLeaves[i]))];
    if (T.run) this.history = this.history.map(({ parameters }) => overSamples(parameters));
    this.at = 0;
  },
  show() {
    if (!this.history.length) this.begin();
    get("above").innerHTML = `<div class="two"><div class="card"><b>${T.samples.length} samples: choose one to see its graph</b>` +
      `<svg id="samples" class="plot" viewBox="-8 -8 416 316" role="group" aria-label="samples" tabindex="0"></svg>` +
      `<p class="quiet" id="axes"></p></div><div class="card"><b id="lossnow"></b>` +
      `<svg id="losses" class="plot" viewBox="-6 -6 412 112" role="img" aria-labelledby="lossnow"><path class="axis" d="M0,100H400"/><path class="curve"/><circle class="here" r="4"/></svg>` +
      `<div id="parameters" class="numbers"></div><div class="bar">` +
      (T.run ? "" : `<button id="onestep">one step</button>`) + `<button id="run">play</button>` +
      `<button id="restart">${T.run ? "first" : "reset"}</button><button id="worst">largest loss</button>` +
      (T.run ? "" : `<label>rate <input id="rate" type="number" min="0" step="any" value="${this.rate}" size="5"></label>`) +
      `<input id="at" type="range" min="0" step="1" aria-label="training step"></div></div></div><p id="linked"></p>`;
    if (!T.run) {
      get("onestep").onclick = () => this.step();
      get("rate").onchange = ({ target }) => {
        if (Number.isFinite(+target.value) && +target.value > 0) this.rate = +target.value;
        target.value = this.rate;
      };
    }
    get("run").onclick = () => this.play(!this.timer);
    get("restart").onclick = () => { this.play(false); if (!T.run) this.begin(); this.goTo(0); };
    get("worst").onclick = () => this.choose(this.now().losses.reduce((best, loss, k, all) => (loss > all[best] ? k : best), 0));
    get("at").oninput = (event) => this.goTo(+event.target.value);
    this.drawSamples();
    this.goTo(this.at);
  },
  hide() { this.play(false); },
  // A step of gradient descent, from the point that is shown.
  step() {
    const { parameters, gradient } = this.now();
    this.history.length = this.at + 1;
    this.history.push(overSamples(parameters.map((x, k) => x - this.rate * gradient[k])));
    this.goTo(this.history.length - 1);
  },
  play(on) {
    clearTimeout(this.timer);
    this.timer = 0;
    const next = () => {
      if (T.run ? this.at === this.history.length - 1 : !Number.isFinite(this.now().loss)) return this.play(false);
      T.run ? this.goTo(this.at + 1) : this.step();
      this.timer = setTimeout(next, calm() ? 600 : 60);
    };
    if (on) {
      if (T.run && this.at === this.history.length - 1) this.goTo(0);
      this.timer = setTimeout(next, 0);
    }
    if (get("run")) get("run").textContent = on ? "pause" : "play";
  },
  goTo(at) {
    this.at = Math.max(0, Math.min(this.history.length - 1, at));
    this.takeSample();
    update();
  },
  choose(k) {
    this.sample = (k + T.samples.length) % T.samples.length;
    this.takeSample();
    update();
  },
  // The graph below is that of one sample, at the parameters of this step.
  takeSample() {
    const leaves = state.values.slice();
    PARAMETERS.forEach((i, k) => (leaves[i] = this.now().parameters[k]));
    T.data.forEach((i, k) => (leaves[i] = T.samples[this.sample][k]));
    state = stateOf(leaves);
  },
  drawSamples() {
    const svg = get("samples"), features = T.features;
    const column = (k) => T.samples.map((sample) => sample[k]);
    const span = (numbers) => {
      const low = Math.min(...numbers), high = Math.max(...numbers), margin = (high - low || 1) * 0.08;
      return [low - margin, high + margin];
    };
    const leaves = state.values.slice();
    this.x = features.length ? span(column(features[0])) : [0, 1];
    this.y = features.length === 2 ? span(column(features[1])) : T.label === null ? [0, 1] : span(column(T.label));
    if (features.length > 2 || !features.length) this.x = span(T.samples.map((sample) => predicted(sample, leaves)));
    this.X = (x) => ((x - this.x[0]) / (this.x[1] - this.x[0])) * 400;
    this.Y = (y) => 300 - ((y - this.y[0]) / (this.y[1] - this.y[0])) * 300;
    this.area = draw("path", { class: "side" }, svg);
    this.line = draw("path", { class: "curve" }, svg);
    this.points = T.samples.map((sample, k) => {
      const one = T.label !== null && T.binary && sample[T.label] > T.threshold;
      const point = draw("circle", { r: 4.5, class: one ? "one" : "zero" }, svg);
      const target = draw("circle", { r: 11, class: "target" }, svg);
      target.addEventListener("click", () => this.choose(k));
      return [point, target];
    });
    this.ring = draw("circle", { class: "ring", r: 9 }, svg);
    svg.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by) return;
      this.choose(this.sample + by);
      event.preventDefault();
    });
  },
  placeOf(sample, leaves) {
    const f = T.features;
    if (f.length === 2) return [sample[f[0]], sample[f[1]]];
    const label = T.label === null ? 0.5 : sample[T.label];
    return [f.length === 1 ? sample[f[0]] : predicted(sample, leaves), label];
  },
  paintSamples() {
    const leaves = state.values.slice(), names = T.features.map((k) => nameOf(T.data[k]));
    T.samples.forEach((sample, k) => {
      const [x, y] = this.placeOf(sample, leaves);
      for (const circle of this.points[k]) { circle.setAttribute("cx", this.X(x)); circle.setAttribute("cy", this.Y(y)); }
      if (k === this.sample) { this.ring.setAttribute("cx", this.X(x)); this.ring.setAttribute("cy", this.Y(y)); }
    });
    const label = T.label === null ? "" : nameOf(T.data[T.label]);
    if (T.features.length === 2) {
      this.area.setAttribute("d", this.side(leaves));
      put(get("axes"), `${names[0]} to the right, ${names[1]} upwards; shaded: ${nameOf(T.prediction)} > ${shown(T.threshold)}` +
        (T.binary ? `; hollow: ${label} = 1, filled: ${label} = 0` : ""));
    } else if (T.features.length === 1) {
      const xs = [], ys = [], sample = T.samples[this.sample].slice();
      for (let k = 0; k <= 100; k++) {
        sample[T.features[0]] = this.x[0] + ((this.x[1] - this.x[0]) * k) / 100;
        xs.push(sample[T.features[0]]);
        ys.push(predicted(sample, leaves));
      }
      this.line.setAttribute("d", xs.map((x, k) => (Number.isFinite(ys[k]) ? `${k && Number.isFinite(ys[k - 1]) ? "L" : "M"}${this.X(x).toFixed(1)},${Math.max(-999, Math.min(999, this.Y(ys[k]))).toFixed(1)}` : "")).join(""));
      put(get("axes"), `${names[0]} to the right, ${label} upwards; the line is ${nameOf(T.prediction)}`);
    } else put(get("axes"), `${nameOf(T.prediction)} to the right, ${label} upwards`);
  },
  // Where the prediction is above the threshold, in bands between rows; a band follows the crossings of both its rows.
  side(leaves) {
    const columns = 40, rows = 40, [wide, high] = [400 / columns, 300 / rows], sample = T.samples[this.sample].slice();
    const crossings = (r) => {
      const found = [];
      let before = NaN;
      sample[T.features[1]] = this.y[1] - (r / rows) * (this.y[1] - this.y[0]);
      for (let c = 0; c <= columns; c++) {
        sample[T.features[0]] = this.x[0] + (c / columns) * (this.x[1] - this.x[0]);
        const above = predicted(sample, leaves) - T.threshold;
        if (c ? above > 0 !== before > 0 : above > 0) found.push((Number.isFinite(before - above) ? c - 1 + before / (before - above) : c) * wide);
        before = above;
      }
      return found.length % 2 ? [...found, 400] : found;
    };
    let path = "", upper = crossings(0);
    for (let r = 0; r < rows; r++) {
      const lower = crossings(r + 1), pairs = lower.length === upper.length ? lower : upper;
      for (let k = 0; k < upper.length; k += 2)
        path += `M${upper[k].toFixed(1)},${(r * high).toFixed(1)}H${upper[k + 1].toFixed(1)}L${pairs[k + 1].toFixed(1)},${((r + 1) * high).toFixed(1)}H${pairs[k].toFixed(1)}z`;
      upper = lower;
    }
    return path;
  },
  before() { view.chosen = new Set(T.data); },
  update() {
    this.paintSamples();
    const { loss, gradient, parameters } = this.now(), losses = this.history.map((step) => step.loss);
    const frame = frameOf([0, Math.max(losses.length - 1, 20)], [0, Math.max(...losses.filter(Number.isFinite), 0)], 400, 100);
    const svg = get("losses");
    svg.querySelector(".curve").setAttribute("d", losses.map((y, k) => (Number.isFinite(y) ? `${k && Number.isFinite(losses[k - 1]) ? "L" : "M"}${frame.X(k).toFixed(1)},${frame.Y(y).toFixed(1)}` : "")).join(""));
    svg.querySelector(".here").setAttribute("cx", frame.X(this.at));
    svg.querySelector(".here").setAttribute("cy", Number.isFinite(loss) ? frame.Y(loss) : -99);
    put(get("lossnow"), `mean ${nameOf(ROOT)} after ${this.at} steps: ${shown(loss)}` +
      (!T.run && this.at && !(loss <= losses[this.at - 1]) ? "; it grew: try a smaller rate" : ""));
    const most = 8;
    get("parameters").innerHTML = PARAMETERS.slice(0, most).map((i, k) =>
      `${escaped(nameOf(i))} = <span class="F">${shown(parameters[k])}</span>, mean gradient ${slope(gradient[k])} (this sample ${slope(state.gradients[i])})`).join("<br>") +
      (PARAMETERS.length > most ? `<br>and ${PARAMETERS.length - most} more` : "") +
      (T.run ? "" : `<br><span class="quiet">each step: number ← number − rate × mean gradient</span>`);
    get("at").max = this.history.length - 1;
    get("at").value = this.at;
    const label = T.label === null ? "" : `, ${escaped(nameOf(T.data[T.label]))} = ${shown(T.samples[this.sample][T.label])}`;
    get("linked").innerHTML = `Below: the graph of the ringed point, sample ${this.sample + 1} of ${T.samples.length}${label}, ` +
      `${escaped(nameOf(T.prediction))} = ${value(T.prediction)}. Each training step averages this gradient over all ${T.samples.length}.`;
  },
};
