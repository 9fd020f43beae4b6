// Numbers and names in words.

function score(value) {
  if (value === null || value === undefined) return "none";
  const text = Number(value.toPrecision(8));
  return Math.abs(text) >= 1e6 || (text !== 0 && Math.abs(text) < 1e-4)
    ? text.toExponential()
    : String(text);
}

function figure(value, digits = 3) {
  return value === null || value === undefined ? "none" : String(Number(value.toPrecision(digits)));
}

function count(value) {
  return value.toLocaleString("en-US");
}

function percent(share, digits = 0) {
  return share === null || share === undefined ? "none" : `${(100 * share).toFixed(digits)}%`;
}

function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function plural(number, one) {
  return `${count(number)} ${one}${number === 1 ? "" : "s"}`;
}

function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

// A score of a run, marked where nobody verified it.
function scoreOf(run, value, error) {
  const text = withError(value, error);
  return run.unverified && typeof value === "number" ? `${text} unverified` : text;
}

function withError(value, error) {
  return typeof error === "number" ? `${score(value)} \u00b1 ${figure(error, 2)}` : score(value);
}
