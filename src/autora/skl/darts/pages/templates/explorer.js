// The page itself: what is chosen, and what is drawn of it.

const PAGE = JSON.parse(document.getElementById("page").textContent);
const SVG = "http://www.w3.org/2000/svg", MATH = "http://www.w3.org/1998/Math/MathML";
const CURVE_POINTS = 400, SHADES = 5, NEAR = 0.15;
const $ = (id) => document.getElementById(id);
const state = { row: PAGE.chosen, group: -1, output: 0, axis: 0, inputs: [], c: [] };

/** An element with attributes and children. */
function made(space, name, attributes = {}, ...children) {
  const node = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
const withUnit = (column) => (column.unit ? `${column.name} (${column.unit})` : column.name);
const row = () => PAGE.rows[state.row];
const fitted = () => coefficientsOf(row(), state.group);
const isMoved = (i) => state.c[i] !== fitted()[i];
const changed = () => state.c.some((_, i) => isMoved(i));

// The equation

/** A number as MathML: a sign apart, powers of ten. */
function numberParts(value) {
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e6)
    ? size.toExponential(3) : String(Number(size.toPrecision(4)));
  const [digits, power] = text.split("e");
  const parts = [made(MATH, "mn", {}, String(Number(digits)))];
  if (power) {
    const shown = power.replace("+", "").replace("-", "−");
    parts.push(made(MATH, "mo", {}, "·"), made(MATH, "msup", {},
      made(MATH, "mn", {}, "10"), made(MATH, "mn", {}, shown)));
  }
  return parts;
}

/** Put coefficients into the gaps of a typeset equation. */
function fillGaps(root, c) {
  for (const gap of root.querySelectorAll("mn[data-c]")) {
    const i = Number(gap.getAttribute("data-c"));
    const parts = numberParts(c[i]);
    if (isMoved(i)) parts.forEach((part) => part.classList.add("moved"));
    let before = gap.previousElementSibling;
    if (before && before.localName === "mspace") {
      const space = before;
      before = before.previousElementSibling;
      if (before && ["mn", "mrow"].includes(before.localName) && before.dataset.number) {
        space.replaceWith(made(MATH, "mo", {}, "·"));
      }
    }
    const sign = before && before.localName === "mo" ? before.textContent : "";
    const inRow = ["mrow", "math"].includes(gap.parentNode.localName);
    if (c[i] < 0 || Object.is(c[i], -0)) {
      if (inRow && sign === "+") before.textContent = "−";
      else if (inRow && sign === "−") { // minus a negative number
        const first = before.getAttribute("form") === "prefix" || !before.previousElementSibling;
        if (first) before.remove();
        else before.textContent = "+";
      } else if (inRow && (!before || sign === "=" || sign === "(")) {
        parts.unshift(made(MATH, "mo", { form: "prefix" }, "−"));
      } else {
        parts.unshift(made(MATH, "mo", {}, "("), made(MATH, "mo", { form: "prefix" }, "−"));
        parts.push(made(MATH, "mo", {}, ")"));
      }
    }
    const whole = made(MATH, "mrow", { "data-number": "1" }, ...parts);
    gap.replaceWith(whole);
  }
}

function showEquation() {
  const asItIs = !changed() && state.group < 0;
  const lines = (asItIs ? row().typeset : row().gaps).map((line) => {
    const holder = made("", "div");
    holder.innerHTML = line; // written by our own printer, in which every name is escaped
    return holder;
  });
  if (!asItIs) lines.forEach((line) => fillGaps(line, state.c));
  $("equation").replaceChildren(...lines);
  const whose = state.group < 0 ? "" : ` of group ${PAGE.groups[state.group]}`;
  $("status").textContent = changed()
    ? `Row ${row().label}, with coefficients changed by hand.`
    : `Row ${row().label}, with its fitted coefficients${whose}.`;
  $("reset").disabled = !changed();
  $("taken").textContent = changed()
    ? "The file has the fitted coefficients, not those changed by hand." : "";
}

// Plots

/** Axes with a frame of ticks; returns the SVG and the scales. */
function axes(holder, { x, y, xName, yName, logY }) {
  const width = Math.max(280, holder.clientWidth || 640);
  const height = Math.round(Math.min(420, Math.max(230, width * 0.62)));
  const [left, right, top, bottom] = [64, 14, 12, 44];
  const across = (v) => left + ((v - x[0]) / (x[1] - x[0])) * (width - left - right);
  const of = logY ? Math.log10 : (v) => v;
  const up = (v) => height - bottom
    - ((of(v) - of(y[0])) / (of(y[1]) - of(y[0]))) * (height - top - bottom);
  const svg = made(SVG, "svg", { viewBox: `0 0 ${width} ${height}`, height });
  const put = (name, attributes, ...children) =>
    svg.append(made(SVG, name, attributes, ...children));
  const ys = logY ? decadesBetween(y[0], y[1], 6) : ticksBetween(y[0], y[1], 5);
  for (const v of ys) {
    put("line", { class: "tick", x1: left, x2: width - right, y1: up(v), y2: up(v) });
    put("text", { x: left - 7, y: up(v) + 4, "text-anchor": "end" }, shortText(v));
  }
  for (const v of ticksBetween(x[0], x[1], width < 420 ? 4 : 7)) {
    put("line", { class: "axis", x1: across(v), x2: across(v), y1: height - bottom,
      y2: height - bottom + 5 });
    put("text", { x: across(v), y: height - bottom + 18, "text-anchor": "middle" },
      shortText(v));
  }
  put("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom,
    y2: height - bottom });
  const cut = (name) => (name.length > 44 ? `${name.slice(0, 43)}…` : name);
  put("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" },
    cut(xName));
  put("text", { x: 14, y: (height - bottom + top) / 2, "text-anchor": "middle",
    transform: `rotate(-90 14 ${(height - bottom + top) / 2})` }, cut(yName));
  return { svg, across, up, width, height, left, right, top, bottom };
}

function showFront() {
  const rows = PAGE.rows.filter((one) => one.complexity !== null && one.loss !== null);
  const losses = rows.map((one) => one.loss).filter((v) => v > 0);
  if (!losses.length) { $("front").replaceChildren(); return; }
  const least = Math.min(...losses), most = Math.max(...losses);
  const logY = most > 10 * least;
  const loss = (one) => Math.max(one.loss, logY ? least : 0);
  const wide = Math.max(...rows.map((one) => one.complexity)) || 1;
  const y = logY ? [least / 1.8, most * 1.8] : [0, (most || 1) * 1.08];
  const plot = axes($("front"), { x: [-0.04 * wide, wide * 1.04], y, logY,
    xName: "complexity", yName: "training loss" });
  plot.svg.setAttribute("aria-hidden", "true"); // the list below says and does the same
  let best = Infinity;
  const path = [];
  for (const one of [...rows].sort((a, b) => a.complexity - b.complexity || a.loss - b.loss)) {
    if (loss(one) <= best) {
      best = loss(one);
      path.push(`${plot.across(one.complexity)} ${plot.up(best)}`);
    }
  }
  plot.svg.append(made(SVG, "path", { class: "front", d: `M${path.join("L")}` }));
  PAGE.rows.forEach((one, i) => {
    if (!rows.includes(one)) return;
    const mark = made(SVG, "circle", { class: `row${i === state.row ? " chosen" : ""}`,
      cx: plot.across(one.complexity), cy: plot.up(loss(one)), r: 6 },
    made(SVG, "title", {}, `${one.label}: ${one.equation}`));
    mark.addEventListener("click", () => choose(i));
    plot.svg.append(mark);
  });
  $("front").replaceChildren(plot.svg);
}

/** How near a row of the data lies to the sliders, in inputs of the equation. */
function shadeOf(x) {
  let square = 0;
  for (const i of row().used) {
    const column = PAGE.inputs[i];
    if (i === state.axis || column.high <= column.low) continue;
    square += ((x[i] - state.inputs[i]) / (column.high - column.low)) ** 2;
  }
  return Math.ceil(SHADES * Math.exp(-square / (2 * NEAR * NEAR)));
}

/** Numbers of the rows of the data that are shown. */
function shownRows() {
  const data = PAGE.data;
  if (!data) return [];
  const all = [...data.x.keys()];
  if (state.group < 0 || !data.group) return all;
  return all.filter((i) => data.group[i] === state.group);
}

function curveOf(c, low, high) {
  const found = [];
  for (let i = 0; i <= CURVE_POINTS; i += 1) {
    const x = [...state.inputs];
    x[state.axis] = low + ((high - low) * i) / CURVE_POINTS;
    found.push([x[state.axis], EQUATIONS[state.row](x, c)[state.output]]);
  }
  return found;
}

/** Ends of the y axis: the data, and of the curve what is not far beyond. */
function endsOf(seen, curve) {
  if (PAGE.classes) return [-0.05, 1.05];
  const values = curve.map(([, v]) => v).filter(Number.isFinite).sort((a, b) => a - b);
  const inner = values.slice(Math.floor(values.length * 0.05), Math.ceil(values.length * 0.95));
  const ends = seen.length ? seen : inner.length ? inner : [0, 1];
  let low = ends.reduce((a, b) => Math.min(a, b)), high = ends.reduce((a, b) => Math.max(a, b));
  const room = (high - low) * (seen.length ? 0.35 : 0.1) || Math.abs(high) || 1;
  if (values.length) {
    low = Math.max(low - room, Math.min(low, values[0]));
    high = Math.min(high + room, Math.max(high, values[values.length - 1]));
  }
  const pad = 0.05 * (high - low || 1);
  return [low - pad, high + pad];
}

function showCurve() {
  const column = PAGE.inputs[state.axis], data = PAGE.data, shown = shownRows();
  const pad = 0.04 * (column.high - column.low) || 1;
  const x = [column.low - pad, column.high + pad];
  const curve = curveOf(state.c, ...x);
  const seen = shown.map((i) => data.y[i][state.output]);
  const y = endsOf(seen, curve);
  const plot = axes($("curve"), { x, y, xName: withUnit(column),
    yName: withUnit(PAGE.outputs[state.output]) });
  const clip = made(SVG, "clipPath", { id: "inside" }, made(SVG, "rect", { x: plot.left,
    y: plot.top - 4, width: plot.width - plot.left - plot.right,
    height: plot.height - plot.top - plot.bottom + 8 }));
  const inside = made(SVG, "g", { "clip-path": "url(#inside)" });
  const shades = Array.from({ length: SHADES }, () => []);
  for (const i of shown) {
    const shade = Math.max(1, shadeOf(data.x[i]));
    shades[shade - 1].push(
      `M${plot.across(data.x[i][state.axis])} ${plot.up(data.y[i][state.output])}h0`);
  }
  shades.forEach((parts, i) => parts.length && inside.append(made(SVG, "path",
    { class: "points", d: parts.join(""), opacity: 0.12 + (0.6 * i) / (SHADES - 1) })));
  const lineOf = (points, kind) => {
    let pen = "M";
    const parts = [];
    for (const [u, v] of points) {
      if (!Number.isFinite(v)) { pen = "M"; continue; }
      const far = Math.min(Math.max(plot.up(v), -plot.height), 2 * plot.height);
      parts.push(`${pen}${plot.across(u).toFixed(2)} ${far.toFixed(2)}`);
      pen = "L";
    }
    inside.append(made(SVG, "path", { class: kind, d: parts.join("") }));
  };
  if (changed()) lineOf(curveOf(fitted(), ...x), "fitted");
  lineOf(curve, "curve");
  plot.svg.append(clip, inside);
  plot.svg.setAttribute("role", "img");
  plot.svg.setAttribute("aria-label",
    `${PAGE.outputs[state.output].name} over ${column.name}: the curve of the equation`
    + (shown.length ? ` and ${shown.length} rows of the data` : ""));
  $("curve").replaceChildren(plot.svg);
  showStatistics(shown);
}

function showStatistics(shown) {
  const data = PAGE.data;
  if (!shown.length) {
    $("statistics").textContent = data ? "There are no rows of this group." : "";
    return;
  }
  const found = shown.map((i) => EQUATIONS[state.row](data.x[i], state.c));
  const defined = shown.map((_, k) => found[k].every(Number.isFinite));
  const truth = shown.map((i) => data.y[i]).filter((_, k) => defined[k]);
  const there = found.filter((_, k) => defined[k]);
  const undefinedRows = shown.length - there.length;
  let text = "The equation is defined on none of the rows.";
  if (there.length) {
    const errors = PAGE.classes ? errorsOfClasses(truth, there)
      : errorsOfNumbers(...[truth, there].map((rows) => rows.map((v) => v[state.output])));
    text = errors.map((one) => `${one.name} ${shortText(one.value)}`).join(", ");
    text += ` on ${there.length} rows`;
    if (undefinedRows) text += `; not defined on ${undefinedRows} more`;
    text += ".";
  }
  $("statistics").textContent = text;
}

function showNote() {
  const data = PAGE.data, parts = [];
  if (!data) parts.push("The page was made without data.");
  if (data && data.total > data.x.length) {
    parts.push(`Of ${data.total} rows ${data.x.length}, drawn at random, are in this page; on `
      + "all of them the model has "
      + `${data.scores.map((one) => `${one.name} ${one.text}`).join(", ")}.`);
  }
  if (data && row().used.filter((i) => i !== state.axis).length) {
    parts.push("A point is the paler, the farther its other inputs are from their sliders.");
  }
  if (PAGE.groupCount > PAGE.groups.length) {
    parts.push(`Of ${PAGE.groupCount} groups the first ${PAGE.groups.length} are here.`);
  }
  if (PAGE.groups.length && state.group < 0) {
    parts.push("The curve has the coefficients of the population, the points are of all groups.");
  }
  $("note").textContent = parts.join(" ");
}

// Controls

/** A slider and a box for a number that belong together. */
function slider(label, value, [low, high], id, move) {
  const step = (high - low) / 500;
  const box = made("", "input", { type: "number", step: "any", id, value });
  const range = made("", "input", { type: "range", min: low, max: high, step, value,
    "aria-label": label });
  const holder = made("", "div", { class: "slider" }, made("", "label", { for: id }, label),
    range, box);
  range.addEventListener("input", () => {
    box.value = Number(Number(range.value).toPrecision(6));
    move(Number(box.value), holder);
  });
  box.addEventListener("input", () => {
    if (box.value === "" || !Number.isFinite(Number(box.value))) return;
    range.value = box.value;
    move(Number(box.value), holder);
  });
  return holder;
}

function showCoefficients() {
  const sliders = row().coefficients.map((one, i) => {
    // The standard error is that of what all groups share, or of their mean.
    const value = fitted()[i], own = state.group >= 0 && row().groups && row().groups[i];
    const error = one.error && !own ? ` ± ${shortText(one.error, 2)}` : "";
    const unit = one.unit ? ` ${one.unit}` : "";
    const label = `${one.term}: ${shortText(value)}${error}${unit}`;
    return slider(label, value, sliderEnds(value, one.error), `c${i}`, (moved, holder) => {
      state.c[i] = moved;
      holder.classList.toggle("moved", isMoved(i));
      redraw();
    });
  });
  $("coefficients").replaceChildren(...(sliders.length ? sliders
    : [made("", "p", { class: "muted small" }, "This equation has none to move.")]));
}

function showInputs() {
  const others = row().used.filter((i) => i !== state.axis);
  const sliders = others.map((i) => {
    const column = PAGE.inputs[i];
    const ends = column.high > column.low ? [column.low, column.high]
      : [column.low - 1, column.high + 1];
    return slider(withUnit(column), state.inputs[i], ends, `x${i}`, (moved) => {
      state.inputs[i] = moved;
      redraw();
    });
  });
  $("inputs").replaceChildren(...(sliders.length ? sliders : [made("", "p",
    { class: "muted small" }, "The equation has no input beside that of the x axis.")]));
}

let waiting = false;
/** Draw once a frame, however often sliders move. */
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    showEquation();
    showCurve();
  });
}

function choose(number) {
  state.row = number;
  state.c = fitted();
  if (row().used.length && !row().used.includes(state.axis)) state.axis = row().used[0];
  $("axis").value = state.axis;
  document.querySelectorAll("#rows input").forEach((one, i) => { one.checked = i === number; });
  const [list, line] = [$("rows"), $("rows").children[number]];
  const below = line.offsetTop + line.offsetHeight - list.offsetTop - list.clientHeight;
  const above = line.offsetTop - list.offsetTop;
  list.scrollTop = Math.min(Math.max(list.scrollTop, below), above);
  showAll();
}

function showAll() {
  showCoefficients();
  showInputs();
  showFront();
  showNote();
  showEquation();
  showCurve();
}

function setUp() {
  const options = (id, names) => $(id).replaceChildren(
    ...names.map(([value, name]) => made("", "option", { value }, name)));
  options("axis", PAGE.inputs.map((column, i) => [i, column.name]));
  options("output", PAGE.outputs.map((column, i) => [i, column.name]));
  options("group", [[-1, "population"], ...PAGE.groups.map((name, i) => [i, name])]);
  $("output-choice").hidden = PAGE.outputs.length < 2;
  $("group-choice").hidden = !PAGE.groups.length;
  state.inputs = PAGE.inputs.map((column) => Number(column.middle.toPrecision(4)));
  $("rows").replaceChildren(...PAGE.rows.map((one, i) => {
    const input = made("", "input", { type: "radio", name: "row", value: i });
    input.addEventListener("change", () => choose(i));
    const cell = (name, text) => made("", "span", { class: "number" },
      made("", "span", { class: "hidden" }, `${name} `), text);
    const known = (value, digits) => (value === null ? "–" : shortText(value, digits));
    const weight = (value) => (value > 0 && value < 1e-6 ? "<1e-6" : known(value, 2));
    return made("", "label", {}, input, cell("complexity", known(one.complexity)),
      cell("loss", known(one.loss, 3)), cell("weight", weight(one.weight)),
      made("", "code", {}, one.equation));
  }));
  $("unlikely").textContent = PAGE.unlikely
    ? `Not shown: ${PAGE.unlikely} rival${PAGE.unlikely > 1 ? "s" : ""} with a weight below 0.02.` : "";
  const number = (id, key, then) => $(id).addEventListener("change", () => {
    state[key] = Number($(id).value);
    then();
  });
  number("axis", "axis", () => { showInputs(); showNote(); showCurve(); });
  number("output", "output", showCurve);
  number("group", "group", () => { state.c = fitted(); showAll(); });
  $("reset").addEventListener("click", () => { state.c = fitted(); showAll(); });
  $("take").addEventListener("click", take);
  addEventListener("resize", () => { showFront(); showCurve(); });
  choose(state.row);
}

/** Save the model file of the chosen row. */
function take() {
  const file = new Blob([assembled(PAGE.models, state.row)], { type: "application/json" });
  const link = made("", "a", { href: URL.createObjectURL(file),
    download: row().label < 0 ? "model.json" : `model-row-${row().label}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  $("taken").textContent = `${link.download} has the fitted coefficients of this row.`;
}

setUp();
