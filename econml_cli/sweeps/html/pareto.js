// Of several metrics: the first across, the second upwards, the Pareto front as steps.

const PARETO = { height: 320, top: 12, bottom: 44, right: 16 };

function pareto(figure, sweep) {
  figure.hidden = sweep.objectives.length < 2;
  if (figure.hidden) return;
  const [across, up] = sweep.objectives;
  const of = (trial, { name }) => (name === sweep.metric ? trial.value : trial.metrics[name]);
  const shown = sweep.trials.filter((t) => t.state === "complete" && given(of(t, across)) && given(of(t, up)));
  const front = sweep.front.map((number) => shown.find((trial) => trial.number === number)).filter(Boolean);
  const more = sweep.objectives.length > 2 ? ` The front is of all ${sweep.objectives.length} metrics, two of which are drawn.` : "";
  figure.querySelector("p").textContent =
    `Bold: the trials of the front, ${front.length} of ${shown.length}; no other is as good in all metrics and better in one.${more}`;
  if (shown.length === 0) return;
  const container = figure.querySelector(".drawing");
  const width = Math.max(280, container.clientWidth);
  const [xs, ys] = [across, up].map((objective) => scaleOf(shown.map((trial) => of(trial, objective)), 30));
  const left = Math.max(...ys.ticks.map((tick) => textWidth(tick.text)), 20) + 14;
  const floor = PARETO.height - PARETO.bottom;
  const right = width - PARETO.right;
  const x = (trial) => left + 10 + xs.at(of(trial, across)) * (right - left - 16);
  const y = (trial) => floor - 8 - ys.at(of(trial, up)) * (floor - 16 - PARETO.top);
  const picture = drawing(width, PARETO.height, `${up.name} by ${across.name}`);
  for (const tick of spaced(ys.ticks, floor - 16 - PARETO.top, 16)) {
    const at = floor - 8 - tick.at * (floor - 16 - PARETO.top);
    picture.append(svg("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }));
    picture.append(label({ x: left - 8, y: at + 4, "text-anchor": "end" }, tick.text));
  }
  for (const tick of spaced(xs.ticks, right - left - 16, 56)) {
    const at = left + 10 + tick.at * (right - left - 16);
    picture.append(svg("line", { class: "grid", x1: at, x2: at, y1: PARETO.top, y2: floor }));
    picture.append(label({ x: at, y: floor + 16, "text-anchor": "middle" }, tick.text));
  }
  picture.append(svg("line", { class: "axis", x1: left, x2: left, y1: PARETO.top, y2: floor }));
  picture.append(svg("line", { class: "axis", x1: left, x2: right, y1: floor, y2: floor }));
  picture.append(label({ class: "soft", x: right, y: floor + 36, "text-anchor": "end" }, `${across.goal} ${across.name}`));
  picture.append(label({ class: "soft", x: left + 6, y: PARETO.top + 8 }, `${up.goal} ${up.name}`));
  if (sweep.objectives.length === 2) picture.append(svg("path", { class: "step", d: stairs(front.map((t) => [x(t), y(t)])) }));
  for (const trial of shown) {
    const best = front.includes(trial);
    const mark = svg("circle", { class: best ? "point best" : "point", cx: x(trial), cy: y(trial), r: best ? 4.7 : 3.2 });
    mark.append(svg("title", {}, `trial ${trial.number}: ${across.name} ${format(of(trial, across))}, ${up.name} ${format(of(trial, up))}`));
    picture.append(mark);
  }
  container.replaceChildren(picture);
}

// from point to point, first across and then upwards or down
function stairs(points) {
  return points.map(([x, y], i) => (i === 0 ? `M${x},${y}` : `H${x}V${y}`)).join("");
}
