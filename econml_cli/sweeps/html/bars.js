// Importance and rank correlation as horizontal bars, the most important parameter first.

const BARS = { row: 26, top: 8, bottom: 28, thick: 11 };

function bars(container, influences, kind) {
  const measured = influences.filter((one) => given(one[kind]));
  if (measured.length === 0) {
    container.replaceChildren(html("p", { class: "note" }, "Four or more complete trials with different values are needed."));
    return;
  }
  const width = Math.max(240, container.clientWidth);
  const height = BARS.top + influences.length * BARS.row + BARS.bottom;
  const picture = drawing(width, height, `${kind} of ${influences.map((one) => one.name).join(", ")}`);
  const names = Math.min(Math.max(...influences.map((one) => textWidth(one.name))), width * 0.34) + 12;
  const texts = influences.map((one) => (kind === "importance" ? share(one) : rho(one, width > 360)));
  const numbers = Math.max(...texts.map(textWidth)) + 12;
  const plot = { left: names, right: width - numbers, low: kind === "importance" ? 0 : -1 };
  plot.x = (value) => plot.left + ((value - plot.low) / (1 - plot.low)) * (plot.right - plot.left);
  const floor = height - BARS.bottom;
  for (const mark of plot.low < 0 ? [-1, 0, 1] : [0, 0.5, 1]) {
    const x = Math.round(plot.x(mark));
    picture.append(svg("line", { class: mark === 0 ? "axis" : "grid", x1: x, x2: x, y1: BARS.top, y2: floor }));
    picture.append(label({ class: "soft", x, y: floor + 16, "text-anchor": "middle" }, format(mark)));
  }
  for (const [i, one] of influences.entries()) {
    const y = BARS.top + (i + 0.5) * BARS.row;
    picture.append(label({ x: 0, y: y + 4 }, one.name, names - 12));
    picture.append(label({ class: given(one[kind]) ? "" : "soft", x: width, y: y + 4, "text-anchor": "end" }, texts[i]));
    if (given(one[kind])) picture.append(...barOf(one, kind, plot, y));
  }
  container.replaceChildren(picture);
}

function barOf(one, kind, plot, y) {
  const [from, to] = [plot.x(Math.min(0, one[kind])), plot.x(Math.max(0, one[kind]))];
  const sure = kind === "importance" || (given(one.low) && one.low * one.high > 0);
  const shapes = [
    svg("rect", {
      class: sure ? "bar" : "bar faint", x: from, y: y - BARS.thick / 2, width: Math.max(0.5, to - from), height: BARS.thick,
    }),
  ];
  if (kind === "correlation" && given(one.low)) {
    const [a, b] = [plot.x(one.low), plot.x(one.high)];
    shapes.push(svg("path", { class: "whisker", d: `M${a},${y}H${b}M${a},${y - 4}V${y + 4}M${b},${y - 4}V${y + 4}` }));
  }
  return shapes;
}

const share = (one) => (given(one.importance) ? one.importance.toFixed(2) : "–");
const signed = (x) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(2)}`;

function rho(one, full) {
  if (!given(one.correlation)) return "–";
  const range = full && given(one.low) ? ` [${signed(one.low)}, ${signed(one.high)}]` : "";
  return `${signed(one.correlation)}${range}`;
}
