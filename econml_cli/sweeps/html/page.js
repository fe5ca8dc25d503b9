// Puts the page together: what is filtered and pointed at in one view is so in the others.

const sweep = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const ranges = new Map(); // axis -> [low, high], positions on it
const metricScale = scaleOf(sweep.trials.map((trial) => trial.value), 100);
const shadeAt = (position) => (sweep.goal === "minimize" ? 1 - position : position);

sweep.shade = (trial) => (metricScale.categorical ? 1 : shadeAt(metricScale.at(trial.value) ?? 0)).toFixed(3);
sweep.better = (a, b) => (sweep.goal === "minimize" ? a < b : a > b);
sweep.kept = (trial) => lines.inside(trial);

const on = { range: setRange, point: pointAt };
const lines = parallel(find("parallel").querySelector(".drawing"), sweep, ranges, on, shadeAt);
const past = history(find("history").querySelector(".drawing"), sweep, on);
const table = trialTable(find("trials").querySelector("table"), sweep, on);

function drawAll() {
  lines.draw();
  past.draw();
  replicates(find("replicates"), sweep);
  pareto(find("pareto"), sweep);
  for (const kind of ["importance", "correlation"]) {
    bars(find(kind).querySelector(".drawing"), sweep.influences, kind);
  }
}

let waiting = false;

function setRange(axis, range) {
  if (range) ranges.set(axis, range);
  else ranges.delete(axis);
  if (waiting) return;
  waiting = true; // a drag makes more events than frames
  requestAnimationFrame(() => {
    waiting = false;
    filterAll();
  });
}

function filterAll() {
  for (const view of [lines, past, table]) view.filter();
  const kept = sweep.trials.filter(sweep.kept).length;
  find("selected").textContent = ranges.size ? `${kept} of ${sweep.trials.length} trials` : "";
  find("clear").hidden = ranges.size === 0;
}

find("clear").addEventListener("click", () => {
  ranges.clear();
  filterAll();
});

function pointAt(trial, event, tip = true) {
  for (const view of [lines, past, table]) view.point(trial);
  const box = find("tip");
  box.hidden = !trial || !tip;
  if (box.hidden) return;
  box.replaceChildren(html("b", {}, `Trial ${trial.number}, ${trial.state}`), ...details(trial));
  const { offsetWidth: width, offsetHeight: height } = box;
  const right = event.clientX + 16 + width > innerWidth;
  const left = right ? Math.max(4, event.clientX - 16 - width) : event.clientX + 16;
  const top = Math.max(4, Math.min(event.clientY + 12, innerHeight - height - 4));
  box.style.transform = `translate(${left}px, ${top}px)`;
}

function details(trial) {
  const seconds = given(trial.seconds) ? `${format(trial.seconds, 3)} s` : null;
  const pairs = [
    ...sweep.parameters.map((name, i) => [name, trial.params[i]]),
    [sweep.metric, trial.value],
    ...Object.entries(trial.metrics).filter(([name]) => name !== sweep.metric),
    ["epochs", trial.epochs],
    ["trained", seconds],
    ["run", trial.run],
  ];
  const rows = pairs.filter(([, value]) => given(value)).map(([name, value]) => [`${name} `, format(value)]);
  if (trial.reason) rows.push(["", trial.reason]);
  return rows.map(([name, value]) => html("span", {}, html("i", {}, name), value));
}

function head() {
  find("name").textContent = sweep.name;
  find("progress").textContent = `${sweep.method} search, ${sweep.aims}. ${sweep.progress}.`;
  const best = sweep.trials.find((trial) => trial.number === sweep.best);
  if (best) {
    const pairs = [["best trial", best.number], [sweep.metric, best.value]];
    pairs.push(...sweep.parameters.map((name, i) => [name, best.params[i]]));
    pairs.push(...Object.entries(best.metrics).filter(([name]) => name !== sweep.metric));
    find("best").append(...pairs.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", {}, format(value)))));
  }
  find("commands").textContent = Object.values(sweep.commands).join("\n");
  const fixed = Object.entries(sweep.fixed).map(([name, value]) => `${name} ${format(value)}`);
  find("fixed").textContent = fixed.length ? `The same in all trials: ${fixed.join(", ")}.` : "";
  find("legend").textContent =
    `One line a trial, coloured by ${sweep.metric} as its axis is; the best is bold, those without a value are dotted. ` +
    "Around values that many share, lines are spread a little. " +
    "Drag along an axis to keep the trials in that range, here and below; click the axis to let go.";
  find("past").textContent =
    `${sweep.metric} by trial, in the order in which they were made; the line is the best so far.` +
    (metricScale.log ? " Logarithmic scale." : "");
  find("method").textContent = sweep.explanation;
  find("made").textContent = `Made by econml ${sweep.econml}.`;
}

find("parallel").hidden = sweep.parameters.length === 0 || sweep.trials.length === 0;
find("history").hidden = sweep.trials.length === 0;
find("importance").parentElement.hidden = sweep.parameters.length === 0;
head();
drawAll();
let drawn = document.body.clientWidth;
new ResizeObserver(() => {
  if (document.body.clientWidth === drawn) return;
  drawn = document.body.clientWidth;
  drawAll();
}).observe(document.body);
