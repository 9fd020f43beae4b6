// The page of a search.

function searchPage(run) {
  const best = run.best && run.best.node !== null ? run.best.node : -1;
  const start = best >= 0 ? best : run.nodes.id.length ? 0 : -1;
  const panel = solutionPanel(run, (node) => choose(node));
  const picture = tree(run, best, (node, jump) => choose(node, jump));
  function choose(node, jump) {
    picture.select(node);
    panel.open(node);
    if (jump && matchMedia("(max-width: 900px)").matches) panel.box.scrollIntoView({ block: "start" });
    else if (jump) picture.element.scrollIntoView({ block: "nearest" });
  }
  if (start >= 0) choose(start);
  return [
    heading(run, searchFacts(run)),
    el("div", { class: "cards" }, found(run, best, choose), healthCard(run), seen(run, best)),
    section("Score", "", el("div", { class: "wide" }, scoreChart(run, choose), distributions(run))),
    start < 0
      ? null
      : section("How solutions came about", "", el("div", { class: "halves" }, picture.element, panel.box)),
    section("Health", "What learning did, step by step.", healthCharts(run)),
    run.nodes.id.length > run.first ? section("Attempts", "", attemptList(run, choose)) : null,
    details(run),
  ];
}

function searchFacts(run) {
  const { summary, best } = run;
  return [
    ["best", best ? scoreOf(run, best.score, best.error) : "none"],
    ["best known", summary.best_known === null ? null : score(summary.best_known)],
    ["certified", summary.best && summary.best.certified !== null ? score(summary.best.certified) : null],
    ["held out", best && best.held_out ? heldOut(best.held_out) : null],
    ["seed", summary.seed_score === null ? null : scoreOf(run, summary.seed_score)],
    ["samples", count(summary.samples)],
    ["valid", percent(summary.valid / Math.max(1, summary.samples))],
    ["steps", count(summary.steps)],
    ["tokens", summary.tokens ? count(summary.tokens) : null],
    ["time", duration(summary.seconds)],
  ];
}

function heldOut(found) {
  return found.score === null ? "not valid" : withError(found.score, found.error);
}

function found(run, best, choose) {
  const box = el("div", { class: "card", id: "found" }, el("h2", {}, "What was found?"));
  box.append(...run.findings.map((sentence) => el("p", {}, sentence)));
  if (best < run.first) return box;
  const change = el("div", { class: "change" });
  box.append(change, el("button", { type: "button", onclick: () => choose(best, true) }, "Read it"));
  const parent = run.nodes.parent[best];
  if (parent >= 0) {
    Promise.all([record(run, parent), record(run, best)]).then(([before, after]) => {
      fill(change, diffView(before.solution || before.text || "", after.solution || after.text || ""));
    });
  }
  return box;
}

function healthCard(run) {
  return el(
    "div",
    { class: "card", id: "healthy" },
    el("h2", {}, "Was learning healthy?"),
    el("p", {}, run.health.text),
    el(
      "ul",
      { class: "signs" },
      run.health.signs.map((sign) => el("li", { class: sign.good ? "good" : "bad" }, sign.text)),
    ),
  );
}

function seen(run, best) {
  const parent = best < run.first ? -1 : run.nodes.parent[best];
  const from = parent >= 0 ? run.nodes.id[parent] : Object.keys(run.prompts)[0];
  const box = el("div", { class: "card", id: "seen" }, el("h2", {}, "What did the model see?"));
  if (from === undefined) {
    box.append(el("p", {}, "Nothing yet."));
    return box;
  }
  const said = parent >= 0 ? "the prompt that led to the best solution" : "the first prompt";
  box.append(el("p", {}, `This is ${said}, made from ${from}. Of each attempt the tab Prompt shows its own.`));
  const place = el("div", {});
  box.append(place);
  record(run, run.prompts[from]).then((read) => fill(place, promptView(read.messages)));
  return box;
}

function promptView(messages) {
  return messages.map((turn) => [el("p", { class: "role" }, turn.role), code(turn.content, "wrap short")]);
}

function scoreChart(run, choose) {
  const { metrics, summary } = run;
  const found = improvements(run).map(([sample, value]) => [sample, value]);
  const samples = run.nodes.id.length - run.first;
  if (found.length) found.push([samples, found[found.length - 1][1]]);
  const ends = metrics["total/samples"] || [];
  const dots = { name: "valid attempts", points: [] };
  for (let node = run.first; node < run.nodes.id.length; node += 1) {
    if (run.nodes.score[node] !== null) dots.points.push([node - run.first + 1, run.nodes.score[node]]);
  }
  return chart({
    title: `Score${run.unverified ? ", unverified," : ""} over samples`,
    note: run.direction === "minimize" ? "lower is better" : "higher is better",
    x: "samples",
    y: scoreDomain(run),
    series: [
      { name: "best so far", kind: "one", points: found, stairs: true },
      { name: "step's best", kind: "two", points: pointsOf(ends, metrics["solve/step_best_score"]), dots: ends.length < 40 },
      { name: "step's mean", kind: "three", points: pointsOf(ends, metrics["solve/step_mean_score"]) },
    ],
    dots,
    lines: summary.best_known === null ? [] : [{ name: "best known", kind: "known", y: summary.best_known }],
    picked: (x) => {
      const near = improvements(run).filter(([sample]) => sample <= x + samples * 0.01);
      if (near.length) choose(near[near.length - 1][2]);
    },
  });
}

function healthCharts(run) {
  const { metrics } = run;
  const steps = metrics.step || [];
  const of = (name, kind, key) => ({ name, kind, points: pointsOf(steps, metrics[key]), dots: steps.length < 20 });
  const small = (title, note, series, more) => chart({ size: "small", title, note, x: "step", series, ...more });
  const whole = { from0: true, to: 1 };
  const charts = [
    run.kind === "solve"
      ? small("Valid", "share of attempts", [of("valid", "one", "solve/valid"), of("valid and new", "two", "solve/distinct")], whole)
      : small("With an answer", "share of samples", [of("parsed", "one", "vote/parsed")], whole),
    small("Entropy", "nats a token", [of("entropy", "one", "train/entropy")], { from0: true }),
    small("KL from the base model", "nats a token", [of("KL", "one", "train/kl_base")], { from0: true }),
    small("Sync of the sampler", "1 is in step", [of("sync", "one", "policy/sync")], whole),
    run.kind === "solve"
      ? small("Spread of rewards", "standard deviation within groups", [of("spread", "one", "spread")], { from0: true })
      : null,
    small("Groups without a signal", "share", [of("dropped", "one", "credit/groups_dropped")], whole),
    small("Completions that ended", "share, not cut off", [of("finished", "one", "sample/finished")], whole),
    small("Gradient", "norm before clipping", [of("norm", "one", "train/grad_norm")], { from0: true }),
  ];
  const drawn = charts.filter((one) => one && one.querySelector(".plot:empty"));
  return el("div", { class: "small-charts" }, drawn.length ? drawn : el("p", { class: "note" }, "no steps yet"));
}
