// Scores of single steps as histograms on one axis.

const BINS = 32;

function chosenSteps(last) {
  const wanted = [
    [1, "first step"],
    [Math.ceil(last * 0.2), "at 20%"],
    [Math.ceil(last * 0.5), "at 50%"],
    [last, "last step"],
  ];
  const found = new Map();
  for (const [step, name] of wanted) {
    if (step >= 1) found.set(step, found.has(step) ? `${found.get(step)}, ${name}` : name);
  }
  return [...found];
}

function distributions(run) {
  const last = Math.max(0, ...run.metrics.step || []);
  const domain = scoreDomain(run);
  const of = (step) => {
    const scores = [];
    let all = 0;
    for (let node = run.first; node < run.nodes.id.length; node += 1) {
      if (run.nodes.step[node] !== step) continue;
      all += 1;
      if (run.nodes.score[node] !== null) scores.push(run.nodes.score[node]);
    }
    return { scores, all };
  };
  const place = el("div", { class: "plot" });
  const rows = chosenSteps(last).map(([step, name]) => ({ step, name, ...of(step) }));
  whenSeen(place, (width) => fill(place, drawDistributions(rows, domain, width)));
  return el(
    "figure",
    { class: "chart" },
    el(
      "figcaption",
      {},
      el("b", {}, "Scores of single steps"),
      " valid attempts; the bar at an edge holds what lies beyond",
    ),
    rows.length ? place : el("p", { class: "note" }, "nothing to draw yet"),
  );
}

function drawDistributions(rows, [low, high], width) {
  const row = 62;
  const height = rows.length * row + 24;
  const span = high - low || 1;
  const inner = width - 24;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  picture.append(svg("title", {}, "Scores of single steps"));
  rows.forEach(({ step, name, scores, all }, at) => {
    const base = (at + 1) * row;
    const bins = new Array(BINS).fill(0);
    for (const value of scores) {
      const bin = Math.floor(((value - low) / span) * BINS);
      bins[Math.max(0, Math.min(BINS - 1, bin))] += 1;
    }
    const most = Math.max(1, ...bins);
    bins.forEach((number, bin) => {
      if (!number) return;
      const tall = Math.max(2, (number / most) * (row - 26));
      picture.append(
        svg("rect", {
          class: "bar",
          x: 12 + (bin / BINS) * inner + 0.5,
          y: base - tall,
          width: Math.max(1, inner / BINS - 1),
          height: tall,
        }),
      );
    });
    const label = `step ${step} (${name}): ${scores.length} of ${all} valid`;
    picture.append(
      svg("path", { class: "axis", d: `M12 ${base}H${width - 12}` }),
      svg("text", { class: "tick", x: 12, y: base - row + 16 }, label),
    );
  });
  const ticks = niceTicks(low, high, width < 420 ? 3 : 6);
  for (const x of ticks) {
    const left = 12 + ((x - low) / span) * inner;
    const side = left > width - 40 ? "end" : left < 40 ? "" : "mid";
    picture.append(svg("text", { class: `tick ${side}`, x: left, y: height - 4 }, tickText(x, ticks)));
  }
  return picture;
}
