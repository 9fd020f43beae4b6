// Lines over steps or samples, as SVG in the width there is.

let clips = 0;
const MARGIN = { left: 58, right: 12, top: 10, bottom: 34 };

function niceTicks(low, high, most) {
  if (!(high > low)) return [low];
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = [1, 2, 2.5, 5, 10].find((one) => one * power >= rough) * power;
  const ticks = [];
  for (let at = Math.ceil(low / unit - 1e-9); at * unit <= high + unit * 1e-9; at += 1) {
    ticks.push(Number((at * unit).toPrecision(10)));
  }
  return ticks;
}

function tickText(value, ticks) {
  if (Math.abs(value) >= 1e6) return value.toExponential(1);
  if (Math.abs(value) >= 1e4) return `${Number((value / 1000).toPrecision(4))}k`;
  const exact = (digits) => ticks.every((tick) => Math.abs(Number(tick.toFixed(digits)) - tick) < 1e-9);
  let digits = 0;
  while (digits < 8 && !exact(digits)) digits += 1;
  return value.toFixed(digits);
}

function padded([low, high]) {
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - room, high + room];
}

// given: title, note, x (its label), series [{name, kind, points, stairs, dots}], dots (points that
// are drawn faintly), lines [{name, y, kind}], y (domain), from0, picked(point)
function chart(given) {
  const place = el("div", { class: "plot" });
  const told = el("p", { class: "told", "aria-live": "off" });
  const names = [...given.series, ...(given.lines || [])];
  const legend = el(
    "p",
    { class: "legend" },
    names.length > 1 || given.lines
      ? names.map((one) => el("span", {}, el("i", { class: one.kind }), one.name))
      : null,
    given.dots ? el("span", {}, el("i", { class: "faint" }), given.dots.name) : null,
  );
  const box = el(
    "figure",
    { class: `chart ${given.size || ""}` },
    el("figcaption", {}, el("b", {}, given.title), given.note ? ` ${given.note}` : ""),
    legend,
    place,
    told,
  );
  if (!given.series.some((one) => one.points.length)) {
    place.append(el("p", { class: "note" }, "nothing to draw yet"));
    return box;
  }
  whenSeen(place, (width) => drawChart(place, told, given, width));
  return box;
}

function domains(given) {
  const points = given.series.flatMap((one) => one.points);
  const xs = points.map((point) => point[0]);
  let y = given.y;
  if (!y) {
    const ys = [...points.map((point) => point[1]), ...(given.lines || []).map((line) => line.y)];
    y = [Math.min(...ys), Math.max(...ys)];
    if (given.from0) y = [Math.min(0, y[0]), Math.max(given.to || 0, y[1])];
  }
  const x = [Math.min(...xs), Math.max(...xs)];
  if (x[0] === x[1]) x[1] += 1;
  return { x, y: given.from0 ? [y[0], y[1] || 1] : padded(y) };
}

function drawChart(place, told, given, width) {
  const height = given.size === "small" ? 150 : Math.min(340, Math.max(230, width * 0.4));
  const domain = domains(given);
  const inner = { w: width - MARGIN.left - MARGIN.right, h: height - MARGIN.top - MARGIN.bottom };
  const X = (x) => MARGIN.left + ((x - domain.x[0]) / (domain.x[1] - domain.x[0])) * inner.w;
  const Y = (y) =>
    MARGIN.top + inner.h - ((y - domain.y[0]) / (domain.y[1] - domain.y[0] || 1)) * inner.h;
  const inside = ([, y]) => y >= domain.y[0] && y <= domain.y[1];
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  picture.append(svg("title", {}, given.title));
  drawAxes(picture, domain, X, Y, width, height, given.x);
  if (given.dots) {
    const spots = given.dots.points.filter(inside);
    picture.append(
      svg("path", {
        class: "cloud",
        d: spots.map(([x, y]) => `M${X(x).toFixed(1)} ${Y(y).toFixed(1)}h0`).join(""),
      }),
    );
  }
  for (const line of given.lines || []) {
    const y = Y(line.y).toFixed(1);
    picture.append(
      svg("path", { class: `line ${line.kind}`, d: `M${MARGIN.left} ${y}H${width - MARGIN.right}` }),
    );
  }
  const frame = `clip-${(clips += 1)}`;
  const lines = svg("g", { "clip-path": `url(#${frame})` });
  picture.append(
    svg("clipPath", { id: frame }, svg("rect", { x: MARGIN.left - 5, y: 4, width: inner.w + 10, height: inner.h + 10 })),
    lines,
  );
  for (const one of given.series) {
    const line = one.points
      .map(([x, y], at) => {
        const [left, top] = [X(x).toFixed(1), Y(y).toFixed(1)];
        if (at === 0) return `M${left} ${top}`;
        return one.stairs ? `H${left}V${top}` : `L${left} ${top}`;
      })
      .join("");
    lines.append(svg("path", { class: `line ${one.kind}`, d: line }));
    if (one.dots || one.points.length === 1) {
      for (const [x, y] of one.points) {
        lines.append(svg("circle", { class: `spot ${one.kind}`, cx: X(x), cy: Y(y), r: 3.5 }));
      }
    }
  }
  followPointer(picture, told, given, domain, X, width, height);
  fill(place, picture);
}

function drawAxes(picture, domain, X, Y, width, height, label) {
  const bottom = height - MARGIN.bottom;
  const ys = niceTicks(domain.y[0], domain.y[1], height < 200 ? 3 : 5);
  for (const y of ys) {
    picture.append(
      svg("path", { class: "grid", d: `M${MARGIN.left} ${Y(y)}H${width - MARGIN.right}` }),
      svg("text", { class: "tick end", x: MARGIN.left - 8, y: Y(y) + 4 }, tickText(y, ys)),
    );
  }
  const xs = niceTicks(domain.x[0], domain.x[1], width < 420 ? 3 : 6).filter(Number.isInteger);
  for (const x of xs) {
    const side = X(x) > width - 26 ? "end" : "mid";
    const left = side === "end" ? width - 2 : X(x);
    picture.append(svg("text", { class: `tick ${side}`, x: left, y: bottom + 16 }, count(x)));
  }
  picture.append(
    svg("path", { class: "axis", d: `M${MARGIN.left} ${bottom}H${width - MARGIN.right}` }),
    svg("text", { class: "tick end", x: width - MARGIN.right, y: height - 3 }, label),
  );
}

function followPointer(picture, told, given, domain, X, width, height) {
  const hair = svg("path", { class: "hair" });
  picture.append(hair);
  const at = (event) => {
    const left = event.clientX - picture.getBoundingClientRect().left;
    return domain.x[0] + ((left - MARGIN.left) / (width - MARGIN.left - MARGIN.right)) * (domain.x[1] - domain.x[0]);
  };
  const nearest = (points, x, stairs) => {
    let found = null;
    for (const point of points) {
      if (stairs ? point[0] <= x : !found || Math.abs(point[0] - x) < Math.abs(found[0] - x)) {
        found = point;
      }
    }
    return found;
  };
  picture.addEventListener("pointermove", (event) => {
    const x = Math.min(domain.x[1], Math.max(domain.x[0], at(event)));
    hair.setAttribute("d", `M${X(x)} ${MARGIN.top}V${height - MARGIN.bottom}`);
    const parts = given.series
      .map((one) => [one.name, nearest(one.points, x, one.stairs)])
      .filter(([, point]) => point)
      .map(([name, point]) => `${name} ${score(Number(point[1].toPrecision(7)))}`);
    told.textContent = `${given.x} ${count(Math.round(x))}: ${parts.join(", ")}`;
  });
  picture.addEventListener("pointerleave", () => {
    hair.removeAttribute("d");
    told.textContent = "";
  });
  if (given.picked) {
    picture.classList.add("clickable");
    picture.addEventListener("click", (event) => given.picked(at(event)));
  }
}

// The points of a column of metrics, without those that are missing.
function pointsOf(xs, ys) {
  return (ys || []).map((y, at) => [xs[at], y]).filter(([, y]) => y !== null && y !== undefined);
}
