// The tree of solutions: steps from left to right, a row for each leaf; clicked, zoomed, moved.

const MANY = 400;
const SHADES = 6;
const EDGE = 26;

function shownNodes(run, which, best) {
  const { parent, score: scores } = run.nodes;
  const asked = new Set(parent.filter((node) => node >= 0));
  for (const node of ancestry(run, best)) asked.add(node);
  const kept = [];
  for (let node = 0; node < parent.length; node += 1) {
    if (node < run.first ? asked.has(node) || which !== "asked" : wanted(node)) kept.push(node);
  }
  function wanted(node) {
    if (which === "every") return true;
    if (which === "valid") return scores[node] !== null || asked.has(node);
    return asked.has(node);
  }
  return kept;
}

// Rows of the shown nodes: each leaf has its own, a parent stands amid its children.
function layout(run, nodes) {
  const children = new Map(nodes.map((node) => [node, []]));
  const roots = [];
  for (const node of nodes) {
    const siblings = children.get(run.nodes.parent[node]);
    (siblings || roots).push(node);
  }
  const row = new Map();
  let next = 0;
  const waiting = roots.reverse().map((node) => [node, false]);
  while (waiting.length) {
    const [node, done] = waiting.pop();
    const below = children.get(node);
    if (!below.length) {
      row.set(node, next);
      next += 1;
    } else if (done) {
      row.set(node, (row.get(below[0]) + row.get(below[below.length - 1])) / 2);
    } else {
      waiting.push([node, true]);
      for (let at = below.length - 1; at >= 0; at -= 1) waiting.push([below[at], false]);
    }
  }
  return { row, rows: Math.max(1, next - 1), children };
}

function tree(run, best, chosen) {
  const state = { which: run.nodes.id.length > MANY ? "asked" : "valid", node: best, k: 1, x: 0, y: 0 };
  const frame = el("div", { class: "tree", tabindex: 0, "aria-label": "Tree of solutions" });
  const told = el("p", { class: "told" }, "");
  const view = { run, best, chosen, state, frame, told };
  const options = [
    ["asked", "solutions that were asked from"],
    ["valid", "all valid solutions"],
    ["every", "every attempt"],
  ];
  const bar = el(
    "div",
    { class: "bar-of-tools" },
    select("Show", options, state.which, (value) => {
      state.which = value;
      arrange(view);
      fitTree(view);
    }),
    el("button", { type: "button", title: "Zoom in", onclick: () => zoomTree(view, 1.6) }, "+"),
    el("button", { type: "button", title: "Zoom out", onclick: () => zoomTree(view, 1 / 1.6) }, "\u2212"),
    el("button", { type: "button", onclick: () => fitTree(view) }, "Fit"),
    best >= 0
      ? el("button", { type: "button", onclick: () => chosen(best) }, "Best")
      : null,
  );
  view.select = (node) => {
    state.node = node;
    if (view.row && !view.row.has(node)) {
      state.which = run.nodes.score[node] === null ? "every" : "valid";
      bar.querySelector("select").value = state.which;
      arrange(view);
    }
    if (view.row) placeTree(view);
  };
  moveTree(view);
  whenSeen(frame, (width) => {
    view.width = width;
    view.height = frame.clientHeight;
    if (!view.row) arrange(view);
    fitTree(view);
  });
  view.element = el(
    "div",
    { class: "tree-box" },
    bar,
    frame,
    told,
    el(
      "p",
      { class: "legend" },
      el("span", {}, el("i", { class: "ramp" }), "worse to better"),
      el("span", {}, el("i", { class: "best" }), "how the best came about"),
      el("span", {}, el("i", { class: "invalid" }), "not valid"),
    ),
    el("p", { class: "hint" }, "Click a node to read it. Drag to move; +, \u2212, ctrl and wheel or two fingers zoom; arrow keys go to parent, child and neighbours."),
  );
  return view;
}

// By rank, so that far outliers do not make all others look alike.
function shader(run) {
  const ranked = run.nodes.score.filter((value) => value !== null).sort((a, b) => a - b);
  return (value) => {
    let [low, high] = [0, ranked.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ranked[middle] < value) low = middle + 1;
      else high = middle;
    }
    const share = low / Math.max(1, ranked.length - 1);
    const good = run.direction === "minimize" ? 1 - share : share;
    return Math.max(0, Math.min(SHADES - 1, Math.floor(good * SHADES)));
  };
}

function arrange(view) {
  const { run, state, best } = view;
  view.nodes = shownNodes(run, state.which, best);
  Object.assign(view, layout(run, view.nodes));
  const steps = view.nodes.map((node) => run.nodes.step[node]);
  view.steps = [Math.min(...steps, 0), Math.max(...steps, 1)];
  const shade = shader(run);
  view.trunk = new Set(ancestry(run, best));
  view.edges = svg("path", { class: "edge" });
  view.chain = svg("path", { class: "edge chosen" });
  view.line = svg("path", { class: "edge best" });
  view.ring = svg("circle", { class: "ring", r: 9 });
  view.label = svg("text", { class: "label" });
  view.spots = view.nodes.map((node) => {
    const value = run.nodes.score[node];
    const kind = value === null ? "invalid" : `shade-${shade(value)}`;
    return svg("circle", {
      class: `node ${kind}${view.trunk.has(node) ? " best" : ""}`,
      r: view.trunk.has(node) ? 5.5 : value === null ? 2.5 : 4,
      "data-node": run.nodes.id[node],
    });
  });
  view.axis = svg("g", {});
  view.picture = svg(
    "svg",
    { role: "img" },
    svg("title", {}, "Tree of solutions"),
    view.axis,
    view.edges,
    view.chain,
    view.line,
    view.spots,
    view.ring,
    view.label,
  );
  fill(view.frame, view.picture);
}

function fitTree(view) {
  Object.assign(view.state, { k: 1, x: 0, y: 0 });
  placeTree(view);
}

function zoomTree(view, factor, x = view.width / 2, y = view.height / 2) {
  const { state } = view;
  const k = Math.max(1, Math.min(60, state.k * factor));
  state.x = x - ((x - state.x) * k) / state.k;
  state.y = y - ((y - state.y) * k) / state.k;
  state.k = k;
  placeTree(view);
}

function placeTree(view) {
  if (view.drawing) return;
  view.drawing = requestAnimationFrame(() => {
    view.drawing = 0;
    drawTree(view);
  });
}

function spotAt(view, node) {
  const { state, steps, rows } = view;
  const across = (view.run.nodes.step[node] - steps[0]) / (steps[1] - steps[0] || 1);
  const down = rows ? view.row.get(node) / rows : 0.5;
  return [
    state.x + state.k * (EDGE + across * (view.width - 2 * EDGE)),
    state.y + state.k * (EDGE + down * (view.height - 2 * EDGE - 14)),
  ];
}

function drawTree(view) {
  const { run, state, width, height } = view;
  state.x = Math.min(0, Math.max(width * (1 - state.k), state.x));
  state.y = Math.min(0, Math.max(height * (1 - state.k), state.y));
  view.frame.classList.toggle("zoomed", state.k > 1);
  attributes(view.picture, { width, height, viewBox: `0 0 ${width} ${height}` });
  view.at = new Map(view.nodes.map((node) => [node, spotAt(view, node)]));
  const edge = (node) => {
    const from = view.at.get(run.nodes.parent[node]);
    if (!from) return "";
    const [x, y] = view.at.get(node);
    const half = (from[0] + x) / 2;
    return `M${from[0].toFixed(1)} ${from[1].toFixed(1)}C${half.toFixed(1)} ${from[1].toFixed(1)} ${half.toFixed(1)} ${y.toFixed(1)} ${x.toFixed(1)} ${y.toFixed(1)}`;
  };
  view.edges.setAttribute("d", view.nodes.map(edge).join(""));
  view.line.setAttribute("d", [...view.trunk].map(edge).join(""));
  view.chain.setAttribute("d", state.node < 0 ? "" : ancestry(run, state.node).map(edge).join(""));
  view.nodes.forEach((node, at) => {
    const [x, y] = view.at.get(node);
    view.spots[at].setAttribute("cx", x.toFixed(1));
    view.spots[at].setAttribute("cy", y.toFixed(1));
  });
  drawSteps(view);
  const place = view.at.get(state.node);
  attributes(view.ring, place ? { cx: place[0], cy: place[1], visibility: "visible" } : { visibility: "hidden" });
  if (place) {
    const right = place[0] > width * 0.6;
    attributes(view.label, {
      x: place[0] + (right ? -13 : 13),
      y: Math.max(14, place[1] - 13),
      "text-anchor": right ? "end" : "start",
    });
  }
  view.label.textContent = place ? `${run.nodes.id[state.node]}: ${scoreOf(run, run.nodes.score[state.node])}` : "";
}

function drawSteps(view) {
  const { state, steps } = view;
  const ticks = niceTicks(steps[0], steps[1], Math.min(8, view.width / 70) * state.k);
  const bottom = view.height - 5;
  const at = (step) =>
    state.x + state.k * (EDGE + ((step - steps[0]) / (steps[1] - steps[0] || 1)) * (view.width - 2 * EDGE));
  fill(
    view.axis,
    ticks.filter(Number.isInteger).flatMap((step) => [
      svg("path", { class: "grid", d: `M${at(step)} 0V${bottom - 14}` }),
      svg("text", { class: "tick mid", x: at(step), y: bottom }, step === 0 ? "seed" : step),
    ]),
  );
}
