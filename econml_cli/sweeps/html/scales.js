// Numbers and categories as positions from 0 to 1, with the ticks of an axis; text that fits; elements.

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function html(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function drawing(width, height, label) {
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
}

const isNumber = (value) => typeof value === "number";
const given = (value) => value !== null && value !== undefined;

// four digits, as in the terminal: 0.00123, 1.2e-5, 64
function format(value, digits = 4) {
  if (!given(value)) return "–";
  if (!isNumber(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value).replace("-", "−");
  const size = Math.abs(value);
  const text = size < 1e-4 || size >= 1e5 ? value.toExponential(digits - 1) : value.toPrecision(digits);
  const [mantissa, power] = text.split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return (power ? `${short}e${power.replace("+", "")}` : short).replaceAll("-", "−");
}

const ruler = document.createElement("canvas").getContext("2d");

function textWidth(text) {
  ruler.font = '600 12px system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';
  return ruler.measureText(text).width;
}

// what fits into `width` pixels; the middle goes first, since formulas often start alike
function fitted(text, width) {
  if (textWidth(text) <= width) return text;
  let [low, high] = [2, text.length - 1];
  const cut = (n) => `${text.slice(0, Math.ceil(n / 2))}…${text.slice(text.length - Math.floor(n / 2))}`;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (textWidth(cut(middle)) <= width) low = middle;
    else high = middle - 1;
  }
  return cut(low);
}

function label(attributes, text, width) {
  const shown = width === undefined ? text : fitted(text, width);
  const node = svg("text", attributes, shown);
  if (shown !== text) node.append(svg("title", {}, text));
  return node;
}

// The scale of some values. Numbers: logarithmic where they are positive and span more than a factor of `logFrom`.
// Returns { at: value -> position in [0, 1] or null, ticks: [{ at, text }], log, categorical }.
function scaleOf(values, logFrom) {
  const there = values.filter(given);
  const distinct = [...new Set(there)];
  if (distinct.length < 2 || !there.every(isNumber)) return categories(distinct);
  const low = Math.min(...there);
  const high = Math.max(...there);
  const log = low > 0 && high / low > logFrom;
  const map = log ? Math.log10 : (x) => x;
  const at = (x) => (isNumber(x) ? (map(x) - map(low)) / (map(high) - map(low)) : null);
  const few = distinct.length <= 6 && distinct.every(Number.isInteger);
  const marks = few ? distinct : log ? decades(low, high) : steps(low, high);
  const ticks = marks.map((x) => ({ at: at(x), text: format(x) })).sort((a, b) => a.at - b.at);
  return { at, ticks, log, categorical: false };
}

function categories(distinct) {
  const order = distinct.sort((a, b) => (isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b))));
  const place = new Map(order.map((value, i) => [value, order.length === 1 ? 0.5 : (i + 0.25) / (order.length - 0.5)]));
  const at = (value) => place.get(value) ?? null;
  return { at, ticks: order.map((value) => ({ at: at(value), text: format(value) })), log: false, categorical: true };
}

function steps(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999) ?? rough;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function decades(low, high) {
  const span = Math.log10(high / low);
  const factors = span > 3.5 ? [1] : span > 1.2 ? [1, 3] : [1, 2, 5];
  const every = Math.ceil(span / 8);
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    if (power % every) continue;
    for (const factor of factors) {
      const x = Number(`${factor}e${power}`);
      if (x >= low * 0.999 && x <= high * 1.001) found.push(x);
    }
  }
  return found;
}

// ticks at least `gap` pixels apart on an axis of `length` pixels
function spaced(ticks, length, gap) {
  let last = -Infinity;
  return ticks.filter((tick) => {
    const keep = (tick.at - last) * length >= gap;
    if (keep) last = tick.at;
    return keep;
  });
}
