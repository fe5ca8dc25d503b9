// Points of several fits: of each a histogram over seeds or folds on one scale, its quantiles and the share that passed.

const FITS = { row: 34, top: 8, bottom: 30, bins: 40, most: 30 };

function replicates(figure, sweep) {
  const about = sweep.replicates;
  figure.hidden = !about;
  if (!about) return;
  figure.querySelector("h2").textContent = about.title;
  figure.querySelector("p").textContent =
    `A row a point, the best above; bars count fits, the line is from the 5 % to the 95 % quantile, its mark the median. ${about.note}` +
    (about.points.length > FITS.most ? ` The best ${FITS.most} of ${about.points.length} points.` : "");
  const points = about.points.slice(0, FITS.most);
  const all = points.flatMap((point) => point.values.filter(given)).sort((a, b) => a - b);
  if (all.length === 0) return;
  const top = all[Math.ceil(0.99 * (all.length - 1))];
  const scale = scaleOf([all[0], ...all.filter((value) => value <= top)], 10);
  const place = (value) => (scale.categorical ? 0.5 : Math.min(1, Math.max(0, scale.at(value))));
  const container = figure.querySelector(".drawing");
  const width = Math.max(280, container.clientWidth);
  const height = FITS.top + points.length * FITS.row + FITS.bottom;
  const picture = drawing(width, height, about.title);
  const [left, right] = [70, width - 90];
  const x = (value) => left + place(value) * (right - left);
  const floor = height - FITS.bottom;
  for (const tick of spaced(scale.ticks, right - left, 50)) {
    const at = left + tick.at * (right - left);
    picture.append(svg("line", { class: "grid", x1: at, x2: at, y1: FITS.top, y2: floor }));
    picture.append(label({ class: "soft", x: at, y: floor + 16, "text-anchor": "middle" }, tick.text));
  }
  for (const [i, point] of points.entries()) {
    const base = FITS.top + (i + 1) * FITS.row - 6;
    picture.append(label({ x: 0, y: base }, `trial ${point.number}`));
    const passed = point.passed.filter(Boolean).length;
    picture.append(label({ x: width, y: base, "text-anchor": "end" }, `${passed}/${point.passed.length} passed`));
    picture.append(...histogramOf(point, place, left, right, base), ...rangeOf(point, x, base + 2));
  }
  container.replaceChildren(picture);
}

function histogramOf(point, place, left, right, base) {
  const counts = new Array(FITS.bins).fill(0);
  for (const value of point.values.filter(given)) counts[Math.min(FITS.bins - 1, Math.floor(place(value) * FITS.bins))] += 1;
  const [most, step] = [Math.max(1, ...counts), (right - left) / FITS.bins];
  return counts.flatMap((count, i) => {
    const tall = (count / most) * (FITS.row - 12);
    return count === 0 ? [] : [svg("rect", { class: "bar faint", x: left + i * step, y: base - tall, width: step, height: tall })];
  });
}

function rangeOf(point, x, y) {
  const [low, high] = [point.q05, point.q95].map((value) => (given(value) ? x(value) : null));
  const marks = [];
  if (low !== null && high !== null) marks.push(svg("path", { class: "whisker", d: `M${low},${y}H${high}` }));
  if (given(point.q50)) marks.push(svg("path", { class: "whisker", d: `M${x(point.q50)},${y - 4}V${y + 4}` }));
  return marks;
}
