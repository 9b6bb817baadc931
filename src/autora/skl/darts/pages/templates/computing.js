// What the page computes, without the page: numbers, errors, files.

/** The text of a model file: members of a pool put together (see `rows.files`). */
function assembled(models, row) {
  const texts = new Map();
  const text = (number) => {
    if (!texts.has(number)) {
      const member = models.pool[number];
      texts.set(number, typeof member === "string" ? member : joined(member));
    }
    return texts.get(number);
  };
  const joined = (member) => {
    if (member[0] === "[") return `[${member.slice(1).map(text).join(",")}]`;
    const pairs = [];
    for (let i = 1; i < member.length; i += 2) {
      pairs.push(`${JSON.stringify(member[i])}:${text(member[i + 1])}`);
    }
    return `{${pairs.join(",")}}`;
  };
  return text(models.files[row]);
}

/** Coefficients of a row, those of one of the groups, or of the population at −1. */
function coefficientsOf(row, group) {
  return row.coefficients.map((one, i) => {
    const own = group >= 0 && row.groups ? row.groups[i] : undefined;
    return own ? own[group] : one.value;
  });
}

/** Ends of a slider: several standard errors about a value, or half of it. */
function sliderEnds(value, error) {
  const wide = Math.max(5 * (error ?? 0), 0.5 * Math.abs(value)) || 1;
  return [value - wide, value + wide];
}

const total = (values) => values.reduce((a, b) => a + b, 0);

/** R² and root mean square error of numbers. */
function errorsOfNumbers(truth, found) {
  const mean = total(truth) / truth.length;
  const squares = total(truth.map((v, i) => (v - found[i]) ** 2));
  const spread = total(truth.map((v) => (v - mean) ** 2));
  return [
    { name: "R²", value: spread > 0 ? 1 - squares / spread : NaN },
    { name: "root mean square error", value: Math.sqrt(squares / truth.length) },
  ];
}

/** Accuracy and logarithmic loss of probabilities, rows of one or one per class. */
function errorsOfClasses(truth, found) {
  const both = (row) => (row.length === 1 ? [1 - row[0], row[0]] : row);
  const top = (row) => row.indexOf(Math.max(...row));
  let right = 0, loss = 0;
  truth.forEach((row, i) => {
    const seen = top(both(row)), chances = both(found[i]);
    right += top(chances) === seen;
    loss -= Math.log(Math.max(chances[seen], 1e-15));
  });
  return [
    { name: "accuracy", value: right / truth.length },
    { name: "logarithmic loss", value: loss / truth.length },
  ];
}

/** Few digits; what is not quite 1 is not said to be 1. */
function shortText(value, digits = 4) {
  if (!Number.isFinite(value)) return "not defined";
  if (value >= 0.9995 && value < 1) {
    return `1 − ${(1 - value).toExponential(1).replace("e-", "e−")}`;
  }
  const size = Math.abs(value);
  const large = size !== 0 && (size < 1e-3 || size >= 1e6);
  const [number, power] = large ? value.toExponential(digits - 1).split("e")
    : [value.toPrecision(digits)];
  const text = Number(number) + (power ? `e${Number(power)}` : "");
  return text.replace(/-/g, "−");
}

/** Round numbers between two ends. */
function ticksBetween(low, high, most) {
  const raw = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((s) => s * power >= raw * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i += 1) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

/** Powers of ten between two positive ends. */
function decadesBetween(low, high, most) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const step = Math.max(1, Math.ceil((last - first + 1) / most));
  const found = [];
  for (let i = first; i <= last; i += step) found.push(10 ** i);
  return found;
}
