// The tabs, the theme, and what a notebook around the page is told.
let mode = "";
const MODES = { step: { title: "step through" } };
if (G.runs && LEAVES.length) MODES.move = Object.assign(sliders, { title: "move numbers" });
if (T) MODES.train = training;
if (G.exercise) MODES.exercise = exercises;
if (G.only) for (const key in MODES) if (key !== G.only) delete MODES[key];

function choose(next) {
  MODES[mode]?.hide?.();
  mode = next;
  play(false);
  view.step = mode === "step" ? view.step : STEPS.length - 1;
  view.chosen = new Set();
  view.hidden = new Set();
  get("above").textContent = get("below").textContent = "";
  get("dock").hidden = mode !== "step";
  for (const button of get("tabs").children) button.setAttribute("aria-pressed", button.dataset.mode === mode);
  MODES[mode].show?.();
  update();
}

for (const key in MODES) {
  const button = document.createElement("button");
  button.dataset.mode = key;
  button.textContent = MODES[key].title;
  button.onclick = () => choose(key);
  get("tabs").append(button);
}
get("tabs").hidden = Object.keys(MODES).length < 2;

function fromLink() {
  const step = /step=(\d+)/.exec(location.hash);
  if (!step) return;
  if (!MODES.step) return;
  if (mode !== "step") choose("step");
  go(+step[1]);
}
addEventListener("hashchange", fromLink);
let band = "";
addEventListener("resize", () => {
  const now = innerWidth < 640 ? "narrow" : innerWidth < 850 ? "middle" : "wide";
  if (now !== band) {
    onScreen = null;
    update();
  }
  band = now;
});

choose(Object.hasOwn(MODES, G.mode) ? G.mode : Object.keys(MODES)[0]);
if (document.querySelector("#graph > .tiles")) show(ROOT);
fromLink();

// In a notebook's frame: its height is told, and the notebook's theme is taken.
if (parent !== window) {
  const tell = () => parent.postMessage({ microgrid: "height", height: document.documentElement.scrollHeight }, "*");
  new ResizeObserver(tell).observe(document.body);
  addEventListener("message", (event) => {
    if (event.source === parent && /^(dark|light)$/.test(event.data?.theme)) document.documentElement.dataset.theme = event.data.theme;
  });
}
