// One axis a varied parameter and the metric as the last; one line a trial; ranges dragged along the axes filter.

const PARALLEL = { height: 404, top: 46, bottom: 30, slot: 34, gap: 96, label: 190 };

function parallel(container, sweep, ranges, on, shadeAt) {
  const axes = sweep.parameters.map((name, i) => ({ name, of: (trial) => trial.params[i], logFrom: 10 }));
  axes.push({ name: sweep.metric, of: (trial) => trial.value, logFrom: 100, metric: true });
  const shown = sweep.trials.filter((trial) => trial.params.some(given));
  for (const axis of axes) {
    axis.scale = scaleOf(shown.map(axis.of), axis.logFrom);
    axis.gaps = shown.some((trial) => !given(axis.of(trial)));
  }
  axes.at(-1).shade = shadeAt;
  const foot = PARALLEL.height - PARALLEL.bottom;
  for (const axis of axes) {
    const end = foot - (axes.some((other) => other.gaps) ? PARALLEL.slot : 0); // below it is the place for "none"
    axis.y = (position) => end - position * (end - PARALLEL.top);
    axis.spread = spreadOf(axis, shown, end - PARALLEL.top);
  }
  const place = (axis, trial) => {
    const position = axis.scale.at(axis.of(trial));
    return position === null ? foot - 4 : axis.y(position) + axis.spread * scatter(trial.number);
  };
  let picture = null;
  let lines = new Map();

  function draw() {
    const width = layout(axes, container.clientWidth);
    picture = drawing(width, PARALLEL.height, `Parallel coordinates of ${shown.length} trials`);
    picture.classList.toggle("many", shown.length > 150);
    lines = new Map();
    const behind = [...shown].sort((a, b) => rank(a) - rank(b)); // the best is drawn last, so on top
    for (const trial of behind) {
      const points = axes.map((axis) => `${axis.x},${place(axis, trial).toFixed(1)}`).join("L");
      const line = svg("path", { d: `M${points}`, class: lineClass(sweep, trial), style: `--t:${sweep.shade(trial)}` });
      lines.set(trial, line);
      picture.append(line);
    }
    picture.append(svg("path", { class: "pointed", d: "" }));
    for (const axis of axes) picture.append(axisOf(axis, axes, foot, on));
    for (const kind of ["pointermove", "pointerdown"]) {
      picture.addEventListener(kind, (event) => on.point(nearest(event), event));
    }
    picture.addEventListener("pointerleave", () => on.point(null));
    container.replaceChildren(picture);
    filter();
  }

  const rank = (trial) => (given(trial.value) ? sweep.shade(trial) : -1);

  function filter() {
    for (const [trial, line] of lines) line.classList.toggle("off", !sweep.kept(trial));
    for (const [i, axis] of axes.entries()) markRange(picture, i, axis, ranges.get(i));
  }

  function point(trial) {
    const line = picture.querySelector(".pointed, .line.pointed");
    line.setAttribute("class", trial && lines.has(trial) ? "line pointed" : "pointed");
    line.setAttribute("d", trial && lines.has(trial) ? lines.get(trial).getAttribute("d") : "");
  }

  function nearest(event) {
    const box = picture.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const i = axes.findIndex((axis, k) => k > 0 && x <= axis.x);
    if (i < 1 || x < axes[0].x) return null;
    const [a, b] = [axes[i - 1], axes[i]];
    const share = (x - a.x) / (b.x - a.x);
    let [best, distance] = [null, 14];
    for (const trial of shown) {
      if (!sweep.kept(trial)) continue;
      const away = Math.abs(place(a, trial) * (1 - share) + place(b, trial) * share - y);
      if (away < distance) [best, distance] = [trial, away];
    }
    return best;
  }

  const inside = (trial) =>
    [...ranges].every(([i, [low, high]]) => {
      const position = axes[i].scale.at(axes[i].of(trial));
      return position !== null && position >= low && position <= high;
    });
  return { draw, filter, point, inside };
}

// By how many pixels lines are spread around a value that many of them share: else all of them are drawn as one.
function spreadOf(axis, trials, length) {
  const places = [...new Set(trials.map(axis.of).filter(given).map(axis.scale.at))].sort((a, b) => a - b);
  if (axis.metric || trials.length < 2 * places.length) return 0;
  const gaps = places.slice(1).map((place, i) => (place - places[i]) * length);
  return Math.min(9, 0.25 * Math.min(...gaps, length));
}

// -1 to 1, evenly filled by successive numbers (multiples of the golden ratio)
const scatter = (number) => 2 * ((number * 0.6180339887498949) % 1) - 1;

function lineClass(sweep, trial) {
  const kind = given(trial.value) ? "" : trial.state === "failed" ? " none failed" : " none";
  return `line${kind}${trial.number === sweep.best ? " best" : ""}`;
}

// the axes' places, with room for their labels at their left; the width of the whole
function layout(axes, available) {
  const rooms = axes.map((axis) => {
    const widest = Math.max(...axis.scale.ticks.map((tick) => textWidth(tick.text)), 0);
    return Math.min(widest + 18, PARALLEL.label);
  });
  const gaps = rooms.map((room, i) => (i === 0 ? Math.max(room, textWidth(axes[0].name) / 2 + 2, 24) : Math.max(PARALLEL.gap, room + 26)));
  const right = Math.max(44, Math.min(textWidth(axes.at(-1).name) / 2 + 4, 90));
  const least = gaps.reduce((sum, gap) => sum + gap, right);
  const spare = Math.max(0, Math.floor(available - 1 - least)) / Math.max(1, axes.length - 1);
  let x = 0;
  for (const [i, axis] of axes.entries()) {
    x += gaps[i] + (i === 0 ? 0 : spare);
    axis.x = Math.round(x);
    axis.room = i === 0 ? gaps[0] - 10 : Math.min(gaps[i] + spare - 30, Math.max(PARALLEL.label, rooms[i]));
  }
  return Math.max(axes.at(-1).x + right, 60);
}

function axisOf(axis, axes, foot, on) {
  const i = axes.indexOf(axis);
  const group = svg("g", { transform: `translate(${axis.x} 0)` });
  const [top, end] = [axis.y(1), axis.y(0)];
  group.append(svg("line", { class: "axis", y1: top, y2: end }));
  if (axis.metric && axis.scale.ticks.length > 0) group.append(...legend(axis, top, end));
  for (const tick of spaced(axis.scale.ticks, end - top, 14)) {
    const y = axis.y(tick.at);
    group.append(svg("line", { class: "axis", x1: -4, x2: 0, y1: y, y2: y }));
    group.append(label({ class: "halo", x: -7, y: y + 4, "text-anchor": "end" }, tick.text, axis.room));
  }
  if (axis.gaps) {
    group.append(label({ class: "soft halo", x: 6, y: foot }, "none"));
  }
  const beside = Math.min(...axes.map((other) => (other === axis ? Infinity : Math.abs(other.x - axis.x))));
  group.append(label({ class: "name", y: 14, "text-anchor": "middle" }, axis.name, beside === Infinity ? 300 : beside - 10));
  if (axis.scale.log) group.append(label({ class: "soft", y: 28, "text-anchor": "middle" }, "log"));
  group.append(svg("g", { class: "ranges" }));
  const grip = svg("rect", { class: "grip", x: -16, y: top - 8, width: 32, height: end - top + 16 });
  brush(grip, axis, (range) => on.range(i, range));
  group.append(grip);
  group.dataset.axis = i;
  return group;
}

// the colours of the lines, along the axis of the metric
function legend(axis, top, end) {
  const count = 32;
  const height = (end - top) / count;
  return Array.from({ length: count }, (_, k) => {
    const position = (k + 0.5) / count;
    const t = axis.scale.categorical ? 1 : axis.shade(position);
    const y = axis.y((k + 1) / count);
    return svg("rect", { class: "swatch", x: 3, y, width: 9, height: height + 0.5, style: `--t:${t.toFixed(3)}` });
  });
}

function markRange(picture, i, axis, range) {
  const holder = picture.querySelector(`[data-axis="${i}"] .ranges`);
  if (!range) return holder.replaceChildren();
  const [y1, y2] = [axis.y(range[1]), axis.y(range[0])];
  return holder.replaceChildren(svg("rect", { class: "range", x: -8, y: y1, width: 16, height: Math.max(1, y2 - y1) }));
}

function brush(grip, axis, changed) {
  let start = null;
  const position = (event) => {
    const box = grip.getBoundingClientRect();
    const y = axis.y(1) - 8 + ((event.clientY - box.top) / box.height) * (axis.y(0) - axis.y(1) + 16);
    return Math.min(1, Math.max(0, (axis.y(0) - y) / (axis.y(0) - axis.y(1))));
  };
  grip.addEventListener("pointerdown", (event) => {
    start = { at: position(event), y: event.clientY };
    grip.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  grip.addEventListener("pointermove", (event) => {
    if (start === null || Math.abs(event.clientY - start.y) < 3) return;
    const now = position(event);
    changed([Math.min(start.at, now), Math.max(start.at, now)]);
  });
  const stop = (event) => {
    if (start !== null && Math.abs(event.clientY - start.y) < 3) changed(null);
    start = null;
  };
  grip.addEventListener("pointerup", stop);
  grip.addEventListener("pointercancel", () => { start = null; });
}
