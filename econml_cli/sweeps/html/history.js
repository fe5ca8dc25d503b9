// The metric by trial number with the best so far; trials without a metric stand in rows of their own below.

const HISTORY = { height: 280, bare: 24, top: 12, bottom: 36, right: 14, row: 20 };

function history(container, sweep, on) {
  const valued = sweep.trials.filter((trial) => given(trial.value));
  const complete = valued.filter((trial) => trial.state === "complete");
  const rows = ["pruned", "failed"].filter((state) => sweep.trials.some((t) => t.state === state && !given(t.value)));
  let [picture, spots] = [null, new Map()];

  function draw() {
    const width = Math.max(280, container.clientWidth);
    const scale = scaleOf(valued.map((trial) => trial.value), 100);
    const base = valued.length > 0 ? HISTORY.height - HISTORY.bottom : HISTORY.bare + rows.length * HISTORY.row;
    const floor = base - rows.length * HISTORY.row;
    const left = Math.max(...scale.ticks.map((tick) => textWidth(tick.text)), ...rows.map(textWidth), 20) + 14;
    const last = Math.max(1, ...sweep.trials.map((trial) => trial.number));
    const x = (number) => left + 10 + (number / last) * (width - left - 10 - HISTORY.right);
    const y = (value) => floor - 8 - scale.at(value) * (floor - 8 - HISTORY.top);
    picture = drawing(width, base + HISTORY.bottom, `${sweep.metric} by trial`);
    for (const tick of spaced(scale.ticks, floor - 8 - HISTORY.top, 16)) {
      const at = floor - 8 - tick.at * (floor - 8 - HISTORY.top);
      picture.append(svg("line", { class: "grid", x1: left, x2: width - HISTORY.right, y1: at, y2: at }));
      picture.append(label({ x: left - 8, y: at + 4, "text-anchor": "end" }, tick.text));
    }
    picture.append(svg("line", { class: "axis", x1: left, x2: left, y1: HISTORY.top, y2: floor }));
    picture.append(svg("line", { class: "axis", x1: left, x2: width - HISTORY.right, y1: base, y2: base }));
    for (const number of steps(0, last).filter(Number.isInteger)) {
      picture.append(label({ x: x(number), y: base + 16, "text-anchor": "middle" }, format(number)));
    }
    picture.append(label({ class: "soft", x: width - HISTORY.right, y: base + 32, "text-anchor": "end" }, "trial"));
    for (const [i, state] of rows.entries()) {
      picture.append(label({ class: "soft", x: left - 8, y: floor + (i + 0.5) * HISTORY.row + 4, "text-anchor": "end" }, state));
    }
    picture.append(svg("path", { class: "step", d: stepOf(complete, sweep, x, y, width - HISTORY.right) }));
    spots = new Map();
    for (const trial of sweep.trials) {
      const row = rows.indexOf(trial.state);
      if (!given(trial.value) && row < 0) continue; // running or waiting: nothing to see yet
      const at = [x(trial.number), given(trial.value) ? y(trial.value) : floor + (row + 0.5) * HISTORY.row];
      const mark = markOf(trial, at, trial.number === sweep.best, sweep.trials.length > 300 ? 2.2 : 3.2);
      spots.set(trial, { at, mark });
      picture.append(mark);
    }
    picture.append(svg("circle", { class: "ring", r: 0 }));
    for (const kind of ["pointermove", "pointerdown"]) {
      picture.addEventListener(kind, (event) => on.point(nearest(event), event));
    }
    picture.addEventListener("pointerleave", () => on.point(null));
    container.replaceChildren(picture);
    filter();
  }

  function filter() {
    for (const [trial, { mark }] of spots) mark.classList.toggle("off", !sweep.kept(trial));
  }

  function point(trial) {
    const ring = picture.querySelector(".ring");
    const spot = spots.get(trial);
    ring.setAttribute("r", spot ? 6.5 : 0);
    if (spot) {
      ring.setAttribute("cx", spot.at[0]);
      ring.setAttribute("cy", spot.at[1]);
    }
  }

  function nearest(event) {
    const box = picture.getBoundingClientRect();
    let [best, distance] = [null, 16];
    for (const [trial, { at }] of spots) {
      const away = Math.hypot(at[0] - (event.clientX - box.left), at[1] - (event.clientY - box.top));
      if (away < distance) [best, distance] = [trial, away];
    }
    return best;
  }

  return { draw, filter, point };
}

function stepOf(complete, sweep, x, y, end) {
  let [path, best] = ["", null];
  for (const trial of complete) {
    if (best !== null && !sweep.better(trial.value, best)) continue;
    path += best === null ? `M${x(trial.number)},${y(trial.value)}` : `H${x(trial.number)}V${y(trial.value)}`;
    best = trial.value;
  }
  return path && `${path}H${end}`;
}

function markOf(trial, [x, y], best, r) {
  if (trial.state === "failed") return svg("path", { class: "cross", d: `M${x - r},${y - r}l${2 * r},${2 * r}m0,${-2 * r}l${-2 * r},${2 * r}` });
  if (trial.state !== "complete") return svg("circle", { class: "open", cx: x, cy: y, r });
  return svg("circle", { class: best ? "point best" : "point", cx: x, cy: y, r: best ? r + 1.5 : r });
}
